/** Softmax attention: projections, heads, and the weighted sum. */
import { type Key, lax, np, splitKey, type Tensor } from "../array/index.ts";
import { dense, initDense } from "./dense.ts";

/** Weights that make queries, keys and values, [dim, inner] each. */
export type QkvParams = { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor };

/** Stands for a score of minus infinity, but its exponential and gradient are finite. */
const HIDDEN = -1e30;

/** Fresh projections from `dim` to `inner` features, [dim, inner] each. */
export function initQkv(key: Key, dim: number, inner: number): QkvParams {
  const [forQuery, forKey, forValue] = splitKey(key, 3);
  return {
    query: initDense(forQuery!, dim, inner),
    key: initDense(forKey!, dim, inner),
    value: initDense(forValue!, dim, inner),
  };
}

/**
 * Queries, keys and values of every token.
 *
 * $$Q = x W_Q, \qquad K = x W_K, \qquad V = x W_V$$
 *
 * @param params W_Q, W_K, W_V: [dim, inner] each
 * @param x [batch, tokens, dim]
 * @returns Q, K, V: [batch, tokens, inner] each
 * @see Titans (arXiv:2501.00663) Eq. 1
 * @see MIRAS (arXiv:2504.13173) Eq. 1
 * @see Nested Learning (arXiv:2512.24695) Eq. 14, 61
 */
export function projectQkv(params: QkvParams, x: Tensor): { queries: Tensor; keys: Tensor; values: Tensor } {
  return { queries: dense(params.query, x), keys: dense(params.key, x), values: dense(params.value, x) };
}

/**
 * Divides features into heads: head h takes features h * headDim to (h + 1) * headDim.
 *
 * @param x [batch, tokens, heads * headDim]
 * @returns [batch, heads, tokens, headDim]
 */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch = 0, tokens = 0, inner = 0] = x.shape;
  return np.swapaxes(np.reshape(x, [batch, tokens, heads, inner / heads]), 1, 2);
}

/**
 * Joins the heads' features again: the inverse of `splitHeads`.
 *
 * @param x [batch, heads, tokens, headDim]
 * @returns [batch, tokens, heads * headDim]
 */
export function mergeHeads(x: Tensor): Tensor {
  const [batch = 0, heads = 0, tokens = 0, headDim = 0] = x.shape;
  return np.reshape(np.swapaxes(x, 1, 2), [batch, tokens, heads * headDim]);
}

/**
 * How well each key fits each query.
 *
 * $$s_{ij} = Q_i^\top K_j / \sqrt{d}$$
 *
 * @param queries Q: [..., Tq, d]
 * @param keys K: [..., Tk, d]
 * @returns s: [..., Tq, Tk]
 */
export function attentionScores(queries: Tensor, keys: Tensor): Tensor {
  const scale = 1 / Math.sqrt(queries.shape.at(-1) ?? 1);
  return np.matmul(np.multiply(queries, scale), np.swapaxes(keys, -1, -2));
}

/**
 * A softmax over the visible entries of each row.
 *
 * $$a_{ij} = \frac{\exp(s_{ij})}{\sum_{\ell\ \text{visible}} \exp(s_{i\ell})}$$
 *
 * @param scores s: [..., Tq, Tk]
 * @param mask true or positive where a key is visible: broadcasts to [..., Tq, Tk]
 * @returns a: [..., Tq, Tk]; rows sum to 1, hidden keys have exactly 0, a row without a visible key is all 0
 */
export function maskedSoftmax(scores: Tensor, mask: Tensor): Tensor {
  const visible = mask.dtype === "bool" ? mask : np.greater(mask, 0);
  const shown = np.where(visible, scores, HIDDEN);
  const largest = lax.stopGradient(np.max(shown, -1, { keepdims: true }));
  // In a row without a visible key every score is HIDDEN and its exponential 1: masking again makes the row zero.
  const exponentials = np.where(visible, np.exp(np.subtract(shown, largest)), 0);
  const total = np.sum(exponentials, -1, { keepdims: true });
  return np.divide(exponentials, np.where(np.greater(total, 0), total, 1));
}

/**
 * How much of each value goes into each output: a softmax over the visible keys.
 *
 * $$a_{ij} = \frac{\exp(Q_i^\top K_j / \sqrt{d})}{\sum_{\ell\ \text{visible}} \exp(Q_i^\top K_\ell / \sqrt{d})}$$
 *
 * @param queries Q: [..., Tq, d]
 * @param keys K: [..., Tk, d]
 * @param mask true or positive where a key is visible: broadcasts to [..., Tq, Tk]
 * @returns a: [..., Tq, Tk]; rows sum to 1, hidden keys have exactly 0, a row without a visible key is all 0
 * @see Titans (arXiv:2501.00663) Eq. 2
 * @see MIRAS (arXiv:2504.13173) Eq. 2
 */
export function attentionWeights(queries: Tensor, keys: Tensor, mask: Tensor): Tensor {
  return maskedSoftmax(attentionScores(queries, keys), mask);
}

/**
 * Softmax attention over the visible keys.
 *
 * $$y_i = \frac{\sum_j \exp(Q_i^\top K_j / \sqrt{d})\, V_j}{\sum_\ell \exp(Q_i^\top K_\ell / \sqrt{d})}, \qquad j, \ell \text{ visible to } i$$
 *
 * With a causal mask this is the papers' sum over j from 1 to i; with heads, d is the features of one head. As a memory it is the set of pairs seen so
 * far, read without parameters: $y_i = \arg\min_m \sum_j \exp(Q_i^\top K_j / \sqrt{d})\,\|V_j - m\|_2^2$.
 *
 * @param queries Q: [..., Tq, d]
 * @param keys K: [..., Tk, d]
 * @param values V: [..., Tk, e]; hidden ones must be finite
 * @param mask true or positive where a key is visible: broadcasts to [..., Tq, Tk]
 * @returns y: [..., Tq, e]; zero for a query that sees no key
 * @see Titans (arXiv:2501.00663) Eq. 2
 * @see MIRAS (arXiv:2504.13173) Eq. 2
 * @see Nested Learning (arXiv:2512.24695) Eq. 62-63
 */
export function scaledDotProductAttention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor): Tensor {
  return np.matmul(attentionWeights(queries, keys, mask), values);
}
