/** Blocks of random host numbers, their rows, and comparing lists of numbers. */
import { expect } from "vitest";
import { type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import type { Block } from "../../src/common/block.ts";
import { toNumbers } from "../common/tensors.ts";
import { flatten, type Matrix, randomSource } from "../oracles/index.ts";

export function tensorOf(block: Block): Tensor {
  return tensor(block.data, block.shape);
}

export function randomBlock(seed: number, batch: number, tokens: number, dim: number): Block {
  const data = Float32Array.from(randomSource(seed).normalVector(batch * tokens * dim));
  return { data, shape: [batch, tokens, dim] };
}

export function rowsOf(block: Block, rows: readonly number[]): Block {
  const [, tokens, dim] = block.shape as [number, number, number];
  const size = tokens * dim;
  return {
    data: Float32Array.from(rows.flatMap((row) => [...block.data.subarray(row * size, (row + 1) * size)])),
    shape: [rows.length, tokens, dim],
  };
}

/** A copy with some tokens of one row replaced by other numbers. */
export function changed(block: Block, row: number, from: number, to: number): Block {
  const [, tokens, dim] = block.shape as [number, number, number];
  const data = block.data.slice();
  for (let i = (row * tokens + from) * dim; i < (row * tokens + to) * dim; i++) data[i]! += 1;
  return { data, shape: block.shape };
}

export function matrixOf(block: Block): Matrix {
  const [, tokens, dim] = block.shape as [number, number, number];
  return Array.from({ length: tokens }, (_, t) => [...block.data.subarray(t * dim, (t + 1) * dim)]);
}

/** -0 and 0 are the same number. */
export function expectIdentical(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const plain = (values: ArrayLike<number>) => Array.from(values, (value) => value + 0);
  expect(plain(actual)).toEqual(plain(expected));
}

export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual, (value, i) => Math.abs(value - expected[i]!)).reduce((a, b) => Math.max(a, b), 0);
}

export function sizeOf(values: ArrayLike<number>): number {
  return Array.from(values, Math.abs).reduce((a, b) => Math.max(a, b), 1);
}

export function numbersOf(tree: Tree): number[] {
  return flatten(toNumbers(tree));
}
