/** Linear attention as gradient descent: a matrix that learns by agreement. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { applied, outerProduct, squaredDistance } from "./linear-maps.ts";

/** How a matrix memory [..., out, in] takes in a token; both broadcast to it: a number, [..., 1, 1] for one a memory, [..., out, 1] for one a channel. */
export interface MemoryGates {
  /** The paper's alpha: 1, the default, keeps everything. */
  readonly retain?: TensorLike;
  /** The paper's eta; 1 by default. */
  readonly stepSize?: TensorLike;
}

/**
 * The inner loss of a memory that learns by agreement.
 *
 * $$\tilde{\mathcal L}(\mathcal M; k, v) = -\langle\mathcal M k, v\rangle, \qquad \nabla_{\mathcal M}\tilde{\mathcal L} = -v\,k^\top$$
 *
 * Eq. 64 prints twice this together with the gradient of this; the factor belongs to the step size.
 *
 * @param memory M: [..., out, in]
 * @param key k, or its features: [..., in]
 * @param value v: [..., out]
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 18, 64
 */
export function hebbianLoss(memory: Tensor, key: Tensor, value: Tensor): Tensor {
  return np.negative(np.sum(np.multiply(applied(memory, key), value)));
}

/**
 * What a write of linear attention minimises.
 *
 * $$\mathcal M_{t+1} = \arg\min_{\mathcal M}\ -\langle\mathcal M k_{t+1}, v_{t+1}\rangle + \frac{1}{2\eta}\|\mathcal M - \mathcal M_t\|_F^2$$
 *
 * @param memory M, where the objective is evaluated: [..., out, in]
 * @param before M_t: [..., out, in]
 * @param key k_{t+1}: [..., in]
 * @param value v_{t+1}: [..., out]
 * @param stepSize eta, 1 for linear attention
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 17
 */
export function hebbianObjective(
  memory: Tensor,
  before: Tensor,
  key: Tensor,
  value: Tensor,
  stepSize: TensorLike = 1,
): Tensor {
  const distance = np.divide(np.multiply(0.5, squaredDistance(memory, before)), stepSize);
  return np.add(hebbianLoss(memory, key, value), distance);
}

/**
 * One write of a memory that learns by agreement, and fades.
 *
 * $$\mathcal M_t = \alpha_t\,\mathcal M_{t-1} - \eta_t\nabla\tilde{\mathcal L}(\mathcal M_{t-1}; \phi(k_t), v_t) = \alpha_t\,\mathcal M_{t-1} + \eta_t\,v_t\,\phi(k_t)^\top$$
 *
 * Without gates it is linear attention; with a constant alpha it has the decay of RetNet. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param memory M_{t-1}: [..., out, in]
 * @param key phi(k_t): [..., in]
 * @param value v_t: [..., out]
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 17-18, 64
 */
export function hebbianWrite(
  memory: Tensor,
  key: Tensor,
  value: Tensor,
  { retain = 1, stepSize = 1 }: MemoryGates = {},
): Tensor {
  return np.add(np.multiply(retain, memory), np.multiply(stepSize, outerProduct(value, key)));
}
