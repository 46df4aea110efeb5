/** Chooses the next token from logits. */
import { ConfigError } from "../utils/index.ts";

/** How tokens are chosen. */
export interface SamplingOptions {
  /** 0 always takes the likeliest token; 1 samples from the model's own distribution. */
  readonly temperature: number;
  /** Only the k likeliest tokens; all by default. */
  readonly topK?: number;
  /** Only the likeliest tokens that together hold this probability; all by default. */
  readonly topP?: number;
}

/** Throws ConfigError unless the options can be used. */
export function checkSampling({ temperature, topK, topP }: SamplingOptions): void {
  if (!(temperature >= 0))
    throw new ConfigError(`temperature is ${temperature}; it must be 0 (always the likeliest token) or more`);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw new ConfigError(`top-k is ${topK}; it must be a whole number of at least 1`);
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new ConfigError(`top-p is ${topP}; it must be above 0 and at most 1`);
}

/**
 * Chooses a token.
 *
 * $$p_i \propto \exp(z_i / T) \quad \text{over the tokens that top-k and top-p leave}$$
 *
 * @param logits z: one number a token
 * @param uniform a random number in [0, 1); not used at temperature 0
 * @returns the token
 */
export function sampleToken(logits: ArrayLike<number>, options: SamplingOptions, uniform: number): number {
  const ranked = Array.from({ length: logits.length }, (_, i) => i).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (options.temperature === 0) return ranked[0]!;
  const largest = logits[ranked[0]!]!;
  const weights = ranked.slice(0, options.topK).map((i) => Math.exp((logits[i]! - largest) / options.temperature));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const kept = countForTopP(weights, total * (options.topP ?? 1));
  const mass = weights.slice(0, kept).reduce((sum, w) => sum + w, 0);
  let rest = uniform * mass;
  for (let rank = 0; rank < kept; rank++) {
    rest -= weights[rank]!;
    if (rest < 0) return ranked[rank]!;
  }
  return ranked[kept - 1]!;
}

/** How many of the likeliest tokens hold a mass together. */
function countForTopP(weights: readonly number[], mass: number): number {
  let sum = 0;
  for (let rank = 0; rank < weights.length; rank++) {
    sum += weights[rank]!;
    if (sum >= mass) return rank + 1;
  }
  return weights.length;
}
