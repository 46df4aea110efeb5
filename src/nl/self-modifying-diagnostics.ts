/** What happens inside the main memory of self-modifying Titans while it learns. */
import { np, slice, type Tensor } from "../array/index.ts";
import {
  gradientNorms,
  type MemoryArchitecture,
  type MemoryDiagnostics,
  type MemoryWeights,
  memoryForward,
  memoryNorm,
  memoryPass,
} from "../common/index.ts";
import { type AssociativeState, matrixDecay } from "../miras/index.ts";
import type { SelfModifyingGates } from "./self-modifying-chunk.ts";

/** A chunk of the main memory as the layer saw it. */
export interface ObservedWrites {
  readonly before: AssociativeState;
  readonly after: AssociativeState;
  /** [batch, heads, C, headDim] each */
  readonly keys: Tensor;
  readonly targets: Tensor;
  readonly errors: Tensor;
  readonly gates: SelfModifyingGates;
  /** 1 for tokens, 0 for empty slots: broadcastable to [batch, heads, C] */
  readonly mask: Tensor | undefined;
}

/**
 * The diagnostics of one chunk.
 *
 * Losses are squared distances from the targets that were written, whatever the rule. `rho` is what is left of the chunk's step sizes at its end, momentum
 * included; what erasing does is not in it.
 *
 * @param initial M_0: [heads, out, in] a matrix
 */
export function selfModifyingDiagnostics(
  architecture: MemoryArchitecture,
  initial: MemoryWeights,
  { before, after, keys, targets, errors, gates, mask }: ObservedWrites,
): MemoryDiagnostics {
  const valid = mask ?? np.ones([1, 1, keys.shape.at(-2)!]);
  const meanLoss = (memory: MemoryWeights) => {
    const distances = np.square(np.subtract(memoryForward(architecture, memory, keys), targets));
    const losses = np.multiply(np.multiply(0.5, np.sum(distances, -1)), valid);
    return np.divide(np.sum(losses, -1), np.maximum(1, np.sum(valid, -1)));
  };
  const { layers, slopes, sensitivities } = memoryPass(architecture, before, keys).pullBack(errors);
  const norms = np.multiply(gradientNorms({ layers, slopes, sensitivities, residual: errors }), valid);
  const errorNorms = layers.map(({ error }) => np.max(np.multiply(np.sqrt(np.sum(np.square(error), -1)), valid), -1));
  const stepSize = np.squeeze(gates.stepSize, -1);
  const perChunk = (x: Tensor) => np.expandDims(x, -1);
  const { writes } = matrixDecay({ rows: gates }, gates.logMomentum, mask).rows; // [batch, heads, 1, C, C]
  const left = np.squeeze(slice(writes, [], [], [], writes.shape.at(-1)! - 1), -2);
  return {
    lossAtInitial: perChunk(meanLoss(initial)),
    lossBefore: perChunk(meanLoss(before)),
    lossAfter: perChunk(meanLoss(after)),
    memoryNorm: perChunk(memoryNorm({ layers: after.layers })),
    surpriseNorm: perChunk(after.steps ? memoryNorm({ layers: after.steps }) : np.zerosLike(meanLoss(before))),
    errorNorm: perChunk(errorNorms.reduce((largest, of) => np.maximum(largest, of))),
    rho: perChunk(np.sum(np.multiply(left, stepSize), -1)),
    surprises: norms,
    stepSizes: stepSize,
  };
}
