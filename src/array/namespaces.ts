/** `np`, `lax`, `random`: the array library's namespaces, borrowing their arguments instead of consuming them; `nn` is in `activations.ts`. */
import type * as library from "@jax-js/jax";
import { borrow } from "./borrow.ts";
import { borrowing, scope } from "./lifetimes.ts";
import { jax } from "./runtime.ts";
import { type Borrowed, isHostTensor, type Tensor, type TensorLike } from "./tensor.ts";

/** Functions that only look at their arguments: the one kind that consumes nothing, so that a reference lent would be lost. */
const inspecting = {
  ndim: looking(jax.numpy.ndim),
  shape: looking(jax.numpy.shape),
  size: looking(jax.numpy.size),
  isscalar: looking(jax.numpy.isscalar),
  resultType: looking(jax.numpy.resultType),
};
const { ndim, shape } = inspecting;

/** A function that looks at tensors outside the library through stand-ins, which take no memory. */
function looking<F>(inspect: F): Borrowed<F> {
  const look = inspect as (...args: unknown[]) => unknown;
  return ((...args: unknown[]) => look(...args.map((x) => (isHostTensor(x) ? standIn(x) : x)))) as Borrowed<F>;
}

function standIn({ shape, dtype }: Tensor): library.Array {
  return jax.numpy.zeros([...shape], { dtype: dtype as library.DType });
}

const numpy = borrow(jax.numpy, inspecting);

/**
 * The matrix product, batched over leading axes as in NumPy.
 *
 * The library puts axes in another order where both operands have batch axes, or the second alone: batch axes of length 1 even the ranks.
 */
function matmul(x: TensorLike, y: TensorLike): Tensor {
  const [xRank, yRank] = [ndim(x), ndim(y)];
  if (xRank < 2 || yRank < 3 || xRank === yRank) return numpy.matmul(x, y);
  const rank = Math.max(xRank, yRank);
  return scope(() => numpy.matmul(withRank(x, rank), withRank(y, rank)));
}

function withRank(x: TensorLike, rank: number): Tensor {
  return numpy.reshape(x, [...Array<number>(rank - ndim(x)).fill(1), ...shape(x)]);
}

/** NumPy-like operations. */
export const np: Borrowed<typeof library.numpy> = borrow(jax.numpy, { ...inspecting, matmul });
/** Lower-level operations: `stopGradient`, `erf`, `dot`. */
export const lax: Borrowed<typeof library.lax> = borrow(jax.lax);
/** Random numbers from keys. */
export const random: Borrowed<typeof library.random> = borrow(jax.random);

/** One axis of `slice`: an index, all (`[]`), from (`[i]`), a range (`[i, j]`), a new axis (`null`), or integer positions. */
export type SliceIndex = number | [] | [number] | [number, number] | null | Tensor;

const borrowingSlice = borrowing((x: library.Array, ...index: Parameters<library.Array["slice"]>) => x.slice(...index));

/**
 * Basic and integer-array indexing: `slice(x, [1, 3], 2, [], null)` is Python's `x[1:3, 2, :, None]`.
 *
 * @param x the array
 * @param index one entry an axis; axes not named are kept whole
 */
export function slice(x: Tensor, ...index: SliceIndex[]): Tensor {
  return borrowingSlice(x, ...index) as Tensor;
}
