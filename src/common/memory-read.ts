/** Reads a memory with every token's own weights, from the factors of the chunk's writes. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryFactors } from "./memory-factors.ts";
import {
  activate,
  column,
  type MemoryArchitecture,
  type MemoryWeights,
  row,
  standardized,
  transposed,
} from "./memory-mlp.ts";

/** Weights that every token's own are made of, and how much of them: a share a token [..., C], or all of them. */
export interface WeightTerm {
  readonly weights: MemoryWeights;
  readonly share?: Tensor;
}

/**
 * Reads each query with its own token's weights, without building them.
 *
 * $$W_t = \sum_k a_{k,t} B_k - \sum_i P[t,i]\,g_i, \qquad Z = \sum_k \mathrm{diag}(a_k)\,R B_k^\top - \big(P \odot (R H^\top)\big)\,\Delta$$
 *
 * The terms B are the weights at the chunk's start, the surprise carried into it, and whatever else the rule adds; the last term is causal linear
 * attention from the read activations R to the stored layer inputs H and errors Delta.
 *
 * @param terms B and their shares a: matrices [..., out, in] and [..., C]
 * @param writes P: [..., C, writes]
 * @param factors of the chunk's writes
 * @param queries [..., C, dim]
 * @returns [..., C, dim]
 */
export function tokenExactRead(
  architecture: MemoryArchitecture,
  terms: readonly WeightTerm[],
  writes: Tensor,
  factors: MemoryFactors,
  queries: Tensor,
): Tensor {
  const sum = (all: readonly Tensor[]) => all.reduce((total, x) => np.add(total, x));
  const parts = terms.map(({ weights, share }) => {
    const perToken = share && column(share);
    const shared = (x: Tensor) => (perToken === undefined ? x : np.multiply(perToken, x));
    return { weights, shared };
  });
  let r = queries;
  factors.layers.forEach(({ input, error }, l) => {
    const scores = np.multiply(writes, np.matmul(r, transposed(input)));
    const fromTerms = sum(parts.map(({ weights, shared }) => shared(np.matmul(r, transposed(weights.layers[l]!)))));
    const z = np.subtract(fromTerms, np.matmul(scores, error));
    r = l < factors.layers.length - 1 ? activate(architecture, z) : z;
  });
  if (factors.norm) {
    const vectorAt = (name: "scale" | "shift", gradients: Tensor) => {
      const fromTerms = sum(parts.map(({ weights, shared }) => shared(row(weights.norm![name]))));
      return np.subtract(fromTerms, np.matmul(writes, gradients));
    };
    const scale = vectorAt("scale", factors.norm.scale);
    const shift = vectorAt("shift", factors.norm.shift);
    r = np.add(np.multiply(standardized(architecture, r).normalized, scale), shift);
  }
  return architecture.residual ? np.add(queries, r) : r;
}
