/** What the native engine's tests share: the engine where it is installed, arguments, and comparison. */
import { describe } from "vitest";
import { type Engine, leaves, readSync, release, type Tensor, type Tree, tensor } from "../../../src/array/index.ts";
import { NativeEngine, type NativeOptions } from "../../../src/array/native/index.ts";

/** Whether onnxruntime can be loaded here: everything but the native engine works without. */
export const hasNative = await NativeEngine.start().then(
  () => true,
  () => false,
);

/** `describe` for what needs the native engine. */
export const describeNative = describe.skipIf(!hasNative);

/** A native engine; nothing where there is none, where its tests are skipped. */
export async function nativeEngine(options: NativeOptions = {}): Promise<NativeEngine> {
  return hasNative ? NativeEngine.start({ threads: 1, ...options }) : (undefined as never);
}

/** Numbers between -1 and 1 that depend on the seed alone. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * 2 - 1;
  };
}

export function randomTensor(shape: readonly number[], seed: number): Tensor {
  const next = generator(seed);
  const size = shape.reduce((product, n) => product * n, 1);
  return tensor(Float32Array.from({ length: size }, next), shape);
}

/** All numbers of a program's result, leaf by leaf; the result is released. */
export async function results(engine: Engine, f: (...args: never[]) => Tree, args: readonly unknown[]) {
  const tree = (await engine.compile("test", f)(...(args as never[]))) as Tree;
  const found = leaves(tree).map((leaf) => ({
    shape: [...leaf.shape],
    type: leaf.dtype,
    numbers: [...readSync(leaf)],
  }));
  release(tree);
  return found;
}

/** The largest difference of two lists, relative to the largest number of the second if that is above 1. */
export function largestDifference(actual: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(1, ...expected.filter(Number.isFinite).map(Math.abs));
  return actual.reduce((worst, x, i) => {
    const y = expected[i]!;
    return Object.is(x, y) || x === y
      ? worst
      : Math.max(worst, Number.isNaN(x - y) ? Infinity : Math.abs(x - y) / scale);
  }, 0);
}
