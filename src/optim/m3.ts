/** M3, Multi-scale Momentum Muon: orthogonalised momentum at two time scales over Adam's second moment. */
import { np, type Tensor } from "../array/index.ts";
import { adamRule, adamWDefaults, decayingMean } from "./adamw.ts";
import { checkChoice, checkCounts, checkNotNegative, checkShares } from "./checks.ts";
import { ADAM_RMS, checkMatrixSettings, type MatrixOptions } from "./muon.ts";
import { newtonSchulz } from "./newton-schulz.ts";
import type { Optimizer } from "./optimizer.ts";
import { hiddenMatrices, type ParameterRule, type RuleState, ruleOptimizer, zeros } from "./parameter-rule.ts";

/** How M3's buffers accumulate: `sum` as the algorithm is printed, `ema` as moving averages that forget. */
export const m3Modes = ["ema", "sum"] as const;
/** One of `m3Modes`. */
export type M3Mode = (typeof m3Modes)[number];

/** Where epsilon stands: outside the root as in Adam, or under it, which the print may also mean. */
export const epsilonPlaces = ["outside", "inside"] as const;
/** One of `epsilonPlaces`. */
export type EpsilonPlace = (typeof epsilonPlaces)[number];

/** What M3 may be told. `beta1`, `beta2` and `epsilon` are those of its matrices and of AdamW, which moves the other parameters. */
export interface M3Options extends MatrixOptions {
  /** `ema` by default. */
  readonly mode?: M3Mode;
  /** beta_3, the slow buffer's factor; 0.9 by default. */
  readonly beta3?: number;
  /** The paper's alpha: how much the slow buffer's direction weighs next to the fast one's; 0.5 by default. */
  readonly slowWeight?: number;
  /** f: after how many steps the slow buffer takes in the gradients since the last time; 20 by default. */
  readonly period?: number;
  /** Where epsilon stands; `outside` by default. */
  readonly epsilonPlace?: EpsilonPlace;
}

export const m3Defaults = {
  mode: "ema",
  beta3: 0.9,
  slowWeight: 0.5,
  period: 20,
  epsilonPlace: "outside",
  steps: 5,
  iteration: "quintic",
  scaling: "rms",
  ...adamWDefaults,
} as const;

/**
 * M3 (Algorithm 1 of Nested Learning): two momenta, one of which takes in gradients only every f steps, orthogonalised and divided by the root of the
 * summed squares.
 *
 * $$M^{(1)}_t = M^{(1)}_{t-1} + \beta_1 g_t, \qquad V_t = V_{t-1} + \beta_2 g_t^2, \qquad
 *   M^{(2)}_t = M^{(2)}_{t-1} + \beta_3 \textstyle\sum_{i=t-f+1}^{t} g_i \;\text{ if } f \mid t$$
 * $$\Theta_t = \Theta_{t-1} - \eta\,\frac{\mathrm{NS}(M^{(1)}_t) + \alpha\,\mathrm{NS}(M^{(2)}_{t-1})}{\sqrt{V_t} + \epsilon}$$
 *
 * These sums are `mode: "sum"` with `scaling: "literal"`; they never forget, and the step shrinks like 1/sqrt(t). `mode: "ema"` makes them averages:
 * beta of the old and 1 - beta of the new, the slow one taking in the mean of f gradients. `scaling: "rms"` gives an update AdamW's size: what is printed
 * grows when gradients shrink. Matrices [..., rows, columns] by `matrices`; AdamW moves all other parameters, of which the paper does not speak.
 * In code: alpha = `slowWeight`, f = `period`.
 *
 * @throws ConfigError if a setting is out of its range
 * @see Nested Learning (arXiv:2512.24695) Eq. 75
 * @see Nested Learning (arXiv:2512.24695) Algorithm 1
 */
export function m3(options: M3Options = {}): Optimizer<RuleState> {
  const settings = { matrices: hiddenMatrices, ...m3Defaults, ...options };
  const { beta1, beta2, beta3, slowWeight, period, mode, epsilonPlace, matrices } = settings;
  checkShares({ beta1, beta2, beta3 });
  checkNotNegative({ slowWeight });
  checkCounts({ period });
  checkChoice("mode", mode, m3Modes);
  checkChoice("epsilonPlace", epsilonPlace, epsilonPlaces);
  checkMatrixSettings(settings);
  const adam = adamRule(settings, true);
  const rule = matrixRule(settings);
  return ruleOptimizer("m3", (path, parameter) => (matrices(path, parameter) ? rule : adam), settings);
}

function matrixRule(settings: Required<Omit<M3Options, "decays">>): ParameterRule {
  const { beta1, beta2, beta3, slowWeight, period, steps, iteration, scaling } = settings;
  const accumulate = settings.mode === "sum" ? decayFreeSum : decayingMean;
  const perGradient = settings.mode === "sum" ? 1 : 1 / period;
  return {
    slots: { fastMomentum: zeros, slowMomentum: zeros, pending: zeros, secondMoment: zeros },
    step(gradient, slots, { step }) {
      const fastMomentum = accumulate(beta1, slots.fastMomentum!, gradient);
      const secondMoment = accumulate(beta2, slots.secondMoment!, np.square(gradient));
      const pending = np.add(slots.pending!, gradient);
      const slowMomentum = accumulate(beta3, slots.slowMomentum!, np.multiply(pending, perGradient));

      const orthogonal = np.add(
        newtonSchulz(fastMomentum, steps, iteration),
        np.multiply(newtonSchulz(slots.slowMomentum!, steps, iteration), slowWeight),
      );
      const direction = np.divide(orthogonal, rootOf(secondMoment, settings));

      const isBoundary = np.equal(np.remainder(step, period), 0);
      return {
        direction: scaling === "rms" ? withRms(direction, ADAM_RMS) : direction,
        slots: {
          fastMomentum,
          secondMoment,
          slowMomentum: np.where(isBoundary, slowMomentum, slots.slowMomentum!),
          pending: np.where(isBoundary, np.zerosLike(pending), pending),
        },
      };
    },
  };
}

function decayFreeSum(beta: number, sum: Tensor, value: Tensor): Tensor {
  return np.add(sum, np.multiply(value, beta));
}

function rootOf(
  square: Tensor,
  { epsilon, epsilonPlace }: Pick<Required<M3Options>, "epsilon" | "epsilonPlace">,
): Tensor {
  return epsilonPlace === "inside" ? np.sqrt(np.add(square, epsilon)) : np.add(np.sqrt(square), epsilon);
}

function withRms(x: Tensor, rms: number): Tensor {
  const now = np.sqrt(np.mean(np.square(x), [-2, -1], { keepdims: true }));
  return np.multiply(x, np.divide(rms, np.where(np.equal(now, 0), 1, now)));
}
