/** The gradients of a chunk added up, as one product over its tokens: what makes chunks parallel. */
import { np, type Tensor } from "../array/index.ts";
import { transposed } from "../common/index.ts";
import { type AttentionalBias, biasError } from "./attentional-bias.ts";
import { gatedWrites, matrixDecay, sumOfWrites } from "./chunk-decay.ts";
import { matrixGates, type WriteGates } from "./write-gates.ts";

/**
 * What a chunk's tokens take from a matrix memory by its end.
 *
 * $$\sum_{i=1}^{b}\eta_i\frac{\beta_b}{\beta_i}\nabla\ell(W_0;k_i,v_i)=\big(\mathbf E_b\odot\mathbf B_b\odot e(W_0K-V)\big)K^\top$$
 *
 * with e the bias's error, for the l_p bias $p\,\mathrm{Sign}(r)\odot|r|^{p-1}$. Another bias's error in its place gives the sums of Yaad and Memora. All
 * elementwise products come before the matrix product. In code: alpha = `logRetain`, eta = `stepSize`, one a token or one a value channel.
 *
 * @param weights W_0: [..., out, in]
 * @param keys [..., b, in]
 * @param values [..., b, out]
 * @param gates [..., b, 1 or out]
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 29
 */
export function chunkGradientSum(
  bias: AttentionalBias,
  weights: Tensor,
  keys: Tensor,
  values: Tensor,
  gates: WriteGates,
): Tensor {
  const error = biasError(bias, np.matmul(keys, transposed(weights)), values, gates.threshold);
  const own = matrixGates(gates, "values", 0, 1);
  return sumOfWrites(matrixDecay(own), gatedWrites(own, { input: keys, error }), keys.shape.at(-2)! - 1);
}
