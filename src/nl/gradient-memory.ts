/** Momentum as a memory of its own, whose context is the stream of gradients. */
import { mapTree, np, type Tensor, type TensorLike, type Tree, zipTrees } from "../array/index.ts";
import { gradientDescentStep, proximalObjective } from "./proximal-descent.ts";
import { surpriseObjective } from "./surprise-memory.ts";

/** Two levels: weights, and the faster memory that moves them. */
export type MomentumDescent<P extends Tree> = { readonly weights: P; readonly momentum: P };

/**
 * Gradient descent with momentum that forgets nothing.
 *
 * $$m_{t+1} = m_t + \eta\,\nabla\mathcal L(W_t; x_{t+1}), \qquad W_{t+1} = W_t - m_{t+1}$$
 *
 * The gradient is taken first, then the momentum moves, then the weights. (The conference version prints a minus in both lines, which ascends.)
 *
 * @param state W_t and m_t, trees alike; m_0 = 0
 * @param gradient at W_t, a tree like them
 * @param stepSize eta
 * @returns W_{t+1} and m_{t+1}
 * @throws ShapeError if the trees differ in structure
 * @see Nested Learning (arXiv:2512.24695) Eq. 10-13
 */
export function momentumDescent<P extends Tree>(
  state: MomentumDescent<P>,
  gradient: P,
  stepSize: TensorLike,
): MomentumDescent<P> {
  const momentum = zipTrees((m, g) => np.add(m, np.multiply(stepSize, g)), state.momentum, gradient);
  return { weights: gradientDescentStep(state.weights, momentum, 1), momentum };
}

/**
 * What momentum minimises: minus its agreement with the gradient, and the way from the old momentum.
 *
 * $$-\langle m, \nabla\mathcal L(W_t; x_{t+1})\rangle + \frac{1}{2\eta}\|m - m_t\|_F^2$$
 *
 * A memory without values: it stores gradients. They do not depend on m, so that this level, unlike a layer, does not make its own values.
 *
 * @param momentum m, where the objective is evaluated: any tree
 * @param before m_t, a tree like it
 * @param gradient at W_t, a tree like it
 * @param stepSize eta
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 13
 */
export function gradientMemoryObjective<P extends Tree>(
  momentum: P,
  before: P,
  gradient: P,
  stepSize: TensorLike,
): Tensor {
  const stored = mapTree(gradient, (g) => np.negative(g));
  return proximalObjective(momentum, before, stored, stepSize);
}

/**
 * The same objective for a linear layer, read as a memory from inputs to surprises.
 *
 * $$-\langle m\,x_{t+1}, \nabla_y\mathcal L(W_t; x_{t+1})\rangle + \frac{1}{2\eta}\|m - m_t\|_F^2$$
 *
 * @param momentum m, where the objective is evaluated: [..., out, in]
 * @param before m_t: [..., out, in]
 * @param input x_{t+1}, the key: [..., in]
 * @param surprise the value, such as `outputSurprise` gives: [..., out]
 * @param stepSize eta
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 13
 */
export function surpriseMemoryObjective(
  momentum: Tensor,
  before: Tensor,
  input: Tensor,
  surprise: Tensor,
  stepSize: TensorLike,
): Tensor {
  return surpriseObjective(momentum, before, input, np.negative(surprise), stepSize);
}
