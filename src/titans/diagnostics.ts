/** What happens inside a memory while it learns: the evidence that it does, and the signs that it is about to diverge. */
import { np, type Tensor } from "../array/index.ts";
import {
  gradientNorms,
  type MemoryArchitecture,
  type MemoryDiagnostics,
  type MemoryWeights,
  memoryNorm,
} from "../common/index.ts";
import { associativeLoss } from "./associative-loss.ts";
import type { MemoryChunkResult } from "./memory-chunk.ts";
import type { MemoryState } from "./memory-update.ts";
import { perPair, perToken } from "./pairs.ts";
import { finalCoefficients } from "./parallel.ts";

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
