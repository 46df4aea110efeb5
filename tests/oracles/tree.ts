/** Nested plain objects and arrays of numbers seen as one flat vector, and back. */

import type { Vector } from "./matrix.ts";

/** Every number of the tree, depth first, properties by name; null, strings and booleans are skipped. */
export function flatten(tree: unknown): Vector {
  if (typeof tree === "number") return [tree];
  if (tree === null || typeof tree !== "object") return [];
  if (Array.isArray(tree)) return tree.flatMap((child) => flatten(child));
  return sortedEntries(tree).flatMap(([, child]) => flatten(child));
}

/** A tree shaped like `like` whose numbers are taken from `flat` in the order of `flatten`. */
export function unflatten<T>(flat: Vector, like: T): T {
  let next = 0;
  function rebuild(node: unknown): unknown {
    if (typeof node === "number") return flat[next++]!;
    if (Array.isArray(node)) return node.map(rebuild);
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(sortedEntries(node).map(([name, child]) => [name, rebuild(child)]));
  }
  const tree = rebuild(like) as T;
  if (next !== flat.length) throw new RangeError(`unflatten: ${flat.length} numbers for a tree of ${next}`);
  return tree;
}

/** The same tree with every number zero. */
export function zerosLike<T>(tree: T): T {
  return unflatten(
    flatten(tree).map(() => 0),
    tree,
  );
}

/** `a x + b y` number by number. */
export function combine<T>(a: number, x: T, b: number, y: T): T {
  const right = flatten(y);
  return unflatten(
    flatten(x).map((value, i) => a * value + b * right[i]!),
    x,
  );
}

/** Sorted, so that equal trees written in another property order flatten alike. */
function sortedEntries(node: object): [string, unknown][] {
  return Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Square root of the sum of squares over the whole tree (Frobenius norm). */
export function treeNorm(tree: unknown): number {
  return Math.sqrt(flatten(tree).reduce((sum, value) => sum + value * value, 0));
}

/** Largest absolute difference of two trees of equal size; NaN anywhere gives NaN. */
export function maxDifference(actual: unknown, expected: unknown): number {
  const a = flatten(actual);
  const b = flatten(expected);
  if (a.length !== b.length) throw new RangeError(`maxDifference: ${a.length} and ${b.length} numbers`);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}
