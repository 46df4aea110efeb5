/** Functions of tensors in float64, by the native engine: equalities to the last digits, and derivatives by differences. */
import { expect } from "vitest";
import { grad, np, release, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { nativeEngine } from "../array/native/support.ts";
import { type NumberTree, toNumbers } from "../common/tensors.ts";
import { dot, flatten, type Matrix, randomSource, unflatten } from "../oracles/index.ts";

const engine = await nativeEngine({ precision: "float64" });

function shapeOf(numbers: unknown): number[] {
  return Array.isArray(numbers) ? [numbers.length, ...shapeOf(numbers[0])] : [];
}

/** A float64 tensor of nested lists of numbers. */
export function toExact(numbers: NumberTree): Tensor {
  return tensor(Float64Array.from(flatten(numbers)), shapeOf(numbers));
}

type TensorFunction<R extends Tree> = (...args: Tensor[]) => R;

/** The numbers that a function of tensors gives in float64. */
export async function exactly<R = Matrix>(f: TensorFunction<Tree>, ...args: NumberTree[]): Promise<R> {
  return (await compiled(f)(...args)) as R;
}

function compiled(f: TensorFunction<Tree>): (...args: NumberTree[]) => Promise<NumberTree> {
  const program = engine.compile("exact", f);
  return async (...args) => {
    const tensors = args.map(toExact);
    const result = (await program(...tensors)) as Tree;
    const numbers = toNumbers(result);
    release(tensors, result);
    return numbers;
  };
}

/**
 * Expects the derivatives of a function with respect to all of its arguments to be those of differences.
 *
 * The readout is a fixed random combination of the result's numbers. Steps of 1e-3 with the error of second order taken out leave some 1e-12.
 *
 * @param tolerance relative to the largest derivative
 * @param plain the same function in plain numbers, to take differences of; by default the function's own values
 * @param step of the differences: smaller where the function bends more, at the price of more rounding
 */
export async function expectDerivatives(
  f: TensorFunction<Tensor>,
  args: NumberTree[],
  tolerance = 1e-8,
  plain?: (...args: NumberTree[]) => number[],
  step = 1e-3,
): Promise<void> {
  const weightsOf = (size: number) => randomSource(999).normalVector(size);
  const readout = (...tensors: Tensor[]): Tensor => {
    const result = f(...tensors);
    return np.sum(np.multiply(result, tensor(Float64Array.from(weightsOf(result.size)), result.shape)));
  };
  const actual = await compiled((...tensors) => grad((at: Tensor[]) => readout(...at))(tensors))(...args);
  const program = compiled(readout);
  const value = async (at: NumberTree[]) => {
    if (plain === undefined) return (await program(...at)) as number;
    const result = plain(...at);
    return dot(result, weightsOf(result.length));
  };
  const flat = flatten(args);
  const expected: number[] = [];
  for (let i = 0; i < flat.length; i++) {
    const at = (x: number) => value(unflatten(flat.with(i, x), args));
    const difference = async (h: number) => ((await at(flat[i]! + h)) - (await at(flat[i]! - h))) / (2 * h);
    expected.push((4 * (await difference(step / 2)) - (await difference(step))) / 3);
  }
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(1e-3);
  flatten(actual).forEach((x, j) => {
    expect(Math.abs(x - expected[j]!), `derivative ${j}: ${x} against ${expected[j]}`).toBeLessThan(
      tolerance * largest,
    );
  });
}

/** The largest absolute difference of two trees of numbers. */
export function distance(a: NumberTree, b: NumberTree): number {
  const [x, y] = [flatten(a), flatten(b)];
  expect(x).toHaveLength(y.length);
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i]!)), 0);
}
