/** Float64 tensors of plain numbers: products, sums, quotients and roots of these are exact to rounding on every engine. */
import { expect } from "vitest";
import { readSync, release, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { nativeEngine } from "../array/native/support.ts";
import { type NumberTree, toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

function shapeOf(numbers: unknown): number[] {
  return Array.isArray(numbers) ? [numbers.length, ...shapeOf(numbers[0])] : [];
}

/** A float64 tensor of nested lists. */
export function exact(numbers: NumberTree): Tensor {
  return tensor(Float64Array.from(oracle.flatten(numbers)), shapeOf(numbers));
}

/** The matrix that a tensor holds. */
export function matrixOf(x: Tensor): oracle.Matrix {
  return toNumbers(x) as oracle.Matrix;
}

/** The only number of a tensor. */
export function numberOf(x: Tensor): number {
  return readSync(x)[0]!;
}

/** Expects numbers to agree, relative to the larger of 1 and the largest expected one. */
export function expectExact(actual: Tree, expected: NumberTree, tolerance = 1e-12): void {
  const numbers = oracle.flatten(expected);
  const size = Math.max(1, ...numbers.map(Math.abs));
  expect(oracle.maxDifference(toNumbers(actual), expected) / size).toBeLessThanOrEqual(tolerance);
}

/** The result of a function of float64 tensors, by the engine whose exponentials are float64 too. */
export async function inFloat64<A extends readonly Tree[], R extends Tree>(
  f: (...args: A) => R,
  ...args: A
): Promise<NumberTree> {
  const engine = await nativeEngine({ precision: "float64" });
  const result = await engine.compile("test", f)(...args);
  const numbers = toNumbers(result);
  release(result);
  await engine.dispose();
  return numbers;
}

/** The squared Frobenius norm of the difference of two matrices. */
export function squaredDistance(a: oracle.Matrix, b: oracle.Matrix): number {
  return oracle.treeNorm(oracle.addMatrix(a, oracle.scaleMatrix(-1, b))) ** 2;
}

/** The inner product of two trees of numbers. */
export function inner(a: unknown, b: unknown): number {
  return oracle.dot(oracle.flatten(a), oracle.flatten(b));
}
