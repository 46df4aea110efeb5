/** From a layer's configuration and parameters to what its chunks are told. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryWeights } from "../common/index.ts";
import type { ChunkEnd } from "./chunk-end.ts";
import type { MemoryChunkOptions } from "./memory-chunk.ts";
import type { NeuralMemoryConfig } from "./neural-memory-config.ts";
import { pairedLossScale } from "./query-key-norm.ts";

/** What the options of a chunk need of a layer's parameters. */
interface ChunkParams {
  readonly initialMemory: MemoryWeights;
  readonly transitionGate?: Tensor;
}

/** The options of every chunk of a layer; mask and read mode are the call's. */
export function chunkOptionsOf(config: NeuralMemoryConfig, params: ChunkParams): MemoryChunkOptions {
  const { stepGuard, maxMomentum, queryKeyNorm, lossScale, headDim, maxSurpriseNorm } = config;
  return {
    stepGuard,
    maxMomentum,
    lossScale: pairedLossScale(queryKeyNorm, lossScale, headDim),
    ...(maxSurpriseNorm === null ? {} : { maxSurpriseNorm }),
    ...(config.forgetTowards === "initial" ? { forgetTowards: params.initialMemory } : {}),
    ...(config.orthogonalizeSurprise || config.gatedTransition || config.renormalizeWeights
      ? { chunkEnd: chunkEndOf(config, params) }
      : {}),
  };
}

function chunkEndOf(config: NeuralMemoryConfig, params: ChunkParams): ChunkEnd {
  return {
    orthogonalizeSurprise: config.orthogonalizeSurprise,
    // One gate a head, for every sequence of the batch.
    ...(config.gatedTransition ? { transitionGate: np.expandDims(params.transitionGate!, 0) } : {}),
    ...(config.renormalizeWeights ? { normsOf: params.initialMemory } : {}),
  };
}
