/** Linear attention: sums over the past kept as a matrix, in token-by-token and in parallel form. */
import { np, type Tensor } from "../array/index.ts";

/** Feature maps phi of queries and keys. Only a positive one allows the normalised form. */
export const featureMaps = ["elu-plus-one", "identity"] as const;
/** One of `featureMaps`. */
export type FeatureMap = (typeof featureMaps)[number];

/** The running sums of normalised linear attention. */
export type NormalizedMemory = {
  /** sum phi(K_j) V_j^T: [..., d, e] */
  readonly memory: Tensor;
  /** sum phi(K_j): [..., d] */
  readonly normalizer: Tensor;
};

/**
 * Features of queries and keys.
 *
 * $$\phi(x) = \mathrm{elu}(x) + 1 = \begin{cases} x + 1 & x > 0 \\ e^x & x \le 0 \end{cases} \qquad\text{or}\qquad \phi(x) = x$$
 *
 * @param x any shape
 */
export function applyFeatureMap(name: FeatureMap, x: Tensor): Tensor {
  switch (name) {
    case "elu-plus-one":
      // Not nn.elu(x) + 1: adding 1 back to e^x - 1 loses the digits of small features.
      return np.where(np.greater(x, 0), np.add(x, 1), np.exp(np.minimum(x, 0)));
    case "identity":
      return x;
    default:
      return name satisfies never;
  }
}

/**
 * Linear attention for one token: writes it into the matrix memory, then reads.
 *
 * $$\mathcal{M}_t = \mathcal{M}_{t-1} + K_t^\top V_t, \qquad y_t = Q_t \mathcal{M}_t$$
 *
 * @param memory M_{t-1}: [..., d, e]
 * @param query Q_t: [..., d]
 * @param key K_t: [..., d]
 * @param value V_t: [..., e]
 * @returns y_t [..., e] and M_t
 * @see Titans (arXiv:2501.00663) Eq. 4-5
 * @see Nested Learning (arXiv:2512.24695) Eq. 15-16
 */
export function linearAttentionStep(
  memory: Tensor,
  query: Tensor,
  key: Tensor,
  value: Tensor,
): [y: Tensor, memory: Tensor] {
  const written = np.add(memory, np.multiply(np.expandDims(key, -1), np.expandDims(value, -2)));
  const read = np.matmul(np.expandDims(query, -2), written); // [..., 1, e]
  return [np.squeeze(read, -2), written];
}

/**
 * Linear attention for many tokens at once: `linearAttentionStep` for each of them, as matrix products.
 *
 * $$y = \mathrm{tril}(Q K^\top)\, V + Q \mathcal{M}_0, \qquad \mathcal{M}_T = \mathcal{M}_0 + K^\top V$$
 *
 * @param memory M_0: [..., d, e]
 * @param queries Q: [..., T, d]
 * @param keys K: [..., T, d]
 * @param values V: [..., T, e]
 * @returns y [..., T, e] and M_T
 * @see Titans (arXiv:2501.00663) Eq. 4-5
 * @see Nested Learning (arXiv:2512.24695) Eq. 15-16
 */
export function linearAttention(
  memory: Tensor,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
): [y: Tensor, memory: Tensor] {
  const transposedKeys = np.swapaxes(keys, -1, -2);
  const scores = np.tril(np.matmul(queries, transposedKeys)); // [..., T, T]
  const y = np.add(np.matmul(scores, values), np.matmul(queries, memory));
  return [y, np.add(memory, np.matmul(transposedKeys, values))];
}

/**
 * Normalised linear attention for one token, after its key and value were added to the running sums.
 *
 * $$y_i = \frac{\big(\sum_{j\le i} V_j\,\phi(K_j)^\top\big)\,\phi(Q_i)}{\phi(Q_i)^\top \sum_{\ell\le i} \phi(K_\ell)}$$
 *
 * @param state both sums before the token
 * @param query phi(Q_i), positive: [..., d]
 * @param key phi(K_i), positive: [..., d]
 * @param value V_i: [..., e]
 * @returns y_i [..., e] and both sums after the token
 * @see Titans (arXiv:2501.00663) Eq. 3
 */
export function normalizedLinearAttentionStep(
  state: NormalizedMemory,
  query: Tensor,
  key: Tensor,
  value: Tensor,
): [y: Tensor, state: NormalizedMemory] {
  const [numerator, memory] = linearAttentionStep(state.memory, query, key, value);
  const normalizer = np.add(state.normalizer, key);
  const denominator = np.sum(np.multiply(query, normalizer), -1, { keepdims: true });
  return [ratio(numerator, denominator), { memory, normalizer }];
}

/**
 * Normalised linear attention for many tokens at once: `normalizedLinearAttentionStep` for each of them, as matrix products.
 *
 * $$y_i = \frac{\sum_{j\le i} \phi(Q_i)^\top\phi(K_j)\,V_j}{\sum_{\ell\le i} \phi(Q_i)^\top\phi(K_\ell)}$$
 *
 * @param state both sums before the first token
 * @param queries phi(Q), positive: [..., T, d]
 * @param keys phi(K), positive, zero where a slot is empty: [..., T, d]
 * @param values V: [..., T, e]
 * @returns y [..., T, e], zero where nothing has been written yet, and both sums after the last token
 * @see Titans (arXiv:2501.00663) Eq. 3
 */
export function normalizedLinearAttention(
  state: NormalizedMemory,
  queries: Tensor,
  keys: Tensor,
  values: Tensor,
): [y: Tensor, state: NormalizedMemory] {
  const [numerator, memory] = linearAttention(state.memory, queries, keys, values);
  const normalizers = np.add(np.expandDims(state.normalizer, -2), np.cumsum(keys, -2)); // [..., T, d]
  const denominator = np.sum(np.multiply(queries, normalizers), -1, { keepdims: true });
  return [ratio(numerator, denominator), { memory, normalizer: np.add(state.normalizer, np.sum(keys, -2)) }];
}

/** Zero over zero is zero: an empty slot before the first token reads nothing. */
function ratio(numerator: Tensor, denominator: Tensor): Tensor {
  return np.divide(numerator, np.where(np.equal(denominator, 0), 1, denominator));
}
