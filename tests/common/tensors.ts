/** Between nested plain numbers and tensors, and comparing the two. */
import { expect } from "vitest";
import { isTensor, mapTree, readSync, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { flatten, type Matrix, randomSource } from "../oracles/index.ts";

/** Numbers in the structure of a tree of tensors: a tensor becomes nested lists. */
export type NumberTree = number | NumberTree[] | { [name: string]: NumberTree };

function shapeOf(numbers: unknown): number[] {
  return Array.isArray(numbers) ? [numbers.length, ...shapeOf(numbers[0])] : [];
}

/** A tensor of nested lists of numbers. */
export function toTensor(numbers: NumberTree): Tensor {
  return tensor(flatten(numbers), shapeOf(numbers));
}

/** A tensor of whole numbers. */
export function toIntegers(numbers: NumberTree): Tensor {
  return tensor(Int32Array.from(flatten(numbers)), shapeOf(numbers));
}

function nest(values: ArrayLike<number>, shape: readonly number[], offset = 0): NumberTree {
  const [length, ...rest] = shape;
  if (length === undefined) return values[offset]!;
  const stride = rest.reduce((product, n) => product * n, 1);
  return Array.from({ length }, (_, i) => nest(values, rest, offset + i * stride));
}

/**
 * The numbers of a tensor or of a whole tree of tensors, names in alphabetical order: compiled programs return objects with their names
 * sorted, and two trees should flatten to comparable lists.
 */
export function toNumbers(tree: Tree): NumberTree {
  if (isTensor(tree)) return nest(readSync(tree), tree.shape);
  if (Array.isArray(tree)) return tree.map((child: Tree) => toNumbers(child));
  const entries = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, child]) => [name, toNumbers(child as Tree)]));
}

/** Normal numbers [rows, columns]. */
export function randomMatrix(seed: number, rows: number, columns: number): Matrix {
  return randomSource(seed).normalMatrix(rows, columns);
}

/** Normal numbers [batch, tokens, dim]. */
export function randomSequences(seed: number, batch: number, tokens: number, dim: number): Matrix[] {
  const random = randomSource(seed);
  return Array.from({ length: batch }, () => random.normalMatrix(tokens, dim));
}

/** The same tree with random numbers, small where the leaf was small. */
export function randomized<T extends Tree>(seed: number, tree: T, deviation = 0.5): T {
  const random = randomSource(seed);
  return mapTree(tree, (leaf) => tensor(random.normalVector(leaf.size, deviation), leaf.shape));
}

/** Largest absolute difference, relative to the larger of 1 and the largest expected number. NaN anywhere gives NaN. */
export function relativeError(actual: Tensor | NumberTree, expected: Tensor | NumberTree): number {
  const [a, e] = [actual, expected].map((side) => (isTensor(side) ? [...readSync(side)] : flatten(side))) as [
    number[],
    number[],
  ];
  expect(a).toHaveLength(e.length);
  const scale = e.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - e[i]!)), 0) / scale;
}

/**
 * Expects numbers to agree.
 *
 * @param tolerance relative to the larger of 1 and the largest expected number. The default, 1e-6, is some sixteen float32 roundings:
 * the sums in these tests have at most a few dozen terms of size one.
 */
export function expectClose(actual: Tensor | NumberTree, expected: Tensor | NumberTree, tolerance = 1e-6): void {
  expect(relativeError(actual, expected)).toBeLessThanOrEqual(tolerance);
}
