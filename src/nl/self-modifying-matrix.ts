/** Self-modifying memories that are one matrix: the update rule in closed form. */
import { np, type Tensor } from "../array/index.ts";
import { applied, outerProduct } from "./linear-maps.ts";
import { perMatrix } from "./parametric-memory.ts";
import type { SelfModifyingPair } from "./self-modifying-write.ts";

/**
 * A matrix that learns by agreement and erases: the delta rule with retention.
 *
 * $$\mathcal M_{\square,t} = \mathcal M_{\square,t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) + \eta_t\,\hat v_{\square,t} k_t^\top$$
 *
 * The paper prints the write with a minus, from a gradient of $-\langle\mathcal M k, v\rangle$ without its sign. Repeated writes of one pair with a unit key
 * end at $\eta\hat v/(1-\alpha+\eta)$: the target, where nothing fades.
 *
 * @param memory M_{t-1}: [..., dim, dim]
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 92
 */
export function agreementMatrixWrite(memory: Tensor, { key, target, stepSize, retain }: SelfModifyingPair): Tensor {
  const written = np.subtract(target, applied(memory, key));
  return np.add(np.multiply(perMatrix(retain), memory), np.multiply(perMatrix(stepSize), outerProduct(written, key)));
}

/**
 * A matrix that learns by regression and erases.
 *
 * $$\mathcal M_{\square,t} = \mathcal M_{\square,t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) - \eta_t\big(\mathcal M_{\square,\tau} k_t - \hat v_{\square,t}\big)k_t^\top$$
 *
 * The answer is taken away twice, once from the running state and once from the boundary's. At the chunk size 1 both are $\mathcal M_{t-1}$, and repeated
 * writes of one pair with a unit key end at $\eta\hat v/(1-\alpha+2\eta)$: half the target, where nothing fades.
 *
 * @param memory M_{t-1}: [..., dim, dim]
 * @param boundary M_tau, before the chunk, where the gradient is taken; M_{t-1} by default
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 93
 */
export function regressionMatrixWrite(memory: Tensor, pair: SelfModifyingPair, boundary: Tensor = memory): Tensor {
  const target = np.subtract(pair.target, applied(boundary, pair.key));
  return agreementMatrixWrite(memory, { ...pair, target });
}
