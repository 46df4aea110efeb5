/** Gradient descent, plain and with momentum. */
import { np, type Tensor, type Tree } from "../array/index.ts";
import { checkShares } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer, zeros } from "./parameter-rule.ts";

/** What gradient descent with momentum may be told; nothing decays by default. */
export interface MomentumOptions extends DecayOptions {
  /** How much of the accumulated gradient is kept; 0.9 by default. */
  readonly momentum?: number;
}

/** The state of gradient descent with momentum: the number of steps taken, [], and a tree like the parameters'. */
export type MomentumState = { readonly step: Tensor; readonly momentum: Tree };

export const sgdDefaults = { weightDecay: 0 } as const;
export const momentumDefaults = { momentum: 0.9, weightDecay: 0 } as const;

/**
 * Stochastic gradient descent.
 *
 * $$W_{t+1} = W_t - \eta_t \nabla \mathcal L(W_t; x_{t+1})$$
 *
 * @throws ConfigError if the decay is negative
 * @see Nested Learning (arXiv:2512.24695) Eq. 32
 */
export function sgd(options: DecayOptions = {}): Optimizer<{ readonly step: Tensor }> {
  const rule: ParameterRule = { slots: {}, step: (gradient) => ({ direction: gradient, slots: {} }) };
  return ruleOptimizer("sgd", () => rule, options);
}

/**
 * Gradient descent with heavy-ball momentum.
 *
 * $$m_t = \alpha\,m_{t-1} + g_t, \qquad p_t = p_{t-1} - \eta\,m_t$$
 *
 * The learning rate stands outside the momentum, so that a schedule acts on old gradients too; with a constant one this is `decayedMomentum` of Nested
 * Learning, where it stands inside. In code: alpha = `momentum`.
 *
 * @throws ConfigError if the momentum is not in [0, 1) or the decay is negative
 */
export function momentum(options: MomentumOptions = {}): Optimizer<MomentumState> {
  return accumulating("momentum", options, (_, accumulated) => accumulated);
}

/**
 * Gradient descent with Nesterov's momentum, in the form that needs no gradient elsewhere (Sutskever et al., 2013).
 *
 * $$m_t = \alpha\,m_{t-1} + g_t, \qquad p_t = p_{t-1} - \eta\,(g_t + \alpha\,m_t)$$
 *
 * @throws ConfigError if the momentum is not in [0, 1) or the decay is negative
 */
export function nesterov(options: MomentumOptions = {}): Optimizer<MomentumState> {
  return accumulating("nesterov", options, lookAhead);
}

/** @internal Where momentum will have gone after another such step. */
export function lookAhead(gradient: Tensor, accumulated: Tensor, momentum: number): Tensor {
  return np.add(gradient, np.multiply(accumulated, momentum));
}

function accumulating(
  name: string,
  options: MomentumOptions,
  directionOf: (gradient: Tensor, accumulated: Tensor, momentum: number) => Tensor,
): Optimizer<MomentumState> {
  const settings = { ...momentumDefaults, ...options };
  const { momentum } = settings;
  checkShares({ momentum });
  const rule: ParameterRule = {
    slots: { momentum: zeros },
    step(gradient, slots) {
      const accumulated = np.add(np.multiply(slots.momentum!, momentum), gradient);
      return { direction: directionOf(gradient, accumulated, momentum), slots: { momentum: accumulated } };
    },
  };
  return ruleOptimizer<MomentumState>(name, () => rule, settings);
}
