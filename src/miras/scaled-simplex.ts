/** The scaled simplex: positive weights whose slices have a constant sum, which some retention gates never leave. */
import { nn, np, type Tensor, type TensorLike } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** What sums to the total: every row of a matrix [out, in], or the whole matrix. */
export const simplexSlices = ["row", "matrix"] as const;
/** One of `simplexSlices`. */
export type SimplexSlice = (typeof simplexSlices)[number];

/** A scaled simplex. */
export interface ScaledSimplex {
  /**
   * c: what a slice sums to, above 0; a number, a tensor that broadcasts against the slices [..., out, 1] or [..., 1, 1], or as many as it has `entries`, which
   * makes its mean weight 1. 1 by default.
   */
  readonly total?: TensorLike | "entries";
  /** `matrix` by default, as the paper's equations have it. */
  readonly slice?: SimplexSlice | undefined;
}

/** @internal The axes of a slice in a matrix [..., out, in]. */
export function sliceAxes(slice: SimplexSlice = "matrix"): number[] {
  return slice === "row" ? [-1] : [-2, -1];
}

/** @internal Sums over slices, axes kept. */
export function sliceSum(x: Tensor, slice?: SimplexSlice): Tensor {
  return np.sum(x, sliceAxes(slice), { keepdims: true });
}

/** @internal What the slices of a matrix [..., out, in] sum to. */
export function totalOf({ total = 1, slice }: ScaledSimplex, matrix: Tensor): TensorLike {
  if (total !== "entries") return total;
  return sliceAxes(slice).reduce((entries, axis) => entries * matrix.shape.at(axis)!, 1);
}

/**
 * Throws unless a simplex has a known slice and, where its total is a number, a positive one.
 *
 * @throws ConfigError otherwise
 */
export function checkSimplex({ total = 1, slice = "matrix" }: ScaledSimplex): void {
  if (!simplexSlices.includes(slice))
    throw new ConfigError(`"${slice}" is no slice of a memory matrix; choose ${simplexSlices.join(" or ")}`);
  if (typeof total === "number" && !(total > 0 && Number.isFinite(total)))
    throw new ConfigError(`the weights of a slice cannot sum to ${total}; the total must be positive and finite`);
}

/**
 * The point of a scaled simplex that free numbers stand for.
 *
 * $$W = c\ \mathrm{Softmax}(\Theta)\ \text{ in every slice}$$
 *
 * Equal numbers in a slice give equal weights: start from random ones, or all units of a layer stay the same.
 *
 * @param logits Theta: [..., out, in]
 * @returns [..., out, in]
 */
export function simplexWeights(logits: Tensor, simplex: ScaledSimplex = {}): Tensor {
  return np.multiply(nn.softmax(logits, sliceAxes(simplex.slice)), totalOf(simplex, logits));
}

/**
 * How far weights are from fulfilling the constraints of the scaled simplex: 0 on it.
 *
 * $$\sum_{jl} W_{jl} = c, \qquad W_{jl} \ge 0$$
 *
 * @param weights W: [..., out, in]
 * @returns the larger of |sum - c| and of what the most negative entry lacks, for every slice: [..., out, 1] or [..., 1, 1]
 * @see MIRAS (arXiv:2504.13173) Eq. 20
 */
export function simplexViolation(weights: Tensor, simplex: ScaledSimplex = {}): Tensor {
  const { slice } = simplex;
  const sum = np.abs(np.subtract(sliceSum(weights, slice), totalOf(simplex, weights)));
  const negative = np.max(np.maximum(np.negative(weights), 0), sliceAxes(slice), { keepdims: true });
  return np.maximum(sum, negative);
}
