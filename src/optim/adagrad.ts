/** AdaGrad: steps that shrink where gradients were large. */
import { np, type Tensor, type Tree } from "../array/index.ts";
import { checkPositive } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer, zeros } from "./parameter-rule.ts";

/** What AdaGrad may be told; nothing decays by default. */
export interface AdaGradOptions extends DecayOptions {
  /** Added to the root of the summed squares; 1e-10 by default. */
  readonly epsilon?: number;
}

/** AdaGrad's state: the number of steps taken, [], and the summed squares, a tree like the parameters'. */
export type AdaGradState = { readonly step: Tensor; readonly squareSum: Tree };

export const adaGradDefaults = { epsilon: 1e-10, weightDecay: 0 } as const;

/**
 * AdaGrad with a diagonal preconditioner (Duchi, Hazan and Singer, JMLR 12, 2011).
 *
 * $$H_t = H_{t-1} + g_t^2, \qquad p_t = p_{t-1} - \eta\,\frac{g_t}{\sqrt{H_t} + \epsilon}$$
 *
 * @throws ConfigError if epsilon is not positive or the decay is negative
 */
export function adaGrad(options: AdaGradOptions = {}): Optimizer<AdaGradState> {
  const settings = { ...adaGradDefaults, ...options };
  const { epsilon } = settings;
  checkPositive({ epsilon });
  const rule: ParameterRule = {
    slots: { squareSum: zeros },
    step(gradient, slots) {
      const squareSum = np.add(slots.squareSum!, np.square(gradient));
      return { direction: np.divide(gradient, np.add(np.sqrt(squareSum), epsilon)), slots: { squareSum } };
    },
  };
  return ruleOptimizer<AdaGradState>("adagrad", () => rule, settings);
}
