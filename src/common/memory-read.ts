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

/** How a token's weights are made of the chunk's start and its factors: W_t = b_t W_0 + c_t S_0 - sum_i P[t,i] g_i. */
export interface ReadCoefficients {
  /** b: [..., C] */
  readonly memory: Tensor;
  /** c: [..., C] */
  readonly momentum: Tensor;
  /** P: [..., C, C] */
  readonly writes: Tensor;
}

/**
 * Reads each query with its own token's weights, without building them.
 *
 * $$Z = \mathrm{diag}(b)\,R W_0^\top + \mathrm{diag}(c)\,R S_0^\top - \big(P \odot (R H^\top)\big)\,\Delta$$
 *
 * The last term is causal linear attention from the read activations R to the stored layer inputs H and errors Delta.
 *
 * @param start weights W_0 at the chunk's start, matrices [..., out, in]
 * @param momentum S_0, same shapes
 * @param factors of the chunk's writes
 * @param coefficients b, c, P
 * @param queries [..., C, dim]
 * @returns [..., C, dim]
 */
export function tokenExactRead(
  architecture: MemoryArchitecture,
  start: MemoryWeights,
  momentum: MemoryWeights,
  factors: MemoryFactors,
  coefficients: ReadCoefficients,
  queries: Tensor,
): Tensor {
  const b = column(coefficients.memory);
  const c = column(coefficients.momentum);
  const P = coefficients.writes;
  let r = queries;
  start.layers.forEach((W0, l) => {
    const S0 = momentum.layers[l]!;
    const { input, error } = factors.layers[l]!;
    const scores = np.multiply(P, np.matmul(r, transposed(input)));
    const fromStart = np.add(
      np.multiply(b, np.matmul(r, transposed(W0))),
      np.multiply(c, np.matmul(r, transposed(S0))),
    );
    const z = np.subtract(fromStart, np.matmul(scores, error));
    r = l < start.layers.length - 1 ? activate(architecture, z) : z;
  });
  if (start.norm && momentum.norm && factors.norm) {
    const vectorAt = (w0: Tensor, s0: Tensor, g: Tensor) =>
      np.subtract(np.add(np.multiply(b, row(w0)), np.multiply(c, row(s0))), np.matmul(P, g));
    const scale = vectorAt(start.norm.scale, momentum.norm.scale, factors.norm.scale);
    const shift = vectorAt(start.norm.shift, momentum.norm.shift, factors.norm.shift);
    r = np.add(np.multiply(standardized(r).normalized, scale), shift);
  }
  return architecture.residual ? np.add(queries, r) : r;
}
