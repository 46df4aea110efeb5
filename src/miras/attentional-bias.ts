/** The attentional bias: the inner loss that says what a memory should remember of a key and its value. */
import { grad, np, type Tensor } from "../array/index.ts";

/** The inner loss of a memory, as a function of its prediction. */
export interface AttentionalBias {
  /** What it is called, such as "l2" or "huber (norm)". */
  readonly name: string;
  /**
   * One loss a token, a sum over the channels.
   *
   * @param prediction M(k): [..., C, out]
   * @param value v, same shape
   * @param threshold where the bias has one: [..., C, 1], or [..., C, out] where it may differ between channels
   * @returns [..., C]
   */
  loss(prediction: Tensor, value: Tensor, threshold?: Tensor): Tensor;
  /** The loss's derivative with respect to the prediction, in its shape. Left out: the loss is differentiated automatically. */
  outputError?(prediction: Tensor, value: Tensor, threshold?: Tensor): Tensor;
  /** Whether it needs a threshold (Huber's delta), which a layer learns to give for every token. */
  readonly thresholded: boolean;
  /** Where the derivative is linear in the prediction: $e = a\,\mathcal M(k) - b\,v$, with a = `prediction` and b = `value`. Such chunks can be solved exactly. */
  readonly affine?: { readonly prediction: number; readonly value: number };
}

/**
 * The error that a memory is given to pull back to its weights.
 *
 * $$e = \frac{\partial \mathcal L(\mathcal M(k);\, v)}{\partial \mathcal M(k)}$$
 *
 * The bias's own derivative, or by automatic differentiation where it has none. Either can be differentiated again: the outer loop does.
 *
 * @param bias the inner loss
 * @param prediction M(k): [..., C, out]
 * @param value v, same shape
 * @param threshold delta, where the bias has one: [..., C, 1] or [..., C, out]
 * @returns e, in the prediction's shape
 * @throws ShapeError if the shapes do not fit, ConfigError if a threshold that the bias needs is missing
 */
export function biasError(bias: AttentionalBias, prediction: Tensor, value: Tensor, threshold?: Tensor): Tensor {
  if (bias.outputError !== undefined) return bias.outputError(prediction, value, threshold);
  return grad((p: Tensor) => np.sum(bias.loss(p, value, threshold)))(prediction);
}
