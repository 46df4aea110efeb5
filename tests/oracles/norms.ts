/** Normalisations of one vector. */

import { dot, type Vector } from "./matrix.ts";

/** `γ ⊙ x / sqrt(mean(x²) + ε)`. */
export function rmsNorm(x: Vector, gamma: Vector, epsilon: number): Vector {
  const size = Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => (gamma[i]! * value) / size);
}

/** `(x - μ) / sqrt(var(x) + ε)` with the biased variance, and the divisor. */
export function standardise(x: Vector, epsilon: number): { normalised: Vector; deviation: number } {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const deviation = Math.sqrt(variance + epsilon);
  return { normalised: x.map((value) => (value - mean) / deviation), deviation };
}

/** `γ ⊙ (x - μ) / sqrt(var(x) + ε) + β`. */
export function layerNorm(x: Vector, gamma: Vector, beta: Vector, epsilon: number): Vector {
  return standardise(x, epsilon).normalised.map((value, i) => gamma[i]! * value + beta[i]!);
}

/** `x / sqrt(‖x‖² + ε)`. */
export function l2Normalise(x: Vector, epsilon: number): Vector {
  const size = Math.sqrt(dot(x, x) + epsilon);
  return x.map((value) => value / size);
}
