/** Huber biases: l2 for small residuals, l1 for large ones, so that an outlier moves the memory no further than a threshold says. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import { checkedThreshold, guardedNorm, residual } from "./residual.ts";
import { checkSmoothing, type Smoothing, signOrTanh } from "./smoothing.ts";

/** What is compared with the threshold: each coordinate, the norm with a continuous step, or the norm with a step of either kind. */
export const huberForms = ["coordinate", "norm", "mixture"] as const;
/** One of `huberForms`. */
export type HuberForm = (typeof huberForms)[number];

/** Which gradient stands for that of the l1 norm in the mixture. */
export const huberL1Gradients = ["sign", "direction"] as const;
/** One of `huberL1Gradients`. */
export type HuberL1Gradient = (typeof huberL1Gradients)[number];

/** Which Huber bias. */
export interface HuberBiasOptions {
  readonly form: HuberForm;
  /** Of the mixture alone: `sign` (the default) is as printed, `direction` makes it the norm form. */
  readonly l1?: HuberL1Gradient;
  /** Of the mixture's sign alone: its smooth stand-in, or false (the default) for the sign itself. */
  readonly smooth?: Smoothing | false;
}

/**
 * Huber's function: a parabola that goes on as a line from the threshold.
 *
 * $$\mathcal H_\delta(a) = \begin{cases} \tfrac12 a^2 & |a| \le \delta \\ \delta\,(|a| - \tfrac12\delta) & |a| > \delta \end{cases}
 * \;=\; c\,(a - \tfrac12 c), \qquad \mathcal H_\delta'(a) = c = \mathrm{clip}(a, -\delta, \delta)$$
 *
 * In code: delta = `threshold`.
 *
 * @param a any shape
 * @param threshold delta > 0, a number or broadcast to `a`
 * @returns in the shape of `a`
 * @see MIRAS (arXiv:2504.13173) Eq. 13
 */
export function huber(a: Tensor, threshold: Tensor | number): Tensor {
  const c = clipped(a, threshold);
  return np.multiply(c, np.subtract(a, np.multiply(c, 0.5)));
}

/** clip(a, -threshold, threshold) */
function clipped(a: Tensor, threshold: Tensor | number): Tensor {
  const least = typeof threshold === "number" ? -threshold : np.negative(threshold);
  return np.maximum(np.minimum(a, threshold), least);
}

/**
 * The Huber bias in its three forms.
 *
 * $$\text{coordinate: } \mathcal L = \sum_j \mathcal H_\delta(r_j), \quad e = \mathrm{clip}(r, -\delta, \delta) \qquad
 * \text{norm: } \mathcal L = \mathcal H_\delta(\|r\|_2), \quad e = r\,\min(1, \delta/\|r\|_2)$$
 *
 * $$\text{mixture: } e = \begin{cases} r & \|r\|_2 \le \delta \\ \delta\,\mathrm{Sign}(r) & \text{otherwise} \end{cases}$$
 *
 * The mixture is Yaad's. As printed it jumps at the threshold, from norm delta to $\delta\sqrt{d}$; with `direction`, $r/\|r\|_2$ for the sign, it is the
 * norm form. Its loss above the threshold is $\delta\,(\|r\|_1 - \delta/2)$. Which branch is taken passes no gradient to the threshold; the factor of the
 * l1 branch does. Residuals are $r = \mathcal M(k) - v$. In code: delta = `threshold`, one a token [..., C, 1], in the coordinate form also one a channel.
 *
 * @throws ConfigError if the form, the l1 gradient or the smoothing is not valid; the bias itself throws ConfigError without a threshold, and ShapeError
 * where shapes do not fit
 * @see MIRAS (arXiv:2504.13173) Eq. 14-16
 */
export function huberBias({ form, l1 = "sign", smooth = false }: HuberBiasOptions): AttentionalBias {
  if (!huberForms.includes(form))
    throw new ConfigError(`the form of the huber bias is "${form}" (valid: ${huberForms.join(", ")})`);
  if (!huberL1Gradients.includes(l1))
    throw new ConfigError(`the l1 gradient of the huber bias is "${l1}" (valid: ${huberL1Gradients.join(", ")})`);
  checkSmoothing(smooth);
  if (form === "coordinate") return coordinateBias();
  return form === "norm" || l1 === "direction" ? normBias(`huber (${form})`) : signMixtureBias(smooth);
}

function coordinateBias(): AttentionalBias {
  const name = "huber (coordinate)";
  return {
    name,
    thresholded: true,
    loss: (prediction, value, threshold) =>
      np.sum(huber(residual(name, prediction, value), checkedThreshold(name, prediction, threshold, true)), -1),
    outputError: (prediction, value, threshold) =>
      clipped(residual(name, prediction, value), checkedThreshold(name, prediction, threshold, true)),
  };
}

function normBias(name: string): AttentionalBias {
  return {
    name,
    thresholded: true,
    loss: (prediction, value, threshold) => {
      const norm = guardedNorm(residual(name, prediction, value));
      return np.squeeze(huber(norm, checkedThreshold(name, prediction, threshold)), -1);
    },
    outputError: (prediction, value, threshold) => {
      const r = residual(name, prediction, value);
      const share = np.divide(checkedThreshold(name, prediction, threshold), guardedNorm(r));
      return np.multiply(r, np.minimum(share, 1));
    },
  };
}

function signMixtureBias(smooth: Smoothing | false): AttentionalBias {
  const name = "huber (mixture)";
  return {
    name,
    thresholded: true,
    loss: (prediction, value, threshold) => {
      const r = residual(name, prediction, value);
      const delta = checkedThreshold(name, prediction, threshold);
      const near = np.multiply(np.sum(np.square(r), -1, { keepdims: true }), 0.5);
      const length = np.sum(np.abs(r), -1, { keepdims: true });
      const far = np.multiply(delta, np.subtract(length, np.multiply(delta, 0.5)));
      return np.squeeze(np.where(np.greater(guardedNorm(r), delta), far, near), -1);
    },
    outputError: (prediction, value, threshold) => {
      const r = residual(name, prediction, value);
      const delta = checkedThreshold(name, prediction, threshold);
      return np.where(np.greater(guardedNorm(r), delta), np.multiply(delta, signOrTanh(r, smooth)), r);
    },
  };
}
