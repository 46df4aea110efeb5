/** The two biases behind most models before MIRAS: the dot product of the Hebbian family, and the squared error of the delta family. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import { checkPrediction, residual } from "./residual.ts";

/** Which dot-product bias. */
export interface DotProductBiasOptions {
  /** kappa, 1 by default; positive. */
  readonly scale?: number;
}

/**
 * The dot-product bias: a prediction should point where the value points.
 *
 * $$\mathcal L = -\kappa\,\langle \mathcal M(k),\, v\rangle, \qquad e = -\kappa\,v$$
 *
 * A step of size 1 writes $\kappa\,v k^\top$ into a matrix memory, whatever it holds. The loss has no lower bound: nothing but retention limits the
 * memory. The paper's Hebbian family has kappa = 2, next to a retention whose derivative has the same factor. In code: kappa = `scale`.
 *
 * @throws ConfigError if the scale is not a positive number; the bias itself throws ShapeError where prediction and value differ in shape
 */
export function dotProductBias({ scale = 1 }: DotProductBiasOptions = {}): AttentionalBias {
  if (!(scale > 0 && scale < Infinity))
    throw new ConfigError(`the scale of the dot product bias is ${scale}; it must be a positive number`);
  const name = "dot product";
  return {
    name,
    thresholded: false,
    affine: { prediction: 0, value: scale },
    loss(prediction, value) {
      checkPrediction(name, prediction, value);
      return np.multiply(np.sum(np.multiply(prediction, value), -1), -scale);
    },
    outputError(prediction, value): Tensor {
      checkPrediction(name, prediction, value);
      return np.multiply(value, -scale);
    },
  };
}

/** The two conventions of the squared error: they differ by a factor 2 in the step size. */
export const l2Scales = ["half", "full"] as const;
/** One of `l2Scales`. */
export type L2Scale = (typeof l2Scales)[number];

/** Which l2 bias. */
export interface L2BiasOptions {
  /** `half` by default. */
  readonly scale?: L2Scale;
}

/**
 * The l2 bias: a prediction should be the value.
 *
 * $$\mathcal L = \tfrac{\kappa}{2}\,\|r\|_2^2, \qquad e = \kappa\,r, \qquad r = \mathcal M(k) - v$$
 *
 * In code: kappa = 1 is `half`, kappa = 2 is `full`, which equals `half` with twice the step size.
 *
 * @throws ConfigError if the scale is unknown; the bias itself throws ShapeError where prediction and value differ in shape
 */
export function l2Bias({ scale = "half" }: L2BiasOptions = {}): AttentionalBias {
  if (!l2Scales.includes(scale))
    throw new ConfigError(`the scale of the l2 bias is "${scale}" (valid: ${l2Scales.join(", ")})`);
  const factor = scale === "half" ? 1 : 2;
  const name = "l2";
  return {
    name,
    thresholded: false,
    affine: { prediction: factor, value: factor },
    loss: (prediction, value) => np.multiply(np.sum(np.square(residual(name, prediction, value)), -1), factor / 2),
    outputError: (prediction, value) => np.multiply(residual(name, prediction, value), factor),
  };
}
