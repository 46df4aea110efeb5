/** One online gradient step, FTRL, learning-retaining and least squares: ways to say what a memory minimises. */

import { inverse } from "./linear-solve.ts";
import {
  add,
  addMatrix,
  dot,
  identity,
  type Matrix,
  matMul,
  matVec,
  outer,
  scale,
  scaleMatrix,
  subtract,
  type Vector,
  zeroMatrix,
} from "./matrix.ts";

/** The gradient of token t's loss at the given weights. */
export type MirasGradientAt = (weights: Matrix, token: number) => Matrix;

/** Eq 5: `W_t = W_{t-1} - η_t ∇ℓ(W_{t-1})`. Returns the weights after each token. */
export function mirasOnlineDescent(gradientAt: MirasGradientAt, stepSizes: Vector, start: Matrix): Matrix[] {
  let weights = start;
  return stepSizes.map((stepSize, t) => {
    weights = addMatrix(weights, scaleMatrix(-stepSize, gradientAt(weights, t)));
    return weights;
  });
}

export interface MirasFtrlOptions {
  /** "outside": one factor η_t before the whole sum (the printed Eq 7). "inside": each η_i with its own gradient. */
  rates: "outside" | "inside";
  /** "origin": stability `‖W‖²`. "start": `‖W - W_0‖²`. */
  anchor: "origin" | "start";
}

/**
 * Eq 7 in closed form, with its two repairs; gradients are taken at this rule's own weights.
 *
 * $$W_t=[W_0]-\eta_t\sum_{i\le t}\nabla\ell(W_{i-1})\quad\text{or}\quad W_t=[W_0]-\sum_{i\le t}\eta_i\nabla\ell(W_{i-1})$$
 */
export function mirasFollowTheLeader(
  gradientAt: MirasGradientAt,
  stepSizes: Vector,
  start: Matrix,
  options: MirasFtrlOptions,
): Matrix[] {
  const anchor = options.anchor === "start" ? start : scaleMatrix(0, start);
  let weights = start;
  let sum = scaleMatrix(0, start);
  return stepSizes.map((stepSize, t) => {
    const inside = options.rates === "inside" ? stepSize : 1;
    const outside = options.rates === "inside" ? 1 : stepSize;
    sum = addMatrix(sum, scaleMatrix(inside, gradientAt(weights, t)));
    weights = addMatrix(anchor, scaleMatrix(-outside, sum));
    return weights;
  });
}

/** `Σ_{i≤t} ⟨W - W_{i-1}, g_i⟩ + ‖W‖²/(2η)`, the objective of Eq 7 for given gradients and past weights. */
export function mirasFtrlObjective(weights: Matrix, past: Matrix[], gradients: Matrix[], stepSize: number): number {
  const linear = gradients.reduce(
    (total, gradient, i) => total + dot(subtract(weights.flat(), past[i]!.flat()), gradient.flat()),
    0,
  );
  return linear + dot(weights.flat(), weights.flat()) / (2 * stepSize);
}

/**
 * FTRL on whole squared losses, by the normal equations: every `½‖W k_i - v_i‖²` up to t plus `‖W‖²/(2η)`.
 *
 * $$W_t=\Big(\sum_{i\le t}v_ik_i^\top\Big)\Big(\sum_{i\le t}k_ik_i^\top+\tfrac1\eta I\Big)^{-1}$$
 */
export function mirasRidge(keys: Matrix, values: Matrix, stepSize: number): Matrix[] {
  const width = keys[0]!.length;
  let moments = scaleMatrix(1 / stepSize, identity(width));
  let writes = zeroMatrix(values[0]!.length, width);
  return keys.map((key, t) => {
    moments = addMatrix(moments, outer(key, key));
    writes = addMatrix(writes, outer(values[t]!, key));
    return matMul(writes, inverse(moments));
  });
}

/**
 * Learning-retaining on the same losses, where the retention is the Bregman divergence of everything before token t.
 *
 * $$W_t=(W_{t-1}H+v_tk_t^\top)(H+k_tk_t^\top)^{-1},\qquad H=\sum_{i<t}k_ik_i^\top+\tfrac1\eta I$$
 */
export function mirasLearningRetaining(keys: Matrix, values: Matrix, stepSize: number, start: Matrix): Matrix[] {
  let moments = scaleMatrix(1 / stepSize, identity(keys[0]!.length));
  let weights = start;
  return keys.map((key, t) => {
    const written = addMatrix(matMul(weights, moments), outer(values[t]!, key));
    moments = addMatrix(moments, outer(key, key));
    weights = matMul(written, inverse(moments));
    return weights;
  });
}

/** The same weights without any inverse: `g = Pk/(1 + kᵀPk)`, `W += (v - Wk)gᵀ`, `P -= g(Pk)ᵀ`, from `P = ηI`. */
export function mirasRecursiveLeastSquares(keys: Matrix, values: Matrix, stepSize: number, start: Matrix): Matrix[] {
  let spread = scaleMatrix(stepSize, identity(keys[0]!.length));
  let weights = start;
  return keys.map((key, t) => {
    const reach = matVec(spread, key);
    const gain = scale(1 / (1 + dot(key, reach)), reach);
    weights = addMatrix(weights, outer(subtract(values[t]!, matVec(weights, key)), gain));
    spread = addMatrix(spread, scaleMatrix(-1, outer(gain, reach)));
    return weights;
  });
}

/** The Mesa-layer: least squares over the whole history with unit ridge, read after each write. */
export function mirasMesa(keys: Matrix, values: Matrix, queries: Matrix): { outputs: Matrix; final: Matrix } {
  const weights = mirasRidge(keys, values, 1);
  return { outputs: queries.map((query, t) => matVec(weights[t]!, query)), final: weights.at(-1)! };
}

/** Eq 3 with a scalar decay: `Σ_{i≤t} a^{t-i} v_i k_iᵀ` for each t, as the explicit sum. */
export function mirasDiscountedSums(keys: Matrix, values: Matrix, decay: number): Matrix[] {
  return keys.map((_, t) =>
    keys
      .slice(0, t + 1)
      .map((key, i) => scaleMatrix(decay ** (t - i), outer(values[i]!, key)))
      .reduce((total, term) => total.map((row, r) => add(row, term[r]!))),
  );
}
