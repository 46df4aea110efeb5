/** Retention by the elastic net: soft forgetting shrinks every weight, hard forgetting sets small ones to zero. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import type { NonlinearRetention } from "./retention-gate.ts";

/**
 * Sets entries within the threshold to zero, and moves the others towards zero by it.
 *
 * $$\mathcal S_\gamma(z) = \mathrm{sign}(z)\,\max(0,\ |z| - \gamma)$$
 *
 * In code: gamma = `threshold`.
 *
 * @param z [..., out, in]
 * @param threshold at least 0; a number, or a tensor that broadcasts against z
 * @see MIRAS (arXiv:2504.13173) Eq. 22
 */
export function softThreshold(z: Tensor, threshold: TensorLike): Tensor {
  return np.multiply(np.sign(z), np.maximum(np.subtract(np.abs(z), threshold), 0));
}

/**
 * A smooth stand-in for soft thresholding: never exactly zero, so that outer gradients always flow.
 *
 * $$\mathcal S_\gamma(z) \approx |z|\,\frac{\arctan(z/\gamma)}{\pi/2}$$
 *
 * It is off by half the threshold where |z| equals it, and moves large entries by 2/pi of the threshold only. From the paper's training section, where
 * it has no number.
 *
 * @param z [..., out, in]
 * @param threshold gamma; a number, or a tensor that broadcasts against z. Where it is 0 nothing is taken away
 */
export function smoothSoftThreshold(z: Tensor, threshold: TensorLike): Tensor {
  const isOff = np.equal(threshold, 0);
  const ratio = np.divide(z, np.where(isOff, 1, threshold));
  return np.where(isOff, z, np.multiply(np.abs(z), np.multiply(np.arctan(ratio), 2 / Math.PI)));
}

/** The weights of the step and of the two parts of the elastic net; each above 0, a number or a tensor that broadcasts against the weights. */
export interface ElasticNetWeights {
  /** eta_t */
  readonly stepSize: TensorLike;
  /** alpha: the inverse weight of the sum of magnitudes, hard forgetting. `Infinity` leaves it out. */
  readonly inverseL1: TensorLike;
  /** beta: the inverse weight of half the sum of squares, soft forgetting. `Infinity` leaves it out. */
  readonly inverseL2: TensorLike;
}

/**
 * The gates that the weights of an elastic net amount to.
 *
 * $$\lambda = \frac{\beta}{\beta+\eta}, \qquad \zeta = \eta\lambda, \qquad \gamma = \frac{\zeta}{\alpha}$$
 *
 * In code: lambda = `retain`, zeta = `stepSize` of the result, gamma = `shrinkage`, in the shape that the weights have when broadcast.
 *
 * @see MIRAS (arXiv:2504.13173) Eq. 22
 */
export function elasticNetCoefficients({ stepSize, inverseL1, inverseL2 }: ElasticNetWeights): {
  retain: Tensor;
  stepSize: Tensor;
  shrinkage: Tensor;
} {
  const retain = np.reciprocal(np.add(1, np.divide(stepSize, inverseL2)));
  const step = np.multiply(retain, stepSize);
  return { retain, stepSize: step, shrinkage: np.divide(step, inverseL1) };
}

/**
 * One step of retention by the elastic net, seen as learning and retaining: soft and hard forgetting at every token.
 *
 * $$W_t = \mathcal S_\gamma\big(\lambda W_{t-1} - \zeta\, g\big)
 * = \arg\min_W\ \langle W, g\rangle + \tfrac1{2\eta}\|W - W_{t-1}\|^2 + \tfrac1{2\beta}\|W\|^2 + \tfrac1\alpha\|W\|_1$$
 *
 * @param previous W_{t-1}: [..., out, in]
 * @param gradient g: [..., out, in]
 * @param weights of the step and of the elastic net
 * @param shrink `softThreshold`, or its smooth stand-in `smoothSoftThreshold`
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 22
 */
export function elasticNetUpdate(
  previous: Tensor,
  gradient: Tensor,
  weights: ElasticNetWeights,
  shrink: typeof softThreshold = softThreshold,
): Tensor {
  const { retain, stepSize, shrinkage } = elasticNetCoefficients(weights);
  return shrink(np.subtract(np.multiply(previous, retain), np.multiply(gradient, stepSize)), shrinkage);
}

/**
 * One step of retention by the elastic net, seen as following the regularised leader: the sum is never thresholded, so that a zero can come back.
 *
 * $$A_t = A_{t-1} - \eta\, g, \qquad W_t = \mathcal S_{\eta/\alpha}(A_t)$$
 *
 * Exact from $A_0 = 0$ with one step size for all tokens. In code: eta = `stepSize`, alpha = `inverseL1`.
 *
 * @param accumulator A_{t-1}: [..., out, in]
 * @param gradient g at W_{t-1}: [..., out, in]
 * @returns A_t and W_t
 * @see MIRAS (arXiv:2504.13173) Eq. 23
 */
export function elasticNetFtrlUpdate(
  accumulator: Tensor,
  gradient: Tensor,
  { stepSize, inverseL1 }: Pick<ElasticNetWeights, "stepSize" | "inverseL1">,
): { accumulator: Tensor; weights: Tensor } {
  const next = np.subtract(accumulator, np.multiply(gradient, stepSize));
  return { accumulator: next, weights: softThreshold(next, np.divide(stepSize, inverseL1)) };
}

/** A retention by the elastic net that thresholds at every token. */
export interface ElasticNetRetentionOptions {
  /** alpha: the inverse weight of the sum of magnitudes. */
  readonly inverseL1: TensorLike;
  /** `softThreshold` by default. */
  readonly shrink?: typeof softThreshold;
}

/**
 * Retention by the elastic net as in `elasticNetUpdate`, for whole chunks.
 *
 * A token's retain gate is lambda, so that beta = retain eta / (1 - retain). In a chunk thresholds add up, exact for entries that stay on one side of zero.
 */
export function elasticNetRetention({
  inverseL1,
  shrink = softThreshold,
}: ElasticNetRetentionOptions): NonlinearRetention {
  const weights = (accumulator: Tensor, _state: Tensor, shrinkage?: Tensor) =>
    shrinkage === undefined ? accumulator : shrink(accumulator, shrinkage);
  return {
    name: "elastic net",
    start: (parameter) => parameter,
    accumulator: (state) => state,
    gates({ retain, logRetain, stepSize }) {
      const step = np.multiply(retain, stepSize);
      return { logRetain, stepSize: step, shrinkage: np.divide(step, inverseL1) };
    },
    weights,
    next: weights,
  };
}

/** A retention by the elastic net that thresholds once, from what was never thresholded. */
export interface ElasticNetFtrlRetentionOptions {
  /** eta / alpha, constant over tokens; a number, or a tensor that broadcasts against the weights. */
  readonly threshold: TensorLike;
  /** `softThreshold` by default. */
  readonly shrink?: typeof softThreshold;
}

/**
 * Retention by the elastic net as in `elasticNetFtrlUpdate`, for whole chunks: what is carried on is the sum, and every read of it is thresholded once.
 *
 * The threshold is that of `elasticNetFtrlUpdate` with a constant step size.
 */
export function elasticNetFtrlRetention({
  threshold,
  shrink = softThreshold,
}: ElasticNetFtrlRetentionOptions): NonlinearRetention {
  return {
    name: "elastic net (regularised leader)",
    start: (parameter) => parameter,
    accumulator: (state) => state,
    weights: (accumulator) => shrink(accumulator, threshold),
    next: (accumulator) => accumulator,
  };
}
