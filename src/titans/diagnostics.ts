/** What happens inside a memory while it learns: the evidence that it does, and the signs that it is about to diverge. */
import { leaves, np, type Tensor } from "../array/index.ts";
import { gradientNorms, type MemoryArchitecture, type MemoryWeights } from "../common/index.ts";
import { associativeLoss } from "./associative-loss.ts";
import type { MemoryChunkResult } from "./memory-chunk.ts";
import type { MemoryState } from "./memory-update.ts";
import { perPair, perToken } from "./pairs.ts";
import { finalCoefficients } from "./parallel.ts";

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

/** A chunk as the layer saw it. */
export interface ObservedChunk {
  /** Of every pair: [batch, heads, C pairs, dim]. */
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly result: MemoryChunkResult;
  /** kappa, as the chunk was told; 1 by default. */
  readonly lossScale?: number;
  /** 1 for tokens, 0 for empty slots: broadcastable to [batch, heads, C]. */
  readonly mask?: Tensor;
}

/** Frobenius norm over all arrays of a memory tree [batch, heads, ...]: [batch, heads]. */
export function memoryNorm(memory: MemoryWeights): Tensor {
  const squares = leaves(memory).map((w) => np.sum(np.square(w), [...w.shape.keys()].slice(2)));
  return np.sqrt(squares.reduce((total, square) => np.add(total, square)));
}

/**
 * The diagnostics of one chunk.
 *
 * @param architecture the memory's
 * @param initial M_0: matrices [heads, out, in]
 * @param chunk what the layer saw, and what came of it
 */
export function chunkDiagnostics(
  architecture: MemoryArchitecture,
  initial: MemoryWeights,
  before: MemoryState,
  chunk: ObservedChunk,
): MemoryDiagnostics {
  const { keys, values, result, mask, lossScale } = chunk;
  const tokens = result.stepSize.shape[2]!;
  const pairs = keys.shape[2]! / tokens;
  const validTokens = mask === undefined ? np.ones([1, 1, tokens]) : mask;
  const valid = perPair(validTokens, pairs);
  const meanLoss = (memory: MemoryWeights) => {
    const losses = np.multiply(associativeLoss(architecture, memory, keys, values, lossScale), valid);
    return np.divide(np.sum(losses, -1), np.maximum(1, np.sum(valid, -1)));
  };
  const errorNorms = result.factors.layers.map(({ error }) =>
    np.max(np.multiply(np.sqrt(np.sum(np.square(error), -1)), valid), -1),
  );
  const perChunk = (x: Tensor) => np.expandDims(x, -1);
  return {
    lossAtInitial: perChunk(meanLoss(initial)),
    lossBefore: perChunk(meanLoss(before.memory)),
    lossAfter: perChunk(meanLoss(result.state.memory)),
    memoryNorm: perChunk(memoryNorm(result.state.memory)),
    surpriseNorm: perChunk(memoryNorm(result.state.surprise)),
    errorNorm: perChunk(errorNorms.reduce((largest, norm) => np.maximum(largest, norm))),
    rho: perChunk(np.sum(finalCoefficients(result.coefficients).writes, -1)),
    surprises: np.multiply(perToken(gradientNorms(result.factors), pairs), validTokens),
    stepSizes: result.stepSize,
  };
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
