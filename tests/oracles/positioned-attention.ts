/** The attention of the three architectures: rows with a rotary position next to rows that have none. */

import { rotateHeads } from "./attention.ts";
import type { Mask } from "./masks.ts";
import { dot, headColumns, type Matrix, type Vector, vecMat, zeroVector } from "./matrix.ts";

/** Projections act on rows, `x @ W`, [dim, dim] each; head h owns columns `[h dim/heads, (h + 1) dim/heads)`. */
export interface AttentionParameters {
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
}

export interface PositionedRow {
  x: Vector;
  /** null: the row has no distance to anything; neither side of a score with it is rotated. */
  position: number | null;
}

/**
 * Eq 2 with heads, output projection included. One QKV projection serves all rows.
 *
 * $$y_i=\sum_{j\,\text{visible}}\mathrm{softmax}_j\Big(\frac{(R_{p_i}q_i)^\top R_{p_j}k_j}{\sqrt{d_h}}\Big)v_j,\qquad
 * R=I\ \text{on both sides where } p_i\ \text{or}\ p_j\ \text{is missing}$$
 *
 * @param wanted rows of the result, as indices into `rows`
 * @returns [wanted, dim]
 */
export function positionedAttention(
  parameters: AttentionParameters,
  heads: number,
  rows: PositionedRow[],
  visible: Mask,
  wanted: number[],
): Matrix {
  const size = parameters.query[0]!.length / heads;
  const projected = (weight: Matrix): Matrix => rows.map(({ x }) => vecMat(x, weight));
  const rotated = (x: Matrix): Matrix =>
    rotateHeads(
      heads,
      x,
      rows.map(({ position }) => position ?? 0),
    );
  const plain = { queries: projected(parameters.query), keys: projected(parameters.key) };
  const turned = { queries: rotated(plain.queries), keys: rotated(plain.keys) };
  const values = projected(parameters.value);

  return wanted.map((i) => {
    const joined = Array.from({ length: heads }, (_, head) => {
      const columns = (x: Matrix, row: number): Vector => headColumns([x[row]!], head, size)[0]!;
      const seen = rows.map((_, j) => j).filter((j) => visible(i, j));
      const scores = seen.map((j) => {
        const distance = rows[i]!.position !== null && rows[j]!.position !== null;
        const { queries, keys } = distance ? turned : plain;
        return dot(columns(queries, i), columns(keys, j)) / Math.sqrt(size);
      });
      const largest = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
      const output = zeroVector(size);
      seen.forEach((j, n) => {
        columns(values, j).forEach((value, c) => {
          output[c]! += (Math.exp(scores[n]! - largest) / total) * value;
        });
      });
      return output;
    });
    return vecMat(joined.flat(), parameters.output);
  });
}
