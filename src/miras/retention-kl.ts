/** Retention by relative entropy: weights that stay on a scaled simplex, written to by multiplication. */
import { nn, np, type Tensor, type TensorLike } from "../array/index.ts";
import type { NonlinearRetention } from "./retention-gate.ts";
import {
  checkSimplex,
  type ScaledSimplex,
  type SimplexSlice,
  simplexWeights,
  sliceAxes,
  sliceSum,
} from "./scaled-simplex.ts";

/** The weights of the two parts of the retention; each a number, or a tensor that broadcasts against the slices. */
export interface KlWeights {
  /** eta_t: the inverse weight of what is kept near the last weights. Large learns more. */
  readonly stepSize: TensorLike;
  /** alpha_t of Eq. 19-21, which is not a share to keep: the inverse weight of the global entropy. `Infinity` leaves it out. */
  readonly inverseGlobal: TensorLike;
}

/**
 * What the step with relative entropy minimises over the scaled simplex.
 *
 * $$\langle W - W_{t-1}, g\rangle + \frac1{\eta_t}\sum W_{jl}\ln\frac{W_{jl}}{(W_{t-1})_{jl}} + \frac1{\alpha_t}\sum W_{jl}\ln W_{jl}$$
 *
 * The paper prints $W_t$ for $W_{t-1}$ in the logarithm. The constraints are measured by `simplexViolation`. In code: eta = `stepSize`,
 * alpha = `inverseGlobal`.
 *
 * @param weights W: [..., out, in], positive
 * @param previous W_{t-1}: [..., out, in], positive
 * @param gradient g: [..., out, in]
 * @param slice what a sum runs over, `matrix` by default
 * @returns [..., 1, 1], or [..., out, 1] for rows
 * @see MIRAS (arXiv:2504.13173) Eq. 19
 */
export function klObjective(
  weights: Tensor,
  previous: Tensor,
  gradient: Tensor,
  { stepSize, inverseGlobal }: KlWeights,
  slice?: SimplexSlice,
): Tensor {
  const log = np.log(weights);
  const bias = sliceSum(np.multiply(np.subtract(weights, previous), gradient), slice);
  const local = sliceSum(np.multiply(weights, np.subtract(log, np.log(previous))), slice);
  const global = sliceSum(np.multiply(weights, log), slice);
  return np.add(bias, np.add(np.divide(local, stepSize), np.divide(global, inverseGlobal)));
}

/**
 * The gates that two inverse weights of the retention amount to.
 *
 * $$\lambda_t = \frac{1/\alpha_t}{1/\alpha_t + 1/\eta_t}, \qquad \eta'_t = \frac1{1/\alpha_t + 1/\eta_t} = (1-\lambda_t)\,\eta_t$$
 *
 * In code: `retain` is 1 - lambda, `stepSize` of the result is eta', both in the shape that the two have when broadcast.
 *
 * @see MIRAS (arXiv:2504.13173) Eq. 21
 */
export function klCoefficients({ stepSize, inverseGlobal }: KlWeights): { retain: Tensor; stepSize: Tensor } {
  const retain = np.reciprocal(np.add(1, np.divide(stepSize, inverseGlobal)));
  return { retain, stepSize: np.multiply(retain, stepSize) };
}

/**
 * One step of retention by relative entropy, on logarithms.
 *
 * $$\log\frac{W_t}{c} = \mathrm{logSoftmax}\Big((1-\lambda_t)\log\frac{W_{t-1}}{c} - \eta'_t\, g\Big)$$
 *
 * The logarithms are what is carried from token to token: an entry too small for a number comes back. With free gates, as here, this is the rule of
 * Memora. Gates must be equal inside a slice, or the softmax is not the minimiser. In code: 1 - lambda = `retain`, eta' = `stepSize`.
 *
 * @param logWeights log(W_{t-1} / c), up to a constant in each slice: [..., out, in]
 * @param gradient g, with respect to W: [..., out, in]
 * @param gates numbers, or tensors that broadcast against the slices: [..., 1, 1], or [..., out, 1] for rows
 * @param slice what the softmax runs over, `matrix` by default
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 21
 */
export function softmaxUpdate(
  logWeights: Tensor,
  gradient: Tensor,
  gates: { readonly retain: TensorLike; readonly stepSize: TensorLike },
  slice?: SimplexSlice,
): Tensor {
  const logits = np.subtract(np.multiply(logWeights, gates.retain), np.multiply(gradient, gates.stepSize));
  return nn.logSoftmax(logits, sliceAxes(slice));
}

/**
 * One step of retention by relative entropy: the minimiser of `klObjective` on the scaled simplex.
 *
 * $$W_t = c\ \mathrm{Softmax}\big((1-\lambda_t)\log W_{t-1} - \eta'_t\, g\big)$$
 *
 * @param previous W_{t-1}: [..., out, in], positive
 * @param gradient g: [..., out, in]
 * @param weights the weights of the two parts of the retention
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 21
 */
export function klUpdate(previous: Tensor, gradient: Tensor, weights: KlWeights, simplex: ScaledSimplex = {}): Tensor {
  return simplexWeights(softmaxUpdate(np.log(previous), gradient, klCoefficients(weights), simplex.slice), simplex);
}

/** A retention by relative entropy. */
export interface KlRetentionOptions extends ScaledSimplex {
  /**
   * Whether the step shrinks with what is kept, eta' = retain eta, as it does where both come from the weights of two retentions: then
   * alpha = retain eta / (1 - retain). Left out, the gates are free, as in Memora.
   */
  readonly coupled?: boolean;
}

/**
 * Retention by relative entropy, for whole chunks: logarithms accumulate, weights are their softmax.
 *
 * Exact in a chunk of any length but for the gradients' being older: the normaliser of each token only shifts a slice, which the softmax takes out.
 * The step is that of `softmaxUpdate`.
 *
 * @throws ConfigError if the total is not positive or the slice is unknown
 */
export function klRetention({ coupled = false, ...simplex }: KlRetentionOptions = {}): NonlinearRetention {
  checkSimplex(simplex);
  const normalized = (logits: Tensor) => nn.logSoftmax(logits, sliceAxes(simplex.slice));
  return {
    name: "relative entropy",
    start: normalized,
    accumulator: (state) => state,
    slice: simplex.slice ?? "matrix",
    gates: ({ retain, logRetain, stepSize }) => ({
      logRetain,
      stepSize: coupled ? np.multiply(retain, stepSize) : stepSize,
    }),
    weights: (accumulator) => simplexWeights(accumulator, simplex),
    next: normalized,
  };
}
