/** Linear attention as recurrences over running sums. */

import {
  add,
  addMatrix,
  dot,
  type Matrix,
  outer,
  scale,
  type Vector,
  vecMat,
  zeroMatrix,
  zeroVector,
} from "./matrix.ts";

/** `elu(x) + 1`: positive everywhere, so the denominator of Eq 3 cannot vanish. */
export function eluPlusOne(x: Vector): Vector {
  return x.map((value) => (value > 0 ? value + 1 : Math.exp(value)));
}

/**
 * Eq 3: normalised causal linear attention of one head. Queries, keys [T, d], values [T, e] -> [T, e].
 *
 * $$y_i=\frac{\phi(q_i)\sum_{j\le i}\phi(k_j)^\top v_j}{\phi(q_i)^\top\sum_{j\le i}\phi(k_j)}$$
 */
export function normalisedLinearAttention(
  queries: Matrix,
  keys: Matrix,
  values: Matrix,
  featureMap: (x: Vector) => Vector = eluPlusOne,
): Matrix {
  const features = keys.map(featureMap);
  let numerator = zeroMatrix(features[0]!.length, values[0]!.length);
  let denominator = zeroVector(features[0]!.length);
  return queries.map((query, t) => {
    numerator = addMatrix(numerator, outer(features[t]!, values[t]!));
    denominator = add(denominator, features[t]!);
    const feature = featureMap(query);
    return scale(1 / dot(feature, denominator), vecMat(feature, numerator));
  });
}

/**
 * Eq 4-5: the matrix memory [d, e], read after the write of the same token. Returns outputs and the last memory.
 *
 * $$\mathcal M_t=\mathcal M_{t-1}+k_t^\top v_t,\qquad y_t=q_t\mathcal M_t \quad(\text{rows})$$
 */
export function matrixMemory(
  queries: Matrix,
  keys: Matrix,
  values: Matrix,
  initial: Matrix = zeroMatrix(keys[0]!.length, values[0]!.length),
): { outputs: Matrix; memory: Matrix } {
  let memory = initial;
  const outputs = queries.map((query, t) => {
    memory = addMatrix(memory, outer(keys[t]!, values[t]!));
    return vecMat(query, memory);
  });
  return { outputs, memory };
}
