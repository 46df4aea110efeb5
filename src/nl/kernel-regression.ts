/** Softmax attention as a regression without parameters: the best single answer to a query, given how near each key is. */
import { np, type Tensor } from "../array/index.ts";

/**
 * What attention minimises, anew for every query: the distance of one answer from all values, each weighted by how well its key fits.
 *
 * $$\mathcal M^* = \arg\min_{\mathcal M}\ \sum_i s(k_i, q)\,\|v_i - \mathcal M\|^2$$
 *
 * The sum runs over the keys that the query sees: those before it, or a window of them, have positive scores and others none. The paper sums over the whole
 * sequence, and prints q_i for the current query in Eq. 63.
 *
 * @param answer M: [..., out]
 * @param scores s(k_i, q), not negative: [..., L]
 * @param values v_i: [..., L, out]
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 62-63
 */
export function kernelRegressionObjective(answer: Tensor, scores: Tensor, values: Tensor): Tensor {
  const distances = np.sum(np.square(np.subtract(values, np.expandDims(answer, -2))), -1);
  return np.sum(np.multiply(scores, distances));
}

/**
 * The best answer: the mean of the values, weighted by the scores (Nadaraya and Watson).
 *
 * $$\mathcal M^* = \sum_i \frac{s(k_i, q)}{\sum_j s(k_j, q)}\,v_i$$
 *
 * With the scores $\exp(k^\top q/\sqrt d)$ it is softmax attention, which `scaledDotProductAttention` computes without overflow. The scale of the scores does not matter.
 *
 * @param scores s(k_i, q), not negative and not all zero: [..., L]
 * @param values v_i: [..., L, out]
 * @returns [..., out]
 * @see Nested Learning (arXiv:2512.24695) Eq. 62-63
 */
export function kernelRegression(scores: Tensor, values: Tensor): Tensor {
  const weights = np.divide(scores, np.sum(scores, -1, { keepdims: true }));
  return np.squeeze(np.matmul(np.expandDims(weights, -2), values), -2);
}
