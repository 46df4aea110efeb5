/** What happens inside any associative memory while it learns. */
import { np, type Tensor } from "../array/index.ts";
import { gradientNorms, type MemoryDiagnostics, memoryNorm, memoryPass, segmentProducts } from "../common/index.ts";
import type { AssociativeMemory } from "./associative-memory.ts";
import type { ChunkTokens } from "./memory-choices.ts";
import type { AssociativeState, OutputNorm } from "./memory-state.ts";
import type { ChunkResult } from "./network-writes.ts";
import type { WriteGates } from "./write-gates.ts";

/** A chunk as the layer saw it. */
export interface ObservedChunk {
  readonly initial: AssociativeState;
  readonly before: AssociativeState;
  readonly tokens: ChunkTokens;
  readonly gates: WriteGates;
  readonly result: ChunkResult;
  readonly norm: OutputNorm | undefined;
  /** 1 for writes, 0 for those of empty slots: broadcastable to [batch, heads, C n]. */
  readonly mask: Tensor | undefined;
}

/**
 * The diagnostics of one chunk.
 *
 * Losses are the bias's own. `rho` is what is left of the chunk's step sizes at its end, added up: the chunk's step on identical keys. A gate of several
 * channels counts with their mean.
 */
export function chunkDiagnostics(memory: AssociativeMemory, chunk: ObservedChunk): MemoryDiagnostics {
  const { initial, before, tokens, gates, result, norm, mask } = chunk;
  const { architecture, bias } = memory.choices;
  const { keys, values } = tokens;
  const pairs = keys.shape.at(-2)! / tokens.queries.shape.at(-2)!;
  const valid = mask ?? np.ones([1, 1, keys.shape.at(-2)!]);
  const meanLoss = (state: AssociativeState) => {
    const { output } = memoryPass(architecture, memory.weights(state, norm), keys);
    const losses = np.multiply(bias.loss(output, values, gates.threshold), valid);
    return np.divide(np.sum(losses, -1), np.maximum(1, np.sum(valid, -1)));
  };
  const stepSize = np.multiply(np.mean(gates.stepSize, -1), valid);
  const retained = segmentProducts(np.multiply(np.mean(gates.logRetain, -1), valid));
  const left = np.sum(np.multiply(retained, np.expandDims(stepSize, -2)), -1);
  const { pullBack } = memoryPass(architecture, memory.weights(before, norm), keys);
  const factors = { ...pullBack(result.errors), residual: result.errors };
  const norms = np.multiply(gradientNorms(factors), valid);
  const errorNorms = np.multiply(np.sqrt(np.sum(np.square(result.errors), -1)), valid);
  const perChunk = (x: Tensor) => np.expandDims(x, -1);
  const ofSteps = result.state.steps ? memoryNorm({ layers: result.state.steps }) : np.zerosLike(meanLoss(before));
  return {
    lossAtInitial: perChunk(meanLoss(initial)),
    lossBefore: perChunk(meanLoss(before)),
    lossAfter: perChunk(meanLoss(result.state)),
    memoryNorm: perChunk(memoryNorm({ layers: memory.weights(result.state).layers })),
    surpriseNorm: perChunk(ofSteps),
    errorNorm: perChunk(np.max(errorNorms, -1)),
    rho: perChunk(lastOf(left)),
    surprises: perToken(norms, pairs),
    stepSizes: perToken(stepSize, pairs),
  };
}

function lastOf(x: Tensor): Tensor {
  return np.squeeze(np.take(x, np.array([x.shape.at(-1)! - 1], { dtype: "int32" }), -1), -1);
}

/** The mean over the pairs of each token: [..., C n] to [..., C]. */
function perToken(x: Tensor, pairs: number): Tensor {
  if (pairs === 1) return x;
  return np.mean(np.reshape(x, [...x.shape.slice(0, -1), x.shape.at(-1)! / pairs, pairs]), -1);
}
