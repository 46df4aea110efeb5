/** Oja's rule: learning by agreement that keeps its own size in check. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryGates } from "./hebbian-memory.ts";
import { applied, outerProduct } from "./linear-maps.ts";

/**
 * The inner loss of Oja's rule: agreement, and the size of what the value reads backwards.
 *
 * $$\tilde{\mathcal L}(\mathcal M; k, v) = -\langle\mathcal M\phi(k), v\rangle + \tfrac12\|\mathcal M^\top v\|^2, \qquad \nabla\tilde{\mathcal L} = v\,v^\top\mathcal M - v\,\phi(k)^\top$$
 *
 * The paper doubles both terms.
 *
 * @param memory M: [..., out, in]
 * @param key phi(k): [..., in]
 * @param value v: [..., out]
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 67
 */
export function ojaLoss(memory: Tensor, key: Tensor, value: Tensor): Tensor {
  const agreement = np.sum(np.multiply(applied(memory, key), value));
  const size = np.sum(np.square(applied(np.swapaxes(memory, -1, -2), value)));
  return np.subtract(np.multiply(0.5, size), agreement);
}

/**
 * One write by Oja's rule: of the key, only what the value does not yet read backwards.
 *
 * $$\mathcal M_t = \alpha_t\,\mathcal M_{t-1} + \eta_t\,v_t\big(\phi(k_t)^\top - v_t^\top\mathcal M_{t-1}\big)$$
 *
 * With alpha = 1 it is a gradient step on `ojaLoss`. The paper prints $\mathcal M^\top v$, a column, where a row is needed, and in Eq. 67 lacks a v in front
 * of the brace. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param memory M_{t-1}: [..., out, in]
 * @param key phi(k_t): [..., in]
 * @param value v_t: [..., out]
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 66-67
 */
export function ojaWrite(
  memory: Tensor,
  key: Tensor,
  value: Tensor,
  { retain = 1, stepSize = 1 }: MemoryGates = {},
): Tensor {
  const unread = np.subtract(key, applied(np.swapaxes(memory, -1, -2), value));
  return np.add(np.multiply(retain, memory), np.multiply(stepSize, outerProduct(value, unread)));
}
