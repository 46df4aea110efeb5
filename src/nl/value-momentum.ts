/** Momenta keyed by the gradient itself: with a value to store, with the delta rule, and with features of the gradient. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { decayedMomentum, type MomentumGates } from "./momentum.ts";

/** The gates of `deltaMomentumStep`. */
export interface DeltaMomentumGates extends MomentumGates {
  /** What the erasure is multiplied by; `stepSize` if left out, as the objective says. The print has 1. */
  readonly eraseStepSize?: TensorLike;
}

/**
 * What a momentum with an explicit value minimises: its agreement, read with the gradient as key, with a value matrix.
 *
 * $$\langle m\,G^\top, P\rangle = \langle m, P\,G\rangle$$
 *
 * @param momentum m: [out, in]
 * @param gradient G, the key: [out, in]
 * @param value P: [out, out]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 46
 */
export function valueMomentumObjective(momentum: Tensor, gradient: Tensor, value: Tensor): Tensor {
  return np.sum(np.multiply(np.matmul(momentum, np.swapaxes(gradient, -1, -2)), value));
}

/**
 * Momentum of preconditioned gradients: one gradient step on `valueMomentumObjective`, with forgetting.
 *
 * $$W_{i+1} = W_i + m_{i+1}, \qquad m_{i+1} = \alpha\,m_i - \eta\,P\,G$$
 *
 * The printed line lacks alpha, of which the text speaks. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param momentum m_i: [out, in]
 * @param gradient G at W_i: [out, in]
 * @param value P: [out, out]
 * @returns m_{i+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 46-47
 */
export function valueMomentumStep(momentum: Tensor, gradient: Tensor, value: Tensor, gates: MomentumGates): Tensor {
  return decayedMomentum(momentum, np.matmul(value, gradient), gates);
}

/**
 * What delta momentum minimises: the distance of its answer to a gradient from the negative value.
 *
 * $$\tfrac12\|m\,G^\top + P\|_F^2$$
 *
 * The paper's target is +P, with which the weights would ascend.
 *
 * @param momentum m: [out, in]
 * @param gradient G: [out, in]
 * @param value P: [out, out]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 49
 */
export function deltaMomentumObjective(momentum: Tensor, gradient: Tensor, value: Tensor): Tensor {
  const error = np.add(np.matmul(momentum, np.swapaxes(gradient, -1, -2)), value);
  return np.multiply(0.5, np.sum(np.square(error)));
}

/**
 * Momentum that erases what it answers to the current gradient before it writes.
 *
 * $$W_{i+1} = W_i + m_{i+1}, \qquad m_{i+1} = m_i\big(\alpha I - \eta\,G^\top G\big) - \eta\,P\,G$$
 *
 * Printed with an erasure of size one; stable for $\eta\|G\|^2 \le 1 + \alpha$. The square $G^\top G$ is never formed. In code: alpha = `retain`,
 * eta = `stepSize`.
 *
 * @param momentum m_i: [out, in]
 * @param gradient G at W_i: [out, in]; a vector parameter's is [1, n]
 * @param value P: [out, out]
 * @returns m_{i+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 48-49
 */
export function deltaMomentumStep(
  momentum: Tensor,
  gradient: Tensor,
  value: Tensor,
  { retain, stepSize, eraseStepSize = stepSize }: DeltaMomentumGates,
): Tensor {
  const answer = np.matmul(momentum, np.swapaxes(gradient, -1, -2));
  const erased = np.multiply(eraseStepSize, np.matmul(answer, gradient));
  return np.subtract(valueMomentumStep(momentum, gradient, value, { retain, stepSize }), erased);
}

/**
 * Momentum of features of gradients.
 *
 * $$W_{i+1} = W_i + m_{i+1}, \qquad m_{i+1} = \alpha\,m_i - \eta\,P\,\phi(G)$$
 *
 * With phi the sign, alpha = 0 and P the identity it is sign descent. Where phi widens the gradient, P has to bring it back. In code: alpha = `retain`,
 * eta = `stepSize`.
 *
 * @param momentum m_i: [out, in]
 * @param gradient G at W_i: [out, in]
 * @param value P: [out, features]
 * @param features phi: from [out, in] to [features, in]
 * @returns m_{i+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 51
 */
export function featureMomentumStep(
  momentum: Tensor,
  gradient: Tensor,
  value: Tensor,
  features: (gradient: Tensor) => Tensor,
  gates: MomentumGates,
): Tensor {
  return valueMomentumStep(momentum, features(gradient), value, gates);
}
