/** What a memory of any retention carries from token to token, and the weights it stands for. */
import { np, type Tensor, zipTrees } from "../array/index.ts";
import type { MemoryWeights } from "../common/index.ts";
import type { Retention } from "./memory-choices.ts";

/** A memory at test time: one array a weight matrix, [..., out, in]. */
export type AssociativeState = {
  /** The weights themselves under linear retention; under another, what its map takes: accumulators, logarithms, logits. */
  readonly layers: readonly Tensor[];
  /** The steps that momentum carries on. */
  readonly steps?: readonly Tensor[];
};

/** Scale and shift of the norm at a network's output: learned by the outer loop, never written. [..., dim] each */
export type OutputNorm = { readonly scale: Tensor; readonly shift: Tensor };

/**
 * The state before the first token, from free parameters of the outer loop.
 *
 * @param parameters one a weight matrix: [..., out, in]
 */
export function startState(
  retention: Retention,
  parameters: readonly Tensor[],
  withMomentum: boolean,
): AssociativeState {
  const layers = retention.kind === "linear" ? parameters : parameters.map((p) => retention.gate.start(p));
  return withMomentum ? { layers, steps: layers.map((layer) => np.zerosLike(layer)) } : { layers };
}

/** The weights that a state stands for between chunks. */
export function weightsOf(retention: Retention, layers: readonly Tensor[], norm?: OutputNorm): MemoryWeights {
  const weights =
    retention.kind === "linear"
      ? layers
      : layers.map((state) => retention.gate.weights(retention.gate.accumulator(state), state));
  return withNorm(weights, norm);
}

/** Weights with the norm of the network's output. */
export function withNorm(layers: readonly Tensor[], norm: OutputNorm | undefined): MemoryWeights {
  return norm === undefined ? { layers } : { layers, norm };
}

/** The same state with every array a batch of copies: [batch, ...]. */
export function copiedState(state: AssociativeState, batch: number): AssociativeState {
  return zipTrees((x) => np.broadcastTo(np.expandDims(x, 0), [batch, ...x.shape]), state);
}
