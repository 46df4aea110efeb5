/** Function transforms: the traced function borrows its arguments and frees what it does not return. */
import type * as library from "@jax-js/jax";
import { adopt, borrowing, inOwnLifetime, lend, track } from "./lifetimes.ts";
import { np } from "./namespaces.ts";
import { jax } from "./runtime.ts";
import { type DType, isConcrete, isHostTensor, type Tensor, unwrap } from "./tensor.ts";
import { leaves, mapTensors, mapTree, namedLeaves, type Tree } from "./tree.ts";

type Traced<A extends readonly unknown[], R> = (...args: A) => R;
type LibraryFunction = (...args: never[]) => library.JsTree<library.Array>;

/** @internal A function as the library calls it: it owns its arguments, and gives the library its results. */
export function owning<A extends readonly unknown[], R>(f: Traced<A, R>): LibraryFunction {
  const traced = (...args: unknown[]) => given(inOwnLifetime(adopt(args), () => f(...(args as unknown as A))));
  return traced as unknown as LibraryFunction;
}

/** Results as the library takes them: numbers from outside it become arrays of its own. */
function given<R>(results: R): R {
  return mapTensors(results, (leaf) => {
    if (!isHostTensor(leaf)) return leaf;
    const array = lend(leaf);
    leaf.dispose();
    return array;
  }) as R;
}

type Transform = (f: LibraryFunction, options?: never) => (...args: never[]) => unknown;

function transformed<A extends readonly unknown[], R>(
  transform: Transform,
  f: Traced<A, unknown>,
  options?: unknown,
): Traced<A, R> {
  const inner = transform(owning(f), options as never) as (...args: unknown[]) => R;
  return (...args) => track(inner(...args.map(lend)));
}

/** Runs what the library has queued: a queue would hold every intermediate array of every call until something is read. */
function ran<R extends Tree>(result: R): R {
  const smallest = leaves(result)
    .filter(isConcrete)
    .reduce<Tensor | undefined>((a, b) => (a && a.size <= b.size ? a : b), undefined);
  if (smallest) unwrap(smallest).ref.dataSync();
  return result;
}

/**
 * Compiles a function: traced once for each set of argument shapes, then run as fused kernels.
 *
 * Arrays from outside that `f` uses are kept alive with the compiled program, so compile once, not in a loop.
 *
 * @param f a pure function of trees
 */
export function jit<A extends readonly unknown[], R extends Tree>(f: Traced<A, R>): Traced<A, R> {
  const queued = borrowing((jax.jit as unknown as Transform)(owning(f))) as unknown as Traced<A, R>;
  return (...args) => ran(queued(...args));
}

/**
 * The gradient of a scalar function with respect to its first argument.
 *
 * A gradient of a gradient can be wrong on the `wasm` engine (array library 0.1.25); compile it with the native one.
 *
 * @param f returns a tensor of shape []
 */
export function grad<P extends Tree, A extends unknown[]>(
  f: (params: P, ...rest: A) => Tensor,
): (params: P, ...rest: A) => P {
  return transformed<[P, ...A], P>(jax.grad as unknown as Transform, f);
}

/**
 * The value of a scalar function and its gradient with respect to its first argument.
 *
 * @param f returns a tensor of shape []
 */
export function valueAndGrad<P extends Tree, A extends unknown[]>(
  f: (params: P, ...rest: A) => Tensor,
): (params: P, ...rest: A) => [Tensor, P] {
  return transformed<[P, ...A], [Tensor, P]>(jax.valueAndGrad as unknown as Transform, f);
}

/**
 * Maps a function over an axis of its arguments.
 *
 * @param f a function of trees
 * @param inAxes the axis to map in each argument (`null`: not mapped); 0 for all by default
 */
export function vmap<A extends readonly unknown[], R extends Tree>(
  f: Traced<A, R>,
  inAxes?: number | (number | null)[],
): Traced<A, R> {
  return transformed<A, R>(jax.vmap as unknown as Transform, f, inAxes);
}

/**
 * Reverse mode: the value of a function and the product of its transposed Jacobian with a cotangent.
 *
 * @param f a function of trees
 * @param primals its arguments
 * @param use called with the value and the pullback; the linearisation is freed when it returns
 */
export function vjp<A extends readonly Tree[], R extends Tree, T>(
  f: Traced<A, R>,
  primals: A,
  use: (value: R, pullback: (cotangent: R) => A) => T,
): T {
  const transform = jax.vjp as unknown as (
    f: LibraryFunction,
    p: unknown,
  ) => [R, ((c: unknown) => A) & { dispose(): void }];
  const [value, pull] = transform(
    owning((...args: A) => dependent(f(...args), args)),
    lend(primals),
  );
  track(value);
  try {
    return use(value, (cotangent) => track(pull(lend(cotangent))));
  } finally {
    pull.dispose();
  }
}

/**
 * The same results, each an operation of its own that depends on the primals.
 *
 * The library sorts the operations it differentiates from the results backwards, and fails if one result was computed from another. It also drops
 * results that do not depend on the primals, but not their cotangents, so that later results were given the cotangents of earlier ones.
 */
function dependent<R extends Tree>(results: R, primals: Tree): R {
  const isFloat = (leaf: Tensor) => leaf.dtype.startsWith("float");
  const bySize = leaves(primals)
    .filter(isFloat)
    .sort((a, b) => a.size - b.size);
  return mapTree(results, (leaf) => {
    const primal = bySize.find(({ dtype }) => dtype === leaf.dtype) ?? bySize[0];
    if (!isFloat(leaf) || primal === undefined) return leaf;
    return isVarying(leaf) ? np.multiply(leaf, 1) : np.where(false, np.astype(np.sum(primal), leaf.dtype), leaf);
  });
}

/** Whether the library keeps a tangent for a value, as far as can be seen. */
function isVarying(leaf: Tensor): boolean {
  const { tangent } = unwrap(leaf) as unknown as { tangent?: { pval?: { isKnown: boolean } } };
  return tangent?.pval?.isKnown === false;
}

/**
 * Forward mode: the value of a function and its directional derivative.
 *
 * @param f a function of trees
 * @param primals its arguments
 * @param tangents the direction, one tree an argument
 */
export function jvp<A extends readonly unknown[], R extends Tree>(f: Traced<A, R>, primals: A, tangents: A): [R, R] {
  const transform = jax.jvp as unknown as (f: LibraryFunction, p: unknown, t: unknown) => [R, R];
  return track(transform(owning(f), lend(primals), lend(tangents)));
}

/** An array's shape and element type, without its numbers. */
export interface ArrayShape {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * The shapes of what a function would return, by path, without computing it or allocating anything.
 *
 * @param f makes a tree of arrays
 */
export function shapesOf(f: () => Tree): Map<string, ArrayShape> {
  const { jaxpr, treedef } = jax.makeJaxpr(owning(f) as unknown as () => library.JsTree<library.Array>)();
  const outputs = jaxpr.jaxpr.outs.map(({ aval }) => ({ aval, shape: aval.shape, dtype: aval.dtype }));
  const tree = jax.tree.unflatten(treedef, outputs) as unknown as Tree;
  jaxpr.dispose();
  return new Map([...namedLeaves(tree)].map(([path, { shape, dtype }]) => [path, { shape: [...shape], dtype }]));
}
