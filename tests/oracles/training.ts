/** Scalar oracles of the outer loop: AdamW, clipping, the learning rate schedule, the loss. */

import type { Matrix, Vector } from "./matrix.ts";

export interface AdamState {
  first: Vector;
  second: Vector;
  /** Steps taken. */
  step: number;
}

export interface AdamOptions {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled: multiplied by the learning rate, never part of the gradient. */
  weightDecay: number;
}

/**
 * One AdamW step.
 *
 * $$m=\beta_1m+(1-\beta_1)g,\quad v=\beta_2v+(1-\beta_2)g^2,\quad p\leftarrow p-\lambda\Big(\frac{m/(1-\beta_1^n)}{\sqrt{v/(1-\beta_2^n)}+\epsilon}+w\,p\Big)$$
 */
export function adamWStep(
  parameters: Vector,
  gradient: Vector,
  state: AdamState,
  options: AdamOptions,
): { parameters: Vector; state: AdamState } {
  const step = state.step + 1;
  const first = state.first.map((m, i) => options.beta1 * m + (1 - options.beta1) * gradient[i]!);
  const second = state.second.map((v, i) => options.beta2 * v + (1 - options.beta2) * gradient[i]! ** 2);
  const updated = parameters.map((p, i) => {
    const mean = first[i]! / (1 - options.beta1 ** step);
    const square = second[i]! / (1 - options.beta2 ** step);
    return p - options.learningRate * (mean / (Math.sqrt(square) + options.epsilon) + options.weightDecay * p);
  });
  return { parameters: updated, state: { first, second, step } };
}

/** Scales the whole gradient to norm `maxNorm` when it is longer; the norm returned is the one before. */
export function clipGlobalNorm(gradient: Vector, maxNorm: number): { gradient: Vector; norm: number } {
  const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
  return { gradient: norm > maxNorm ? gradient.map((value) => (value * maxNorm) / norm) : gradient, norm };
}

export interface CosineSchedule {
  peak: number;
  /** Rate from `totalSteps` on. */
  floor: number;
  warmupSteps: number;
  totalSteps: number;
}

/**
 * Linear warm-up, then half a cosine; `step` counts from 0.
 *
 * Warm-up: `peak (step + 1) / warmupSteps`, so the first step already moves and the last warm-up step is at the peak.
 * After it, with `p = (step - warmupSteps) / (totalSteps - warmupSteps)`: `floor + (peak - floor)(1 + cos(π p)) / 2`.
 */
export function cosineLearningRate(step: number, { peak, floor, warmupSteps, totalSteps }: CosineSchedule): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (step >= totalSteps) return floor;
  const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
  return floor + ((peak - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
}

/** Weighted mean over tokens of `-log2 softmax(logits)[target]`; logits [T, classes], weights default to 1. */
export function crossEntropyBits(logits: Matrix, targets: number[], weights: Vector = targets.map(() => 1)): number {
  let total = 0;
  let mass = 0;
  logits.forEach((row, t) => {
    const largest = Math.max(...row);
    const logSum = largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
    total += (weights[t]! * (logSum - row[targets[t]!]!)) / Math.LN2;
    mass += weights[t]!;
  });
  return total / mass;
}
