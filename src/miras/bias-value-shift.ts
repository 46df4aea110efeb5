/** The bias that is robust to values which are not quite what they should be. */
import { isTensor, np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import { guardedNorm, residual } from "./residual.ts";

/** Which bias that is robust to shifted values. */
export interface ValueShiftBiasOptions {
  /** Delta, at least 0: a number, or a tensor that is learned or given for every token, broadcast to [..., C, 1]. */
  readonly radius: number | Tensor;
}

/**
 * The l2 bias against the worst value within a ball around the given one.
 *
 * $$\mathcal L = \max_{\|\delta_v\|_2 \le \Delta} \tfrac12\,\|\mathcal M(k) - (v + \delta_v)\|_2^2
 * = \tfrac12\|r\|^2 + \Delta\,\|r\| + \tfrac12\Delta^2, \qquad e = r\,\Big(1 + \frac{\Delta}{\|r\|}\Big), \qquad r = \mathcal M(k) - v$$
 *
 * The worst shift is $-\Delta\, r/\|r\|$. Unlike Huber's, the error of a large residual is not bounded: every error is longer by Delta, and zero where
 * r is. In code: Delta = `radius`.
 *
 * @throws ConfigError if the radius is a number below 0; the bias itself throws ShapeError where prediction and value differ in shape
 * @see MIRAS (arXiv:2504.13173) Eq. 17
 */
export function valueShiftBias({ radius }: ValueShiftBiasOptions): AttentionalBias {
  if (!isTensor(radius) && !(radius >= 0 && radius < Infinity))
    throw new ConfigError(`the radius of the value shift bias is ${radius}; it must be a number of at least 0`);
  const name = "value shift";
  return {
    name,
    thresholded: false,
    loss: (prediction, value) => {
      const r = residual(name, prediction, value);
      const ofBall = np.multiply(
        np.add(guardedNorm(r), isTensor(radius) ? np.multiply(radius, 0.5) : radius / 2),
        radius,
      );
      return np.add(np.multiply(np.sum(np.square(r), -1), 0.5), np.squeeze(ofBall, -1));
    },
    outputError: (prediction, value) => {
      const r = residual(name, prediction, value);
      return np.add(r, np.multiply(r, np.divide(radius, guardedNorm(r))));
    },
  };
}
