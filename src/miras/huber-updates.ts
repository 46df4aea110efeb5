/** One token of a matrix memory under each Huber bias, as the paper displays them. */
import type { Tensor } from "../array/index.ts";
import { type HuberBiasOptions, huberBias } from "./bias-huber.ts";
import { matrixMemoryStep, type ThresholdedWrite } from "./matrix-memory.ts";

/**
 * One token under the Huber bias of every coordinate: rows of the memory are clipped one by one.
 *
 * $$W_t = W_{t-1} - \eta_t \Big[(r_t k_t^\top) \odot \big(\mathbb 1(|r_t| \le \delta_t)\,\mathbf 1^\top\big)
 * + \delta_t\,\big(\mathrm{Sign}(r_t)\,k_t^\top\big) \odot \big(\mathbb 1(|r_t| > \delta_t)\,\mathbf 1^\top\big)\Big], \qquad r_t = W_{t-1} k_t - v_t$$
 *
 * In code: eta = `stepSize`, delta = `threshold`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param write k_t, v_t, eta_t and delta_t, one a memory [..., 1] or one an output channel [..., out]
 * @returns W_t
 * @throws ShapeError if value or threshold do not fit the memory's rows
 * @see MIRAS (arXiv:2504.13173) Eq. 14
 */
export function huberCoordinateUpdate(memory: Tensor, write: ThresholdedWrite): Tensor {
  return matrixMemoryStep(huberBias({ form: "coordinate" }), memory, write);
}

/**
 * One token under the Huber bias of the residual's norm: the token's gradient is clipped as a whole.
 *
 * $$W_t = W_{t-1} - \eta_t \begin{cases} r_t k_t^\top & \|r_t\|_2 \le \delta_t \\ \delta_t\,\dfrac{r_t}{\|r_t\|_2}\,k_t^\top & \text{otherwise} \end{cases},
 * \qquad r_t = W_{t-1} k_t - v_t$$
 *
 * In code: eta = `stepSize`, delta = `threshold`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param write k_t, v_t, eta_t and delta_t, one a memory [..., 1]
 * @returns W_t
 * @throws ShapeError if value or threshold do not fit the memory's rows
 * @see MIRAS (arXiv:2504.13173) Eq. 15
 */
export function huberNormUpdate(memory: Tensor, write: ThresholdedWrite): Tensor {
  return matrixMemoryStep(huberBias({ form: "norm" }), memory, write);
}

/**
 * One token under the mixture of l2 and l1 that the residual's norm decides on.
 *
 * $$W_t = W_{t-1} - \begin{cases} \eta_t\,\nabla\ell_2(W_{t-1}; k_t, v_t) & \|W_{t-1} k_t - v_t\| \le \delta_t \\
 * \eta_t\,\delta_t\,\nabla\ell_1(W_{t-1}; k_t, v_t) & \text{otherwise} \end{cases}$$
 *
 * The l2 gradient is that of the halved square. In code: eta = `stepSize`, delta = `threshold`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param write k_t, v_t, eta_t and delta_t, one a memory [..., 1]
 * @param options which gradient stands for that of l1, and whether its sign is smooth
 * @returns W_t
 * @throws ConfigError if an option is not valid, ShapeError if value or threshold do not fit the memory's rows
 * @see MIRAS (arXiv:2504.13173) Eq. 16
 */
export function huberMixtureUpdate(
  memory: Tensor,
  write: ThresholdedWrite,
  options: Pick<HuberBiasOptions, "l1" | "smooth"> = {},
): Tensor {
  return matrixMemoryStep(huberBias({ ...options, form: "mixture" }), memory, write);
}
