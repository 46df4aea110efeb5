/** Retention by the Bregman divergence of a sum over entries: plain steps in other coordinates. */
import { nn, np, type Tensor, type TensorLike } from "../array/index.ts";
import type { NonlinearRetention } from "./retention-gate.ts";

/** A strictly convex function f of one entry, by its derivative and the inverse of that. */
export interface BregmanGenerator {
  readonly name: string;
  /** f': from weights to the coordinates in which steps are plain. */
  derivative(weights: Tensor): Tensor;
  /** g_F, the inverse of f'. */
  inverse(coordinates: Tensor): Tensor;
}

const generators = {
  quadratic: { name: "quadratic", derivative: (weights) => weights, inverse: (coordinates) => coordinates },
  logit: {
    name: "logit",
    derivative: (weights) => np.subtract(np.log(weights), np.log1p(np.negative(weights))),
    inverse: (coordinates) => nn.sigmoid(coordinates),
  },
} as const satisfies Record<string, BregmanGenerator>;

/**
 * Generators by name.
 *
 * `quadratic`: f = t^2 / 2, every step a plain one. `logit`: f = t ln t + (1 - t) ln(1 - t), every weight stays between 0 and 1.
 */
export const bregmanGenerators: Readonly<Record<keyof typeof generators, BregmanGenerator>> = generators;

/**
 * One step of retention by a Bregman divergence.
 *
 * $$W_t = g_F\big(F'(W_{t-1}) - \eta_t\, g\big), \qquad \text{logit: } W_t = \sigma\Big(\ln\frac{W_{t-1}}{1 - W_{t-1}} - \eta_t\, g\Big)$$
 *
 * The gradient is the one with respect to W, not multiplied by W (1 - W). The paper prints $W_t$ on the right. One of its unnumbered retentions. In code:
 * eta = `stepSize`.
 *
 * @param previous W_{t-1}: [..., out, in]; between 0 and 1 for `logit`
 * @param gradient g: [..., out, in]
 * @param stepSize a number, or a tensor that broadcasts against the weights
 * @returns [..., out, in]
 */
export function bregmanUpdate(
  previous: Tensor,
  gradient: Tensor,
  stepSize: TensorLike,
  generator: BregmanGenerator,
): Tensor {
  return generator.inverse(np.subtract(generator.derivative(previous), np.multiply(gradient, stepSize)));
}

/**
 * Retention by a Bregman divergence, for whole chunks: the coordinates f'(W) accumulate and are carried on; the free parameter is such coordinates.
 *
 * The step is that of `bregmanUpdate`; retaining less draws the coordinates to zero, for `logit` every weight to one half.
 */
export function bregmanRetention(generator: BregmanGenerator): NonlinearRetention {
  return {
    name: `bregman (${generator.name})`,
    start: (parameter) => parameter,
    accumulator: (state) => state,
    weights: (accumulator) => generator.inverse(accumulator),
    next: (accumulator) => accumulator,
  };
}
