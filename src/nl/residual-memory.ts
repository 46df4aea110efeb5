/** The memory of self-modifying Titans: a small network with a residual, or one matrix, applied to single tokens. */
import { np, type Tensor } from "../array/index.ts";
import { type MemoryActivation, type MemoryArchitecture, type MemoryWeights, memoryForward } from "../common/index.ts";

/** Forms of a self-modifying memory: the residual network of Eq 89, or the matrix of Eq 92-93. */
export const selfModifyingForms = ["mlp", "matrix"] as const;
/** One of `selfModifyingForms`. */
export type SelfModifyingForm = (typeof selfModifyingForms)[number];

/**
 * The shape of a memory that maps tokens to tokens.
 *
 * @param dim features of a token, in and out
 * @param expansion width of the network inside, as a multiple of `dim`; a matrix has none
 */
export function selfModifyingArchitecture(
  form: SelfModifyingForm,
  dim: number,
  expansion: number,
  activation: MemoryActivation,
): MemoryArchitecture {
  const hiddenDim = Math.max(1, Math.round(dim * expansion));
  const isNetwork = form === "mlp";
  return { depth: isNetwork ? 2 : 1, dim, hiddenDim, activation, residual: isNetwork, norm: false };
}

/**
 * A network of two matrices and a residual.
 *
 * $$\mathcal M_\square(x) = x + W_{\square,1}\,\sigma\big(W_{\square,2}\,x\big)$$
 *
 * No biases. The paper leaves the activation and the width inside open.
 *
 * @param inner W_2: [..., hidden, dim]
 * @param outer W_1: [..., dim, hidden]; zero makes the memory the identity
 * @param x [..., dim]
 * @returns [..., dim]
 * @see Nested Learning (arXiv:2512.24695) Eq. 89, 91
 */
export function residualMemory(inner: Tensor, outer: Tensor, x: Tensor, activation: MemoryActivation = "silu"): Tensor {
  const [hiddenDim = 0, dim = 0] = inner.shape.slice(-2);
  const architecture = { depth: 2, dim, hiddenDim, activation, residual: true, norm: false };
  return memoryAnswer(architecture, { layers: [inner, outer] }, x);
}

/** @internal What a memory makes of one token: [..., dim]. */
export function memoryAnswer(architecture: MemoryArchitecture, memory: MemoryWeights, x: Tensor): Tensor {
  return np.squeeze(memoryForward(architecture, memory, np.expandDims(x, -2)), -2);
}
