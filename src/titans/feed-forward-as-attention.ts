/** A feed-forward network seen as attention to fixed keys: why tokens that do not depend on the input are worth having. */
import { nn, np, type Tensor } from "../array/index.ts";

/**
 * A feed-forward network with a softmax: attention to m keys and values that are the same for every input.
 *
 * $$\mathrm{FFN}(x) = W_V\,\mathrm{Softmax}(W_K x)$$
 *
 * The rows of W_K are the keys, the columns of W_V the values, and the scale is 1. Persistent tokens bring such keys and values into attention.
 *
 * @param x [..., d]
 * @param keys W_K: [m, d]
 * @param values W_V: [e, m]
 * @returns [..., e]
 * @see Titans (arXiv:2501.00663) Eq. 20
 */
export function feedForwardAsAttention(x: Tensor, keys: Tensor, values: Tensor): Tensor {
  return np.matmul(nn.softmax(np.matmul(x, np.transpose(keys)), -1), np.transpose(values));
}
