/** The two classical families of memory rules on one matrix: add what is new, or correct what is wrong. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** Where the error of the delta rule is measured: at the weights that have faded already, or at those before. */
export const gradientPoints = ["decayed", "previous"] as const;
/** One of `gradientPoints`. */
export type GradientPoint = (typeof gradientPoints)[number];

function outer(column: Tensor, row: Tensor): Tensor {
  return np.multiply(np.expandDims(column, -1), np.expandDims(row, -2));
}

function applied(memory: Tensor, key: Tensor): Tensor {
  return np.squeeze(np.matmul(memory, np.expandDims(key, -1)), -1);
}

/**
 * One token of the Hebbian family: the pair is added, whatever the memory answers.
 *
 * $$\mathcal M_t = \alpha\,\mathcal M_{t-1} + v_t k_t^\top
 * = \arg\min_W\ -2\langle W k_t, v_t\rangle + \|W - \alpha\,\mathcal M_{t-1}\|_F^2$$
 *
 * Linear attention keeps all (alpha = 1), RetNet a constant share, Mamba-2 a share a token, gated linear attention one a key channel. Nothing but retention
 * bounds the memory. In code: alpha = `retain`.
 *
 * @param memory M_{t-1}: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param retain a number, or a tensor that broadcasts against the memory: [..., 1, 1], key channels [..., 1, in] or value channels [..., out, 1]
 * @returns M_t: [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 8
 */
export function hebbianUpdate(memory: Tensor, key: Tensor, value: Tensor, retain: TensorLike = 1): Tensor {
  return np.add(np.multiply(memory, retain), outer(value, key));
}

/** The gates of the delta rule; numbers, or tensors that broadcast against the memory. */
export interface DeltaGates {
  /** alpha: 1 keeps everything. */
  readonly retain?: TensorLike;
  /** eta: 1 replaces what a key of length one answers. */
  readonly stepSize: TensorLike;
}

/**
 * One token of the delta family: the memory's answer is moved towards the value.
 *
 * $$\text{decayed: } W_t = \alpha_t W_{t-1}(I - \eta_t k_t k_t^\top) + \eta_t v_t k_t^\top, \qquad
 * \text{previous: } W_t = \alpha_t W_{t-1} - \eta_t (W_{t-1} k_t - v_t)\,k_t^\top$$
 *
 * `decayed` is Gated DeltaNet, `previous` what Titans and the paper's own models do; both are DeltaNet at alpha = 1, and differ otherwise. The paper
 * multiplies from the left and leaves out the step size of the value: on this side of the memory that would be another rule. In code: alpha = `retain`,
 * eta = `stepSize`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param gates [..., 1, 1], key channels [..., 1, in] or value channels [..., out, 1] each
 * @param gradientAt `decayed` by default
 * @returns W_t: [..., out, in]
 * @throws ConfigError if `gradientAt` is unknown
 * @see MIRAS (arXiv:2504.13173) Eq. 9
 */
export function deltaUpdate(
  memory: Tensor,
  key: Tensor,
  value: Tensor,
  { retain = 1, stepSize }: DeltaGates,
  gradientAt: GradientPoint = "decayed",
): Tensor {
  if (!gradientPoints.includes(gradientAt))
    throw new ConfigError(
      `"${gradientAt}" is no gradient point of the delta rule; choose ${gradientPoints.join(" or ")}`,
    );
  const decayed = np.multiply(memory, retain);
  const error = np.subtract(applied(gradientAt === "decayed" ? decayed : memory, key), value);
  return np.subtract(decayed, np.multiply(outer(error, key), stepSize));
}
