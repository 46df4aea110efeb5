/** What happens inside any associative memory while it learns. */
import { np, type Tensor } from "../array/index.ts";
import { gradientNorms, type MemoryDiagnostics, memoryNorm, memoryPass } from "../common/index.ts";
import type { AssociativeMemory } from "./associative-memory.ts";
import { at, matrixDecay } from "./chunk-decay.ts";
import { type ChunkTokens, gatesInUse } from "./memory-choices.ts";
import type { AssociativeState, OutputNorm } from "./memory-state.ts";
import type { ChunkResult } from "./network-writes.ts";
import { maskedGates, type WriteGates } from "./write-gates.ts";

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
 * Losses are the bias's own, gates those in use. `rho` is what is left of the chunk's step sizes at its end, momentum included, added up: the chunk's step on
 * identical keys. A gate of several channels counts with their mean. Errors that were taken after a lag token are pulled back through the weights before it.
 */
export function chunkDiagnostics(memory: AssociativeMemory, chunk: ObservedChunk): MemoryDiagnostics {
  const { initial, before, tokens, result, norm, mask } = chunk;
  const { architecture, bias } = memory.choices;
  const { keys, values } = tokens;
  const pairs = keys.shape.at(-2)! / tokens.queries.shape.at(-2)!;
  const valid = mask ?? np.ones([1, 1, keys.shape.at(-2)!]);
  const gates = maskedGates(gatesInUse(memory.choices, keys, chunk.gates), valid);
  const meanLoss = (state: AssociativeState) => {
    const { output } = memoryPass(architecture, memory.weights(state, norm), keys);
    const losses = np.multiply(bias.loss(output, values, gates.threshold), valid);
    return np.divide(np.sum(losses, -1), np.maximum(1, np.sum(valid, -1)));
  };
  const stepSize = np.mean(gates.stepSize, -1);
  const { layers, slopes, sensitivities } = memoryPass(architecture, memory.weights(before, norm), keys).pullBack(
    result.errors,
  );
  // Scale and shift of the output's norm are not written.
  const norms = np.multiply(gradientNorms({ layers, slopes, sensitivities, residual: result.errors }), valid);
  const errorNorms = layers.map(({ error }) => np.max(np.multiply(np.sqrt(np.sum(np.square(error), -1)), valid), -1));
  const perChunk = (x: Tensor) => np.expandDims(x, -1);
  const ofSteps = result.state.steps ? memoryNorm({ layers: result.state.steps }) : np.zerosLike(meanLoss(before));
  return {
    lossAtInitial: perChunk(meanLoss(initial)),
    lossBefore: perChunk(meanLoss(before)),
    lossAfter: perChunk(meanLoss(result.state)),
    memoryNorm: perChunk(memoryNorm({ layers: memory.weights(result.state).layers })),
    surpriseNorm: perChunk(ofSteps),
    errorNorm: perChunk(errorNorms.reduce((largest, of) => np.maximum(largest, of))),
    rho: perChunk(np.sum(np.multiply(sharesAtEnd(gates, mask), stepSize), -1)),
    surprises: perToken(norms, pairs),
    stepSizes: perToken(stepSize, pairs),
  };
}

/** What is left of each write at the chunk's end: [..., C n]. */
function sharesAtEnd({ logRetain, logMomentum }: WriteGates, mask: Tensor | undefined): Tensor {
  const ofMemory = { rows: { logRetain: np.mean(logRetain, -1, { keepdims: true }) } };
  const { writes } = matrixDecay(ofMemory, logMomentum, mask).rows;
  return np.squeeze(at(writes, 1, writes.shape.at(-1)! - 1), -2);
}

/** The mean over the pairs of each token: [..., C n] to [..., C]. */
function perToken(x: Tensor, pairs: number): Tensor {
  if (pairs === 1) return x;
  return np.mean(np.reshape(x, [...x.shape.slice(0, -1), x.shape.at(-1)! / pairs, pairs]), -1);
}
