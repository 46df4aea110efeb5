/** What any layer with a memory can tell of it, whatever rule it follows. */
import { leaves, np, type Tensor, type Tree } from "../array/index.ts";

/** One entry a chunk is [batch, heads, chunks]; one a token is [batch, heads, tokens]. Losses are means over the chunk's tokens. */
export type MemoryDiagnostics = {
  /** Associative loss of the chunk at the learned initial weights M_0: what a memory that was never written would have. */
  readonly lossAtInitial: Tensor;
  /** Associative loss at the chunk's start, before it is written. */
  readonly lossBefore: Tensor;
  /** Associative loss of the same tokens after they were written. */
  readonly lossAfter: Tensor;
  /** Frobenius norm of all weights after the chunk. */
  readonly memoryNorm: Tensor;
  /** Frobenius norm of the carried surprise after the chunk. */
  readonly surpriseNorm: Tensor;
  /** Largest norm of any layer's error in the chunk. */
  readonly errorNorm: Tensor;
  /** rho = sum_i P[C,i]: the whole chunk's step on identical keys. It sees all tokens of the chunk, so it is a diagnostic and never a rule. */
  readonly rho: Tensor;
  /** Norm of each token's gradient as written, after clipping; the mean over its pairs. */
  readonly surprises: Tensor;
  /** Step size of each token as used, after masks and guard; zero where nothing was written; the mean over its pairs. */
  readonly stepSizes: Tensor;
};

/** Frobenius norm over all arrays of a memory tree [batch, heads, ...]: [batch, heads]. */
export function memoryNorm(memory: Tree): Tensor {
  const squares = leaves(memory).map((w) => np.sum(np.square(w), [...w.shape.keys()].slice(2)));
  return np.sqrt(squares.reduce((total, square) => np.add(total, square)));
}

/** The diagnostics of consecutive chunks as one. */
export function joinDiagnostics(parts: readonly MemoryDiagnostics[]): MemoryDiagnostics {
  const joined = (name: keyof MemoryDiagnostics) =>
    np.concatenate(
      parts.map((part) => part[name]),
      -1,
    );
  return {
    lossAtInitial: joined("lossAtInitial"),
    lossBefore: joined("lossBefore"),
    lossAfter: joined("lossAfter"),
    memoryNorm: joined("memoryNorm"),
    surpriseNorm: joined("surpriseNorm"),
    errorNorm: joined("errorNorm"),
    rho: joined("rho"),
    surprises: joined("surprises"),
    stepSizes: joined("stepSizes"),
  };
}
