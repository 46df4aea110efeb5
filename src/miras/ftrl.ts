/** Online gradient descent as following the regularised leader, and what has to be changed for the two to be equal. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

/**
 * What following the regularised leader minimises: the linearised losses of all tokens so far, plus the size of the memory.
 *
 * $$\sum_{i=1}^{t}\big\langle W - W_{i-1},\ \nabla\ell(W_{i-1}; k_i, v_i)\big\rangle + \frac1{2\eta}\|W\|_2^2$$
 *
 * @param weights W: [..., out, in]
 * @param points W_0, ..., W_{t-1}: [..., T, out, in]
 * @param gradients at these points: [..., T, out, in]
 * @param stepSize eta: a number, or one a memory [...]
 * @returns [...]
 * @see MIRAS (arXiv:2504.13173) Eq. 7
 */
export function ftrlObjective(weights: Tensor, points: Tensor, gradients: Tensor, stepSize: TensorLike): Tensor {
  const moved = np.subtract(np.expandDims(weights, -3), points);
  const bias = np.sum(np.multiply(moved, gradients), [-3, -2, -1]);
  const stability = np.sum(np.square(weights), [-2, -1]);
  return np.add(bias, np.divide(stability, np.multiply(stepSize, 2)));
}

/**
 * The weights that follow the regularised leader, with one step size for all tokens.
 *
 * $$W_t = -\eta\sum_{i\le t}\nabla\ell(W_{i-1}; k_i, v_i)$$
 *
 * The minimiser of `ftrlObjective`. Equal to online gradient descent from $W_0 = 0$ with a constant step size only; see `weightedFtrlWeights` and
 * `startedFtrlWeights` for others.
 *
 * @param gradients [..., T, out, in]
 * @param stepSize eta: a number, or a tensor that broadcasts against a matrix [..., 1, 1]
 * @returns W_T: [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 7
 */
export function ftrlWeights(gradients: Tensor, stepSize: TensorLike): Tensor {
  return np.negative(np.multiply(np.sum(gradients, -3), stepSize));
}

/**
 * The weights that follow the regularised leader when every token has a step size of its own: equal to online gradient descent from zero.
 *
 * $$\arg\min_W\ \sum_{i\le t}\eta_i\,\langle W, g_i\rangle + \tfrac12\|W\|_2^2 = -\sum_{i\le t}\eta_i\, g_i$$
 *
 * Step sizes stand inside the sum. One factor $1/\eta_t$ in front of the memory's size would rescale all earlier tokens.
 *
 * @param gradients g: [..., T, out, in]
 * @param stepSizes eta_i: [..., T]
 * @returns W_T: [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 7
 */
export function weightedFtrlWeights(gradients: Tensor, stepSizes: Tensor): Tensor {
  const steps = np.reshape(stepSizes, [...stepSizes.shape, 1, 1]);
  return np.negative(np.sum(np.multiply(gradients, steps), -3));
}

/**
 * The weights that follow the regularised leader from weights other than zero: equal to online gradient descent from there.
 *
 * $$\arg\min_W\ \sum_{i\le t}\langle W, g_i\rangle + \tfrac1{2\eta}\|W - W_0\|_2^2 = W_0 - \eta\sum_{i\le t} g_i$$
 *
 * @param start W_0: [..., out, in]
 * @param gradients g: [..., T, out, in]
 * @param stepSize eta: a number, or a tensor that broadcasts against a matrix [..., 1, 1]
 * @returns W_T: [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 7
 */
export function startedFtrlWeights(start: Tensor, gradients: Tensor, stepSize: TensorLike): Tensor {
  return np.add(start, ftrlWeights(gradients, stepSize));
}
