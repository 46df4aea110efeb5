/** Softmax attention with rotary positions, to tokens and to a prefix that has no place in time. */
import { np, type Tensor } from "../array/index.ts";
import { attentionScores, maskedSoftmax, scaledDotProductAttention } from "./attention.ts";
import { type RotaryTable, rotate } from "./rotary.ts";

/** Keys and values of a prefix, [batch, heads, N_p, headDim] each. */
export type AttentionPrefix = { readonly keys: Tensor; readonly values: Tensor };

/**
 * Softmax attention in which a token's score depends on its distance, and a prefix's does not.
 *
 * $$s_{ij} = \frac{Q_i^\top P_j}{\sqrt d}\ \text{for the prefix}, \qquad s_{ij} = \frac{(R_i Q_i)^\top (R_j K_j)}{\sqrt d}\ \text{for tokens}$$
 *
 * One softmax over both. Neither query nor key is rotated for the prefix: it is equally near to everything.
 *
 * @param tokens queries [batch, heads, Tq, headDim], keys and values [batch, heads, Tk, headDim], not rotated yet
 * @param angles of the queries and of the keys: [Tq, headDim / 2] and [Tk, headDim / 2], or any shape that broadcasts
 * @param mask true where a key is visible, the prefix's columns first: broadcasts to [batch, heads, Tq, N_p + Tk]
 * @param prefix keys and values seen beside the tokens'; none by default
 * @returns [batch, heads, Tq, headDim]
 */
export function rotaryAttention(
  tokens: { readonly queries: Tensor; readonly keys: Tensor; readonly values: Tensor },
  angles: { readonly queries: RotaryTable; readonly keys: RotaryTable },
  mask: Tensor,
  prefix?: AttentionPrefix,
): Tensor {
  const queries = rotate(tokens.queries, angles.queries);
  const keys = rotate(tokens.keys, angles.keys);
  if (prefix === undefined) return scaledDotProductAttention(queries, keys, tokens.values, mask);
  const scores = np.concatenate([attentionScores(tokens.queries, prefix.keys), attentionScores(queries, keys)], -1);
  return np.matmul(maskedSoftmax(scores, mask), np.concatenate([prefix.values, tokens.values], -2));
}
