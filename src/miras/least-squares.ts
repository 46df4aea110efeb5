/** The squared error in both viewpoints, where each has a closed form, and the recursion without an inverse that equals them. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

function outer(column: Tensor, row: Tensor): Tensor {
  return np.multiply(np.expandDims(column, -1), np.expandDims(row, -2));
}

function applied(matrix: Tensor, x: Tensor): Tensor {
  return np.squeeze(np.matmul(matrix, np.expandDims(x, -1)), -1);
}

/** X H^{-1} for a symmetric H. */
function dividedBy(x: Tensor, symmetric: Tensor): Tensor {
  return np.matrixTranspose(np.linalg.solve(symmetric, np.matrixTranspose(x)));
}

/**
 * The weights that follow the regularised leader with the squared errors of all tokens: ridge regression.
 *
 * $$W_t = \Big(\sum_{i\le t} v_i k_i^\top\Big)\Big(\sum_{i\le t} k_i k_i^\top + \tfrac1\eta I\Big)^{-1}$$
 *
 * The quadratic case of the paper's Proposition 3.2, without a number; with eta = 1 the Mesa layer. Compiled it runs on the reference engine only.
 *
 * @param keys [..., T, in]
 * @param values [..., T, out]
 * @param stepSize eta: a number, or a tensor that broadcasts against a matrix [..., 1, 1]
 * @returns [..., out, in]
 */
export function leaderLeastSquares(keys: Tensor, values: Tensor, stepSize: TensorLike): Tensor {
  const transposedKeys = np.matrixTranspose(keys);
  const identity = np.eye(keys.shape.at(-1)!, undefined, { dtype: keys.dtype });
  const curvature = np.add(np.matmul(transposedKeys, keys), np.divide(identity, stepSize));
  return dividedBy(np.matmul(np.matrixTranspose(values), keys), curvature);
}

/** A memory that learns and retains with the curvature of all squared errors so far. */
export interface RetainedLeastSquares {
  /** W: [..., out, in] */
  readonly weights: Tensor;
  /** H: [..., in, in], I / eta before the first token. */
  readonly curvature: Tensor;
}

/**
 * One token that is learned by its squared error and retained by the Bregman divergence of all squared errors before it.
 *
 * $$W_t = (W_{t-1} H + v_t k_t^\top)(H + k_t k_t^\top)^{-1}, \qquad H \leftarrow H + k_t k_t^\top$$
 *
 * The learning-retaining side of the paper's Proposition 3.2 in its quadratic case, without a number: from $W_0 = 0$ equal to `leaderLeastSquares`.
 *
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 */
export function retainedLeastSquares(
  { weights, curvature }: RetainedLeastSquares,
  key: Tensor,
  value: Tensor,
): RetainedLeastSquares {
  const next = np.add(curvature, outer(key, key));
  const target = np.add(np.matmul(weights, curvature), outer(value, key));
  return { weights: dividedBy(target, next), curvature: next };
}

/** A memory with the inverse of that curvature. */
export interface RecursiveLeastSquares {
  /** W: [..., out, in] */
  readonly weights: Tensor;
  /** P, the inverse of H: [..., in, in], eta I before the first token. */
  readonly covariance: Tensor;
}

/**
 * One token of recursive least squares: the two closed forms without an inverse.
 *
 * $$g = \frac{P k_t}{1 + k_t^\top P k_t}, \qquad W \leftarrow W + (v_t - W k_t)\,g^\top, \qquad P \leftarrow P - g\,(P k_t)^\top$$
 *
 * The third form of the paper's Proposition 3.2 in its quadratic case, without a number.
 *
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 */
export function recursiveLeastSquares(
  { weights, covariance }: RecursiveLeastSquares,
  key: Tensor,
  value: Tensor,
): RecursiveLeastSquares {
  const spread = applied(covariance, key);
  const gain = np.divide(spread, np.add(1, np.sum(np.multiply(key, spread), -1, { keepdims: true })));
  return {
    weights: np.add(weights, outer(np.subtract(value, applied(weights, key)), gain)),
    covariance: np.subtract(covariance, outer(gain, spread)),
  };
}
