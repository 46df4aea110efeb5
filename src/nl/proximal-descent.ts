/** Gradient descent, and the two problems of which it is the exact solution. */
import { np, type Tensor, type TensorLike, type Tree, zipTrees } from "../array/index.ts";
import { innerProduct, squaredDistance } from "./linear-maps.ts";

/**
 * A step of gradient descent.
 *
 * $$W_{t+1} = W_t - \eta_t\,\nabla\mathcal L(W_t; x_t) = \arg\min_W\ \langle\nabla\mathcal L(W_t; x_t), W\rangle + \frac{1}{2\eta_t}\|W - W_t\|_F^2$$
 *
 * @param params W_t, any tree
 * @param gradient of the loss at W_t, a tree like it
 * @param stepSize eta_t
 * @returns W_{t+1}
 * @throws ShapeError if the trees differ in structure
 * @see Nested Learning (arXiv:2512.24695) Eq. 1-2
 */
export function gradientDescentStep<P extends Tree>(params: P, gradient: P, stepSize: TensorLike): P {
  return zipTrees((w, g) => np.subtract(w, np.multiply(stepSize, g)), params, gradient);
}

/**
 * What a step minimises: the linearised loss, and the way from an anchor.
 *
 * $$\langle G, W\rangle + \frac{1}{2\eta}\|W - W_0\|_F^2$$
 *
 * With the last weights as anchor and their gradient it is gradient descent as a proximal step; with the initial weights as anchor and the sum of all
 * gradients so far it is the regularised leader (`leaderStep`). G is a constant.
 *
 * @param params W, where the objective is evaluated: any tree
 * @param anchor W_0, a tree like it
 * @param gradient G, a tree like it
 * @param stepSize eta
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 2-3
 */
export function proximalObjective<P extends Tree>(params: P, anchor: P, gradient: P, stepSize: TensorLike): Tensor {
  const distance = np.divide(np.multiply(0.5, squaredDistance(params, anchor)), stepSize);
  return np.add(innerProduct(gradient, params), distance);
}

/** A follower of the regularised leader: where it is, and what it has summed. */
export type LeaderState<P extends Tree> = { readonly params: P; readonly gradientSum: P };

/**
 * Follows the regularised leader: from the initial weights against all gradients so far, each taken where the weights were then.
 *
 * $$W_{t+1} = W_1 - \eta\sum_{s=1}^{t}\nabla\mathcal L(W_s; x_s) = \arg\min_W\ \Big\langle\sum_{s=1}^{t}\nabla\mathcal L(W_s; x_s), W\Big\rangle + \frac{1}{2\eta}\|W - W_1\|_F^2$$
 *
 * Gradient descent as long as eta is constant. For step sizes that vary, give gradients that are already multiplied by theirs, and eta = 1.
 *
 * @param start W_1, any tree
 * @param gradientSum of the steps before, a tree like it; zero at first
 * @param gradient at the current weights W_t, a tree like it
 * @param stepSize eta, the same at every step
 * @returns W_{t+1} and the sum with this gradient
 * @throws ShapeError if the trees differ in structure
 * @see Nested Learning (arXiv:2512.24695) Eq. 3
 */
export function leaderStep<P extends Tree>(
  start: P,
  gradientSum: P,
  gradient: P,
  stepSize: TensorLike,
): LeaderState<P> {
  const sum = zipTrees((s, g) => np.add(s, g), gradientSum, gradient);
  return { params: gradientDescentStep(start, sum, stepSize), gradientSum: sum };
}
