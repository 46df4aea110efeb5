/** What the memory is asked to do: map each token's key to its value. */
import { np, type Tensor } from "../array/index.ts";
import { type MemoryArchitecture, type MemoryWeights, memoryForward } from "../common/index.ts";

/**
 * The memory's own projections of a token.
 *
 * $$k_t = x_t W_K, \qquad v_t = x_t W_V$$
 *
 * @param x tokens [..., dim]
 * @param keyWeights W_K: [dim, features]; learned by the outer loop, constant for the inner one
 * @param valueWeights W_V: [dim, features]
 * @returns keys and values [..., features]
 * @see Titans (arXiv:2501.00663) Eq. 11
 */
export function keysAndValues(x: Tensor, keyWeights: Tensor, valueWeights: Tensor): { keys: Tensor; values: Tensor } {
  return { keys: np.matmul(x, keyWeights), values: np.matmul(x, valueWeights) };
}

/**
 * How far the memory is from answering a key with its value.
 *
 * $$\ell(\mathcal M_{t-1}; x_t) = \tfrac{\kappa}{2}\,\|\mathcal M_{t-1}(k_t) - v_t\|_2^2$$
 *
 * The paper prints kappa = 2 in Eq. 12 and uses kappa = 1 in Appendix C; the factor is absorbed by the step size. Never averaged over tokens, heads
 * or batch: each token's gradient has its own step size.
 *
 * @param memory weights M_{t-1}, matrices [..., out, in]
 * @param keys [..., C, dim]
 * @param values [..., C, dim]
 * @param lossScale kappa, 1 by default
 * @returns one loss a token: [..., C]
 * @see Titans (arXiv:2501.00663) Eq. 12
 */
export function associativeLoss(
  architecture: MemoryArchitecture,
  memory: MemoryWeights,
  keys: Tensor,
  values: Tensor,
  lossScale = 1,
): Tensor {
  const error = np.subtract(memoryForward(architecture, memory, keys), values);
  return np.multiply(np.sum(np.square(error), -1), lossScale / 2);
}
