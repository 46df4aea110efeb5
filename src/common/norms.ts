/** Normalisations over the last axis. Each epsilon stands inside the root, so that the gradient at zero is finite. */
import { np, type Tensor } from "../array/index.ts";

/** Scale and shift of a LayerNorm, [dim] each. */
export type LayerNormParams = { readonly scale: Tensor; readonly shift: Tensor };

/** A fresh RMSNorm scale: ones, [dim]. */
export function initRmsNorm(dim: number): Tensor {
  return np.ones([dim]);
}

/**
 * Divides features by their root mean square.
 *
 * $$y = \gamma \odot \frac{x}{\sqrt{\tfrac1d \sum_i x_i^2 + \epsilon}}$$
 *
 * @param scale gamma: [dim]
 * @param x [..., dim]
 * @param epsilon floor of the mean square
 * @returns [..., dim]
 */
export function rmsNorm(scale: Tensor, x: Tensor, epsilon = 1e-6): Tensor {
  const meanSquare = np.mean(np.square(x), -1, { keepdims: true });
  return np.multiply(np.divide(x, np.sqrt(np.add(meanSquare, epsilon))), scale);
}

/** A fresh LayerNorm: scale one, shift zero. */
export function initLayerNorm(dim: number): LayerNormParams {
  return { scale: np.ones([dim]), shift: np.zeros([dim]) };
}

/**
 * Centres features and divides them by their standard deviation.
 *
 * $$y = \gamma \odot \frac{x - \mu}{\sqrt{\tfrac1d \sum_i (x_i - \mu)^2 + \epsilon}} + \beta, \qquad \mu = \tfrac1d \sum_i x_i$$
 *
 * @param params scale gamma and shift beta, [dim] each
 * @param x [..., dim]
 * @param epsilon floor of the variance
 * @returns [..., dim]
 */
export function layerNorm(params: LayerNormParams, x: Tensor, epsilon = 1e-5): Tensor {
  const centred = np.subtract(x, np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred), -1, { keepdims: true });
  const normalized = np.divide(centred, np.sqrt(np.add(variance, epsilon)));
  return np.add(np.multiply(normalized, params.scale), params.shift);
}

/**
 * Scales vectors to length one; a zero vector stays zero.
 *
 * $$y = \frac{x}{\sqrt{\lVert x \rVert^2 + \epsilon}}$$
 *
 * @param x [..., dim]
 * @param epsilon floor of the squared length
 * @returns [..., dim]
 */
export function l2Normalize(x: Tensor, epsilon = 1e-6): Tensor {
  return np.divide(x, np.sqrt(np.add(np.sum(np.square(x), -1, { keepdims: true }), epsilon)));
}
