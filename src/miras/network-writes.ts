/** What a chunk's tokens write into every matrix of a network, all gradients taken at the same weights. */
import type { Tensor } from "../array/index.ts";
import { memoryPass } from "../common/index.ts";
import { biasError } from "./attentional-bias.ts";
import { gatedWrites, type MatrixDecay, type MatrixWrites, matrixDecay } from "./chunk-decay.ts";
import type { ChunkTokens, MemoryChoices } from "./memory-choices.ts";
import { type AssociativeState, type OutputNorm, withNorm } from "./memory-state.ts";
import { type MatrixGates, matrixGates, type WriteGates } from "./write-gates.ts";

/** What a chunk may be told beside its tokens. */
export interface ChunkOptions {
  /** Scale and shift of the norm at the network's output. */
  readonly norm?: OutputNorm;
  /** 1 for tokens, 0 for empty slots, which come last: broadcastable to [..., C]. */
  readonly mask?: Tensor;
}

/** What a chunk returns. */
export interface ChunkResult {
  /** [..., C, out], each token read after its own write. */
  readonly outputs: Tensor;
  readonly state: AssociativeState;
  /** dL/dprediction of each token, where its gradient was taken: [..., C, out] */
  readonly errors: Tensor;
}

/** Gates, decay and writes of every matrix of a network over one chunk. */
export interface NetworkWrites {
  readonly gates: readonly MatrixGates[];
  readonly decays: readonly MatrixDecay[];
  readonly writes: readonly MatrixWrites[];
  readonly errors: Tensor;
}

/** One pass over the chunk's keys, all gradients at the same weights. */
export function networkWrites(
  { architecture, bias, gateAxis }: MemoryChoices,
  weights: readonly Tensor[],
  { keys, values }: Pick<ChunkTokens, "keys" | "values">,
  gates: WriteGates,
  { norm, mask }: ChunkOptions,
): NetworkWrites {
  const pass = memoryPass(architecture, withNorm(weights, norm), keys);
  const errors = biasError(bias, pass.output, values, gates.threshold);
  const own = weights.map((_, layer) => matrixGates(gates, gateAxis, layer, weights.length));
  return {
    gates: own,
    decays: own.map((matrix) => matrixDecay(matrix, gates.logMomentum, mask)),
    writes: pass.pullBack(errors).layers.map((factors, layer) => gatedWrites(own[layer]!, factors)),
    errors,
  };
}
