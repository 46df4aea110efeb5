/** Adam, and AdamW: Adam with decoupled weight decay. */
import { np, type Tensor, type Tree } from "../array/index.ts";
import { checkPositive, checkShares } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer, zeros } from "./parameter-rule.ts";

/** The numbers of Adam's rule. */
export interface AdamNumbers {
  /** beta_1, how much of the mean gradient is kept; 0.9 by default. */
  readonly beta1?: number;
  /** beta_2, how much of the mean squared gradient is kept; 0.95 by default, as language models use it (`adam`: 0.999, as published). */
  readonly beta2?: number;
  /** Added to the root of the mean squared gradient; 1e-8 by default. */
  readonly epsilon?: number;
}

/** What AdamW may be told; lambda is 0.01 by default. */
export interface AdamWOptions extends AdamNumbers, DecayOptions {}

/** What Adam may be told; nothing decays by default. */
export interface AdamOptions extends AdamNumbers, DecayOptions {
  /** Divides both moments by the weight of the gradients in them, which is small in the first steps; true by default. */
  readonly biasCorrection?: boolean;
}

/** AdamW's state: the number of steps taken, [], and a tree like the parameters' for each moment. */
export type AdamWState = { readonly step: Tensor; readonly firstMoment: Tree; readonly secondMoment: Tree };

export const adamWDefaults = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01 } as const;
export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, biasCorrection: true, weightDecay: 0 } as const;

/**
 * AdamW (Loshchilov and Hutter, arXiv:1711.05101, Algorithm 2).
 *
 * $$m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2$$
 * $$p_t = p_{t-1} - \eta\Big(\frac{m_t/(1-\beta_1^t)}{\sqrt{v_t/(1-\beta_2^t)}+\epsilon} + \lambda\,p_{t-1}\Big)$$
 *
 * @throws ConfigError if a beta is not in [0, 1), epsilon is not positive, or the decay is negative
 */
export function adamW(options: AdamWOptions = {}): Optimizer<AdamWState> {
  const settings = { ...adamWDefaults, ...options };
  const rule = adamRule(settings, true);
  return ruleOptimizer<AdamWState>("adamw", () => rule, settings);
}

/**
 * Adam (Kingma and Ba, arXiv:1412.6980, Algorithm 1): `adamW` with the published beta_2, no decay, and a choice about the bias of the first steps.
 *
 * @throws ConfigError if a beta is not in [0, 1), epsilon is not positive, or the decay is negative
 */
export function adam(options: AdamOptions = {}): Optimizer<AdamWState> {
  const settings = { ...adamDefaults, ...options };
  const rule = adamRule(settings, settings.biasCorrection);
  return ruleOptimizer<AdamWState>("adam", () => rule, settings);
}

/** @internal Adam's rule for one parameter, which other optimisers use for those that are no matrices. */
export function adamRule({ beta1, beta2, epsilon }: Required<AdamNumbers>, biasCorrection: boolean): ParameterRule {
  checkShares({ beta1, beta2 });
  checkPositive({ epsilon });
  return {
    slots: { firstMoment: zeros, secondMoment: zeros },
    step(gradient, slots, { step }) {
      const firstMoment = decayingMean(beta1, slots.firstMoment!, gradient);
      const secondMoment = decayingMean(beta2, slots.secondMoment!, np.square(gradient));
      const second = biasCorrection ? np.divide(secondMoment, gradientWeight(beta2, step)) : secondMoment;
      const direction = np.divide(firstMoment, np.add(np.sqrt(second), epsilon));
      const scale = biasCorrection ? { scale: np.reciprocal(gradientWeight(beta1, step)) } : {};
      return { direction, ...scale, slots: { firstMoment, secondMoment } };
    },
  };
}

/** @internal The exponential moving average after one more value. */
export function decayingMean(beta: number, mean: Tensor, value: Tensor): Tensor {
  return np.add(np.multiply(mean, beta), np.multiply(value, 1 - beta));
}

/** @internal 1 - beta^t as -expm1(t log beta): the difference itself would lose four of float32's seven digits at the first steps. */
export function gradientWeight(beta: number, step: Tensor): Tensor {
  return beta === 0 ? np.onesLike(step) : np.negative(np.expm1(np.multiply(step, Math.log(beta))));
}
