/** Softmax attention by loops, and rotary position embedding. */

import type { Mask } from "./masks.ts";
import { dot, headColumns, type Matrix, matVec, type Vector, vecMat, zeroVector } from "./matrix.ts";

/** Eq 1: `Q = x W_Q` and the like, for x [tokens, in] and w [in, out]. */
export function project(x: Matrix, w: Matrix): Matrix {
  return x.map((row) => vecMat(row, w));
}

/**
 * Eq 2 with any mask, for one head. Queries [Tq, d], keys [Tk, d], values [Tk, e] -> [Tq, e].
 *
 * $$y_i=\sum_{j\,\text{visible}} \frac{\exp(q_i^\top k_j/\sqrt d)}{\sum_{\ell\,\text{visible}}\exp(q_i^\top k_\ell/\sqrt d)}\,v_j$$
 */
export function softmaxAttention(queries: Matrix, keys: Matrix, values: Matrix, mask: Mask): Matrix {
  const weights = attentionWeights(queries, keys, mask);
  return weights.map((row) => {
    const output = zeroVector(values[0]!.length);
    row.forEach((weight, j) => {
      if (weight === 0) return;
      values[j]!.forEach((value, c) => {
        output[c]! += weight * value;
      });
    });
    return output;
  });
}

/** The weights of `softmaxAttention`, [Tq, Tk]; hidden keys have weight 0 exactly. */
export function attentionWeights(queries: Matrix, keys: Matrix, mask: Mask): Matrix {
  return queries.map((query, i) => {
    const scores = keys.map((key, j) => (mask(i, j) ? dot(query, key) / Math.sqrt(query.length) : -Infinity));
    const largest = Math.max(...scores);
    if (largest === -Infinity) throw new RangeError(`attention: query ${i} sees no key`);
    const exponentials = scores.map((score) => Math.exp(score - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    return exponentials.map((value) => value / total);
  });
}

/**
 * Runs a one-head map on contiguous column groups and joins the results: head h owns columns `[h d, (h + 1) d)`.
 */
export function perHead(
  heads: number,
  queries: Matrix,
  keys: Matrix,
  values: Matrix,
  head: (queries: Matrix, keys: Matrix, values: Matrix) => Matrix,
): Matrix {
  const keySize = keys[0]!.length / heads;
  const valueSize = values[0]!.length / heads;
  const outputs = Array.from({ length: heads }, (_, h) =>
    head(headColumns(queries, h, keySize), headColumns(keys, h, keySize), headColumns(values, h, valueSize)),
  );
  return queries.map((_, i) => outputs.flatMap((output) => output[i]!));
}

/** Eq 2 with heads: scale `1/sqrt(width / heads)`. */
export function multiHeadAttention(heads: number, queries: Matrix, keys: Matrix, values: Matrix, mask: Mask): Matrix {
  return perHead(heads, queries, keys, values, (q, k, v) => softmaxAttention(q, k, v, mask));
}

/**
 * Rotary embedding of one head's vector, half-split: entry i of the first half pairs with entry i of the second half.
 *
 * $$(x_i,\,x_{i+d/2})\mapsto(x_i\cos\phi-x_{i+d/2}\sin\phi,\ x_i\sin\phi+x_{i+d/2}\cos\phi),\qquad \phi=p\,\mathrm{base}^{-2i/d}$$
 */
export function rotate(x: Vector, position: number, base = 10000): Vector {
  const half = x.length / 2;
  const rotated = zeroVector(x.length);
  for (let i = 0; i < half; i++) {
    const angle = position * base ** ((-2 * i) / x.length);
    const first = x[i]!;
    const second = x[i + half]!;
    rotated[i] = first * Math.cos(angle) - second * Math.sin(angle);
    rotated[i + half] = first * Math.sin(angle) + second * Math.cos(angle);
  }
  return rotated;
}

/** `rotate` on each head of each row: x [tokens, heads * size], positions [tokens]. */
export function rotateHeads(heads: number, x: Matrix, positions: number[], base = 10000): Matrix {
  const size = x[0]!.length / heads;
  return x.map((row, t) =>
    Array.from({ length: heads }, (_, h) => rotate(row.slice(h * size, (h + 1) * size), positions[t]!, base)).flat(),
  );
}

/**
 * Eq 20 for one column x [d]: keys are the rows of w_K [m, d], values the columns of w_V [d, m], the scale is 1.
 *
 * $$\mathrm{FFN}(x)=W_V\,\mathrm{Softmax}(W_Kx)$$
 */
export function feedForwardAsAttention(x: Vector, keyWeights: Matrix, valueWeights: Matrix): Vector {
  const scores = matVec(keyWeights, x);
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return matVec(
    valueWeights,
    exponentials.map((value) => value / total),
  );
}
