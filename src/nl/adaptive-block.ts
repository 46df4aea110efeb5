/** The Transformer block whose feed-forward matrix goes on learning while the sequence is read. */
import { np, type Tensor } from "../array/index.ts";
import { linearAttention, scaledDotProductAttention } from "../common/index.ts";

/** Queries and keys [..., T, d] and values [..., T, e] of a stretch of tokens; keys and values serve the attention and the memory. */
export interface BlockTokens {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** How an `adaptiveBlock` is run. */
export interface AdaptiveBlockOptions {
  /** Keeps the matrix as it is: the Transformer's own block. */
  readonly frozen?: boolean;
}

/**
 * A block of attention and a matrix, which is a linear attention memory that started as the weights of a feed-forward layer.
 *
 * $$y_{attn,t} = \mathrm{Attn}(k_t, v_t, q_t), \qquad \mathcal M_t = \mathcal M_{t-1} + v_t k_t^\top, \qquad y_t = \mathcal M_t\,y_{attn,t}$$
 *
 * The memory reads what the attention puts out, so that values must have as many features as keys. The paper writes $y_{attn} W$ in rows and the write in columns:
 * the state of the one is the other's transpose. A token is written before it is read.
 *
 * @param memory M_0, learned by the outer loop: [..., e, d]
 * @param mask true where a key is visible to attention: broadcasts to [..., T, T]
 * @returns y [..., T, e] and M_T
 * @see Nested Learning (arXiv:2512.24695) Eq. 21, 69
 */
export function adaptiveBlock(
  memory: Tensor,
  { queries, keys, values }: BlockTokens,
  mask: Tensor,
  { frozen = false }: AdaptiveBlockOptions = {},
): [y: Tensor, memory: Tensor] {
  const attended = scaledDotProductAttention(queries, keys, values, mask);
  const asRows = np.swapaxes(memory, -1, -2);
  if (frozen) return [np.matmul(attended, asRows), memory];
  const [y, written] = linearAttention(asRows, attended, keys, values);
  return [y, np.swapaxes(written, -1, -2)];
}
