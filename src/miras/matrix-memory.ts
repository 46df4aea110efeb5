/** The matrix memory, whose step under any bias is a rank-one write. */
import { np, type Tensor } from "../array/index.ts";
import { type AttentionalBias, biasError } from "./attentional-bias.ts";

/** One token as a matrix memory is given it. */
export interface MatrixWrite {
  /** k_t: [..., in] */
  readonly key: Tensor;
  /** v_t: [..., out] */
  readonly value: Tensor;
  /** eta_t: one a memory [..., 1], or one an output channel [..., out] */
  readonly stepSize: Tensor;
}

/** The same under a bias with a threshold. */
export interface ThresholdedWrite extends MatrixWrite {
  /** delta_t: [..., 1], or [..., out] where the bias takes one a channel */
  readonly threshold: Tensor;
}

/**
 * One step of gradient descent of a matrix memory under any bias.
 *
 * $$W_t = W_{t-1} - \eta_t\, e_t\, k_t^\top, \qquad e_t = \frac{\partial \mathcal L(W_{t-1} k_t;\, v_t)}{\partial (W_{t-1} k_t)}$$
 *
 * In code: eta = `stepSize`, delta = `threshold`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @returns W_t
 * @throws ShapeError if the value does not fit the memory's rows, ConfigError if a threshold that the bias needs is missing
 */
export function matrixMemoryStep(
  bias: AttentionalBias,
  memory: Tensor,
  { key, value, stepSize, threshold }: MatrixWrite & { readonly threshold?: Tensor },
): Tensor {
  const prediction = np.squeeze(np.matmul(memory, np.expandDims(key, -1)), -1);
  const gradient = outer(biasError(bias, prediction, value, threshold), key);
  return np.subtract(memory, np.multiply(np.expandDims(stepSize, -1), gradient));
}

/** @internal x y^T: [..., out] and [..., in] -> [..., out, in]. */
export function outer(x: Tensor, y: Tensor): Tensor {
  return np.multiply(np.expandDims(x, -1), np.expandDims(y, -2));
}
