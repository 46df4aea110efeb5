/** The array type as the rest of the library sees it: shape and dtype, but no way to consume or free it. */
import * as jax from "@jax-js/jax";
import type { DType } from "./dtype.ts";
import { HostTensor } from "./host-tensor.ts";

export type { DType };

declare const tensorBrand: unique symbol;

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
  if (typeof value !== "object" || value === null) return false;
  return value instanceof HostTensor || ("aval" in value && "shape" in value);
}

/** @internal Whether a tensor holds data, rather than standing for it while a function is traced. */
export function isConcrete(tensor: Tensor): boolean {
  return (tensor as unknown) instanceof jax.Array || isHostTensor(tensor);
}

/** @internal Whether a tensor's numbers lie outside the array library. */
export function isHostTensor(tensor: unknown): tensor is Tensor & HostTensor {
  return tensor instanceof HostTensor;
}
