/** Trees of tensors: nested objects and arrays whose leaves are tensors. Parameters, states and gradients are trees. */
import { ShapeError } from "../utils/index.ts";
import { isTensor, type Tensor } from "./tensor.ts";

/** A tensor, or an object or list of trees. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree };

/** A tree's leaves by their paths, such as `blocks.0.memory.query`. */
export type NamedTensors = Map<string, Tensor>;

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isTensor(value);
}

function join(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}

/** @internal `mapTree` for values that may also hold numbers, strings or nothing among their tensors. */
export function mapTensors(value: unknown, f: (leaf: Tensor, path: string) => unknown, path = ""): unknown {
  if (isTensor(value)) return f(value, path);
  if (Array.isArray(value)) return value.map((item, i) => mapTensors(item, f, join(path, i)));
  if (isPlain(value) && Object.getPrototypeOf(value) === Object.prototype) {
    // By name, whoever built the tree: sums over leaves then have the same last bits in a fresh tree and in a reloaded one.
    const names = Object.keys(value).sort();
    return Object.fromEntries(names.map((name) => [name, mapTensors(value[name], f, join(path, name))]));
  }
  return value;
}

/**
 * Applies a function to every leaf, keeping the structure.
 *
 * @param tree the tree
 * @param f called with each leaf and its path
 */
export function mapTree<T extends Tree>(tree: T, f: (leaf: Tensor, path: string) => Tensor): T {
  return mapTensors(tree, f) as T;
}

/**
 * Applies a function to the leaves that stand at the same place in several trees.
 *
 * @param f called with one leaf of each tree
 * @param first the tree whose structure the result has
 * @param rest trees of the same structure
 * @throws ShapeError if a tree lacks a leaf that the first one has, or has one more
 */
export function zipTrees<T extends Tree>(f: (...leaves: Tensor[]) => Tensor, first: T, ...rest: readonly Tree[]): T {
  const others = rest.map((tree) => namedLeaves(tree));
  const count = leaves(first).length;
  for (const other of others) {
    if (other.size !== count)
      throw new ShapeError(
        `trees differ: one has ${count} leaves, another ${other.size}; both must have the same structure`,
      );
  }
  return mapTree(first, (leaf, path) => {
    const matching = others.map((other) => {
      const found = other.get(path);
      if (found === undefined)
        throw new ShapeError(`trees differ: no leaf "${path}" in one of them; both must have the same structure`);
      return found;
    });
    return f(leaf, ...matching);
  });
}

/** All leaves, tensors of any shape: lists in their order, objects by name. */
export function leaves(tree: Tree): Tensor[] {
  const found: Tensor[] = [];
  mapTensors(tree, (leaf) => {
    found.push(leaf);
    return leaf;
  });
  return found;
}

/**
 * All leaves by path, in the order of the tree.
 *
 * @throws ShapeError if two leaves have the same path, as `{ "a.b": x, a: { b: y } }` has
 */
export function namedLeaves(tree: Tree): NamedTensors {
  const found: NamedTensors = new Map();
  mapTensors(tree, (leaf, path) => {
    if (found.has(path)) throw new ShapeError(`two leaves have the path "${path}": names must not contain dots`);
    found.set(path, leaf);
    return leaf;
  });
  return found;
}

/** How many numbers a tree holds. */
export function countElements(tree: Tree): number {
  return leaves(tree).reduce((total, leaf) => total + leaf.size, 0);
}

/**
 * The tree whose leaves have the given paths: parts that are whole numbers from 0 on become lists, others objects.
 *
 * @param named leaves by path, as `namedLeaves` gives them
 * @throws ShapeError if the paths contradict each other
 */
export function treeOf(named: ReadonlyMap<string, Tensor>): Tree {
  if (named.has("")) return named.get("")!;
  const groups = new Map<string, Map<string, Tensor>>();
  for (const [path, leaf] of named) {
    const dot = path.indexOf(".");
    const [head, rest] = dot < 0 ? [path, ""] : [path.slice(0, dot), path.slice(dot + 1)];
    const group = groups.get(head) ?? new Map<string, Tensor>();
    groups.set(head, group.set(rest, leaf));
  }
  for (const [head, group] of groups) {
    if (group.has("") && group.size > 1)
      throw new ShapeError(`"${head}" is named both as an array and as a group of arrays`);
  }
  const isList = [...groups.keys()].every((_, i) => groups.has(String(i)));
  if (isList) return Array.from({ length: groups.size }, (_, i) => treeOf(groups.get(String(i))!));
  return Object.fromEntries([...groups].map(([head, group]) => [head, treeOf(group)]));
}
