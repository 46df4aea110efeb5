/** Memora: the l2 bias, and retention by relative entropy, with a lag token at the start of each chunk. */
import { np, slice, type Tensor, type TensorLike } from "../array/index.ts";
import { segmentProducts, transposed } from "../common/index.ts";
import type { MirasSettings } from "./miras-memory-config.ts";
import { monetaSettings } from "./moneta.ts";
import { softmaxUpdate } from "./retention-kl.ts";
import { type SimplexSlice, sliceSum } from "./scaled-simplex.ts";

/** Gates of a token: numbers, or tensors that broadcast against the slices. */
export interface MemoraGates {
  /** alpha: 1 keeps. */
  readonly retain: TensorLike;
  /** eta */
  readonly stepSize: TensorLike;
}

/**
 * One token of Memora, for one weight matrix whose rows (or all of it) sum to one.
 *
 * $$W_t=\mathrm{Softmax}\big(\alpha_t\log W_{t-1}-\eta_t\nabla\ell_2(W_{t-1};k_t,v_t)\big)$$
 *
 * `klUpdate` with free gates. In code: alpha = `retain`, eta = `stepSize`; both must be equal inside a slice.
 *
 * @param weights W_{t-1}, positive: [..., out, in]
 * @param gradient of the squared error at W_{t-1}, same shape
 * @param slice what the softmax runs over, `row` by default
 * @returns W_t
 * @see MIRAS (arXiv:2504.13173) Eq. 27
 */
export function memoraUpdate(
  weights: Tensor,
  gradient: Tensor,
  gates: MemoraGates,
  slice: SimplexSlice = "row",
): Tensor {
  return np.exp(softmaxUpdate(np.log(weights), gradient, gates, slice));
}

/** The squared error's gradient of one token in a matrix memory: $(W k - v)\,k^\top$. */
function squaredErrorGradient(weights: Tensor, key: Tensor, value: Tensor): Tensor {
  const prediction = np.squeeze(np.matmul(weights, np.expandDims(key, -1)), -1);
  return np.multiply(np.expandDims(np.subtract(prediction, value), -1), np.expandDims(key, -2));
}

/**
 * The first token of a chunk, which takes one full step by itself: without it the softmax at a chunk's end and the logarithm at the next one's start cancel.
 *
 * $$\mathcal M_1=\mathrm{Softmax}\big(\alpha_1\log\mathcal M_0-\eta_1\nabla\ell_2(\mathcal M_0;k_1,v_1)\big)$$
 *
 * @param weights M_0, at the chunk's start: [..., out, in]
 * @param key k_1: [..., in]
 * @param value v_1: [..., out]
 * @returns M_1
 * @see MIRAS (arXiv:2504.13173) Eq. 30
 */
export function lagToken(
  weights: Tensor,
  key: Tensor,
  value: Tensor,
  gates: MemoraGates,
  slice: SimplexSlice = "row",
): Tensor {
  return memoraUpdate(weights, squaredErrorGradient(weights, key, value), gates, slice);
}

/**
 * The gradients of the chunk's other tokens, all at the weights that the lag token leaves.
 *
 * $$\nabla\ell(W_1;k_i,v_i)=(W_1k_i-v_i)\,k_i^\top$$
 *
 * @param weights W_1: [..., out, in]
 * @param keys [..., n, in]
 * @param values [..., n, out]
 * @returns one a token: [..., n, out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 31
 */
export function lagGradients(weights: Tensor, keys: Tensor, values: Tensor): Tensor {
  return squaredErrorGradient(np.expandDims(weights, -3), keys, values);
}

/**
 * Those gradients added up, as one product over the tokens.
 *
 * $$\sum_{i=2}^{b}\eta_i\frac{\beta_b}{\beta_i}\nabla\ell(W_1;k_i,v_i)=\big(\mathbf E_b\odot\mathbf B_b\odot(W_1K-V)\big)K^\top, \qquad \beta_i=\prod_{j=2}^i\alpha_j$$
 *
 * The lag token is consumed by its own step, so the sum and the products begin at the second.
 *
 * @param weights W_1: [..., out, in]
 * @param keys of tokens 2 to b: [..., b - 1, in]
 * @param values [..., b - 1, out]
 * @param logRetain log alpha: [..., b - 1]
 * @param stepSize eta: [..., b - 1]
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 32
 */
export function lagGradientSum(
  weights: Tensor,
  keys: Tensor,
  values: Tensor,
  logRetain: Tensor,
  stepSize: Tensor,
): Tensor {
  const toEnd = slice(segmentProducts(logRetain), ...logRetain.shape.slice(0, -1).map((): [] => []), -1);
  const shares = np.expandDims(np.multiply(stepSize, toEnd), -1);
  const errors = np.subtract(np.matmul(keys, transposed(weights)), values);
  return np.matmul(transposed(np.multiply(errors, shares)), keys);
}

/** Below it an entry of a memory that has left the simplex counts as zero. */
const SMALLEST_WEIGHT = 1e-8;

/**
 * The end of a chunk if the sum is taken from the weights themselves, as the paper's matrix form has it literally.
 *
 * $$\mathcal M_b = \beta_b \mathcal M_1 - \big(\mathbf E_b\odot\mathbf B_b\odot(\mathcal M_1K-V)\big)K^\top$$
 *
 * This leaves the simplex, and the next lag token takes a logarithm: entries are raised to 1e-8 and rows rescaled first. The layer accumulates logarithms
 * instead, which is exact but for the gradients' being older.
 *
 * @param retained beta_b: broadcastable to [..., out, in]
 * @param gradientSum `lagGradientSum`
 * @see MIRAS (arXiv:2504.13173) Eq. 32
 */
export function literalTail(weights: Tensor, retained: TensorLike, gradientSum: Tensor): Tensor {
  const end = np.maximum(np.subtract(np.multiply(weights, retained), gradientSum), SMALLEST_WEIGHT);
  return np.divide(end, sliceSum(end, "row"));
}

/** Memora's layer: rows of mean one, so that a fresh network's activations are of order one; the rows' gates are those of the values. */
export const memoraSettings: MirasSettings = {
  ...monetaSettings,
  bias: { kind: "l2", scale: "half" },
  retention: { kind: "kl", slice: "row", total: "entries", lagToken: true },
  gateAxis: "values",
};
