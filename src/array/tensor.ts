/** The array type as the rest of the library sees it: shape and dtype, but no way to consume or free it. */
import * as jax from "@jax-js/jax";

declare const tensorBrand: unique symbol;

/** Element types that models use. */
export type DType = "float32" | "float64" | "int32" | "uint32" | "bool" | "float16";

/**
 * A multidimensional array owned by the array room.
 *
 * It is opaque on purpose: the array library moves its arrays (each use consumes one reference), which the namespaces `np`, `nn`, `lax`
 * and `random` hide by lending. Read it with `read`, free it with `release` or by leaving a `scope`.
 */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly ndim: number;
  readonly size: number;
  readonly [tensorBrand]: true;
}

/** Anything an operation takes where it takes a tensor. */
export type TensorLike = Tensor | number | boolean;

/** The array library's types with its own array type replaced by `Tensor`, all the way down. */
export type Borrowed<T> = T extends jax.Array
  ? Tensor
  : T extends (...args: infer A) => infer R
    ? (...args: BorrowedArguments<A>) => Borrowed<R>
    : T extends DTypeOfLibrary
      ? DType
      : T extends readonly unknown[]
        ? { [K in keyof T]: Borrowed<T[K]> }
        : T extends object
          ? { [K in keyof T]: Borrowed<T[K]> }
          : T;

type DTypeOfLibrary = jax.DType;
type BorrowedArguments<A extends readonly unknown[]> = { [K in keyof A]: Borrowed<A[K]> };

/** @internal The library's array behind a tensor. */
export function unwrap(tensor: Tensor): jax.Array {
  return tensor as unknown as jax.Array;
}

/** @internal A library array as a tensor. */
export function wrap(array: jax.Array): Tensor {
  return array as unknown as Tensor;
}

/** Whether a value is a tensor (a concrete one, or one being traced). */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "aval" in value && "shape" in value;
}

/** @internal Whether a tensor holds data, rather than standing for it while a function is traced. */
export function isConcrete(tensor: Tensor): boolean {
  return (tensor as unknown) instanceof jax.Array;
}
