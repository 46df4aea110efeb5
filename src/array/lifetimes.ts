/** Who owns an array: lending to the library, tracking what it makes, freeing what nobody kept. */
import type * as library from "@jax-js/jax";
import { UseAfterFreeError } from "../utils/index.ts";
import type { HostTensor } from "./host-tensor.ts";
import { jax } from "./runtime.ts";
import { isConcrete, isHostTensor, type Tensor, unwrap } from "./tensor.ts";
import { mapTensors } from "./tree.ts";

let current: Tensor[] | undefined;
let live = 0;
/** How often the caller owns a tensor: what `release` may free. A scope's own tensors are not here. */
const callerOwned = new WeakMap<Tensor, number>();

/** How many concrete arrays the room has handed out and not freed: constant over a loop that does not leak. */
export function liveTensors(): number {
  return live;
}

/**
 * @internal A tree with one more reference to each array, to pass to a library function that consumes its arguments.
 *
 * @throws UseAfterFreeError if an array has been freed
 */
export function lend(value: unknown): unknown {
  return mapTensors(value, lent);
}

function lent(tensor: Tensor): library.Array {
  return isHostTensor(tensor) ? copied(tensor) : unwrap(reference(tensor));
}

/** The library's own array with the numbers of a tensor that lies outside it. */
function copied(tensor: Tensor & HostTensor): library.Array {
  const numbers = alive(tensor, () => tensor.numbers);
  const options = { shape: [...tensor.shape], dtype: tensor.dtype as library.DType };
  return numbers.length === 0
    ? jax.numpy.zeros(options.shape, { dtype: options.dtype })
    : jax.numpy.array(numbers.slice() as never, options);
}

function reference(tensor: Tensor): Tensor {
  return alive(tensor, () => unwrap(tensor).ref as unknown as Tensor);
}

/** @internal What a tensor gives that may have been freed. */
export function alive<T>(tensor: Tensor, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    throw new UseAfterFreeError(
      `${describe(tensor)} was used after it had been freed: keep it by returning it from its scope, or release it later`,
      { cause },
    );
  }
}

/**
 * @internal A library function that consumes its arguments, borrowing them instead and handing its result to the current lifetime.
 *
 * If it throws, the references it was lent and did not consume are taken back, so that a shape error leaks nothing.
 */
export function borrowing(consuming: (...args: never[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => {
    const before = references(args);
    const given: library.Array[] = [];
    try {
      let isFloat64 = false;
      const arrays = mapTensors(args, (leaf) => {
        const array = lent(leaf);
        given.push(array);
        if (isHostTensor(leaf)) before.set(array, 0);
        isFloat64 ||= leaf.dtype === "float64";
        return array;
      }) as unknown[];
      const copies = (isFloat64 ? arrays.map(exactNumber) : arrays) as never[];
      return track(consuming(...copies));
    } catch (error) {
      for (const array of given) {
        const count = before.get(array);
        if (count !== undefined && array.refCount > count) array.dispose();
      }
      throw error;
    }
  };
}

/** A fraction in float64: the library rounds numbers to float32 before it knows what they meet. */
function exactNumber(value: unknown): unknown {
  if (typeof value !== "number" || Math.fround(value) === value || Number.isNaN(value)) return value;
  return jax.numpy.array(value, { dtype: "float64" as library.DType });
}

/** The reference counts of the concrete arrays in a tree. */
function references(value: unknown): Map<library.Array, number> {
  const counts = new Map<library.Array, number>();
  mapTensors(value, (leaf) => {
    if (isConcrete(leaf) && !isHostTensor(leaf)) counts.set(unwrap(leaf), unwrap(leaf).refCount);
    return leaf;
  });
  return counts;
}

/** @internal Hands arrays that the library made to the current lifetime, or to the caller where there is none. */
export function track<T>(value: T): T {
  mapTensors(value, (leaf) => {
    if (isConcrete(leaf)) live++;
    if (current === undefined) callerOwned.set(leaf, (callerOwned.get(leaf) ?? 0) + 1);
    else current.push(leaf);
    return leaf;
  });
  return value;
}

function free(tensor: Tensor): void {
  if (isConcrete(tensor)) live--;
  unwrap(tensor).dispose();
}

/** @internal Runs a function in a lifetime of its own; what it returns outlives it, with one reference of its own, untracked. */
export function inOwnLifetime<T>(owned: readonly Tensor[], f: () => T): T {
  const outer = current;
  const mine: Tensor[] = [...owned];
  current = mine;
  try {
    return mapTensors(f(), reference) as T;
  } finally {
    current = outer;
    for (const tensor of mine) free(tensor);
  }
}

/** @internal Counts arrays that the library itself handed to a traced function, which then owns them. */
export function adopt(value: unknown): Tensor[] {
  const owned: Tensor[] = [];
  mapTensors(value, (leaf) => {
    if (isConcrete(leaf)) live++;
    owned.push(leaf);
    return leaf;
  });
  return owned;
}

/**
 * Frees every array created inside that is not returned.
 *
 * @param f creates arrays and returns those to keep (a tensor or any tree); it must not be asynchronous
 * @returns what `f` returned; inside another scope it belongs to that one, outside any it belongs to the caller until `release`
 * @throws UseAfterFreeError if `f` is asynchronous: its arrays would be freed before it had finished
 */
export function scope<T>(f: () => T): T {
  return track(
    inOwnLifetime([], () => {
      const kept = f();
      if (kept instanceof Promise) {
        throw new UseAfterFreeError(
          "scope was given an asynchronous function, whose arrays would be freed while it waits: await outside the scope",
        );
      }
      return kept;
    }),
  );
}

/**
 * Frees arrays that belong to no scope: results of compiled programs, host data, what a top-level `scope` returned.
 *
 * @throws UseAfterFreeError if the caller does not own one of them: it was released before, or a scope frees it; and later, if one of
 * them is used again
 */
export function release(...trees: readonly unknown[]): void {
  mapTensors(trees, (leaf) => {
    const owners = callerOwned.get(leaf) ?? 0;
    if (owners === 0) {
      throw new UseAfterFreeError(
        `${describe(leaf)} cannot be released: it has been released before, or it belongs to a scope, which frees it`,
      );
    }
    callerOwned.set(leaf, owners - 1);
    free(leaf);
    return leaf;
  });
}

function describe(tensor: Tensor): string {
  return `a tensor of shape [${tensor.shape}] and type ${tensor.dtype}`;
}

/**
 * Runs a function outside any lifetime: the arrays it makes belong to the caller, who releases them.
 *
 * @param f creates arrays
 */
export function detached<T>(f: () => T): T {
  const outer = current;
  current = undefined;
  try {
    return f();
  } finally {
    current = outer;
  }
}

/**
 * A second owner for the same arrays: each owner releases its own.
 *
 * @returns the same tree; the arrays live until both have been released
 */
export function retain<T>(tree: T): T {
  return detached(() => track(mapTensors(tree, reference) as T));
}
