/** Learning rates over time: plain functions of the step, whose value is passed to the compiled step as a tensor. */
import { ConfigError } from "../utils/index.ts";

/** The learning rate of a step; steps count from 0. */
export type Schedule = (step: number) => number;

/** The same learning rate at every step. */
export function constantRate(learningRate: number): Schedule {
  return () => learningRate;
}

/** When a `warmupCosine` schedule rises and falls. */
export interface WarmupCosineOptions {
  /** The learning rate at the end of the warm-up. */
  readonly peak: number;
  /** The learning rate from `totalSteps` on; 0 by default. */
  readonly floor?: number;
  /** Steps of linear warm-up; 0 by default. */
  readonly warmupSteps?: number;
  /** Steps until the floor is reached. */
  readonly totalSteps: number;
}

/**
 * Linear warm-up to a peak, then half a cosine down to a floor.
 *
 * $$\eta_s = \eta_{max}\frac{s+1}{w} \;(s < w), \qquad
 *   \eta_s = \eta_{min} + \tfrac{1}{2}(\eta_{max}-\eta_{min})\Big(1+\cos\pi\frac{s-w}{T-w}\Big) \;(w \le s < T), \qquad \eta_{min} \;(s \ge T)$$
 *
 * The first step already moves, and the last step of the warm-up has the peak rate.
 *
 * @throws ConfigError if the warm-up is longer than the whole, or a number is negative
 */
export function warmupCosine({ peak, floor = 0, warmupSteps = 0, totalSteps }: WarmupCosineOptions): Schedule {
  for (const [name, value] of Object.entries({ peak, floor, warmupSteps, totalSteps })) {
    if (!(value >= 0)) throw new ConfigError(`${name} must be at least 0, not ${value}`);
  }
  if (warmupSteps > totalSteps) {
    throw new ConfigError(`warmupSteps must be at most totalSteps, but ${warmupSteps} is more than ${totalSteps}`);
  }
  return (step) => {
    if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
    if (step >= totalSteps) return floor;
    const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
    return floor + ((peak - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
  };
}
