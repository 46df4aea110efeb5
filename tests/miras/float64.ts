/** Tensors of plain numbers by name, and functions run on them in float64 by the native engine. */
import { mapTree, readSync, release, scope, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { nativeEngine } from "../array/native/support.ts";
import { type NumberTree, toNumbers, toTensor } from "../common/tensors.ts";
import { flatten } from "../oracles/index.ts";

const engine = await nativeEngine({
  precision: "float64",
  onNote: (sentence) => {
    throw new Error(sentence);
  },
});

function shapeOf(numbers: unknown): number[] {
  return Array.isArray(numbers) ? [numbers.length, ...shapeOf(numbers[0])] : [];
}

/** A float64 tensor of nested lists of numbers. */
export function wide(numbers: NumberTree): Tensor {
  return tensor(Float64Array.from(flatten(numbers)), shapeOf(numbers));
}

/** Plain numbers by name, as float64 tensors. */
export function wideTree<K extends string>(numbers: Readonly<Record<K, NumberTree>>): Record<K, Tensor> {
  const entries = Object.entries<NumberTree>(numbers).map(([name, value]) => [name, wide(value)]);
  return Object.fromEntries(entries) as Record<K, Tensor>;
}

/** The same in float32. */
export function floats<K extends string>(numbers: Readonly<Record<K, NumberTree>>): Record<K, Tensor> {
  const entries = Object.entries<NumberTree>(numbers).map(([name, value]) => [name, toTensor(value)]);
  return Object.fromEntries(entries) as Record<K, Tensor>;
}

/** What a function gives, computed in float64 by the native engine: where there is none, tests that call this are skipped. */
export async function inFloat64<A extends readonly Tree[], R extends Tree>(
  f: (...args: A) => R,
  ...args: A
): Promise<NumberTree> {
  const result = (await engine.compile("test", f)(...args)) as Tree;
  const numbers = scope(() => toNumbers(mapTree(result, (x) => tensor(Float64Array.from(readSync(x)), x.shape))));
  release(result, ...args);
  return numbers;
}
