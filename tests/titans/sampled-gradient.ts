/** Outer gradients of the library against finite differences of the oracle, at a few entries of every tensor. */
import { expect } from "vitest";
import { flatten, unflatten } from "../oracles/index.ts";

interface Group {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

function nesting(node: unknown): number {
  return Array.isArray(node) ? 1 + nesting(node[0]) : 0;
}

/** Vectors and matrices of a tree, as ranges of its flat numbers: lists of matrices are taken apart. */
function groupsOf(tree: unknown, path = "", from = 0): Group[] {
  if (tree === null || typeof tree !== "object") return [];
  const depth = nesting(tree);
  if (depth === 1 || depth === 2) return [{ path, from, to: from + flatten(tree).length }];
  const groups: Group[] = [];
  let offset = from;
  for (const [name, child] of Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))) {
    groups.push(...groupsOf(child, `${path}/${name}`, offset));
    offset += flatten(child).length;
  }
  return groups;
}

/** Derivative along one number: central differences at h and h/2, combined so that the error in h squared cancels. */
function derivative(f: (x: number) => number, x: number): number {
  const difference = (h: number) => (f(x + h) - f(x - h)) / (2 * h);
  const h = 1e-3;
  return (4 * difference(h / 2) - difference(h)) / 3;
}

/**
 * Expects a gradient to agree with finite differences at up to `entries` places of every vector or matrix.
 *
 * @param actual the gradient, in the structure of `at`
 * @param f the oracle's scalar function
 * @param at where the gradient was taken
 * @param tolerance relative to the largest entry of the vector or matrix
 */
export function expectSampledGradient<T>(
  actual: unknown,
  f: (tree: T) => number,
  at: T,
  tolerance: number,
  entries = 6,
) {
  const [gradient, point] = [flatten(actual), flatten(at)];
  expect(gradient).toHaveLength(point.length);
  for (const { path, from, to } of groupsOf(at)) {
    const scale = gradient.slice(from, to).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    expect(scale, `the gradient of ${path}`).toBeGreaterThan(0);
    const stride = Math.max(1, Math.floor((to - from) / entries));
    for (let i = from; i < to; i += stride) {
      const along = (x: number) => f(unflatten(point.with(i, x), at));
      const error = Math.abs(gradient[i]! - derivative(along, point[i]!));
      expect(error / scale, `${path}, entry ${i - from}`).toBeLessThanOrEqual(tolerance);
    }
  }
}
