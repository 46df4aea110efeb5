/** What every layer with a neural memory in it offers, so that models and evaluations need not know which layer it is. */
import type { Tensor, Tree } from "../array/index.ts";
import type { SequenceLayer, StepOptions } from "./layer.ts";
import type { MemoryDiagnostics } from "./memory-diagnostics.ts";

/** How a memory is written, for people. */
export interface MemoryWriting {
  /** Tokens whose gradients are taken at the same weights; 1 if each is taken at its own, or if the gradient is the same at all weights. */
  readonly chunk: number;
  /** What its writes minimise. */
  readonly objective: string;
}

/** A sequence layer with a memory that is written while it reads. */
export interface MemoryLayer<P extends Tree, S extends Tree> extends SequenceLayer<P, S> {
  readonly writing: MemoryWriting;
  /**
   * `step`, with what happened inside the memory: inner losses, surprises, norms, stability.
   *
   * @returns outputs, state, and diagnostics (see `MemoryDiagnostics`)
   */
  diagnose(params: P, state: S, x: Tensor, options?: StepOptions): [Tensor, S, MemoryDiagnostics];
  /** A state whose memory, with all that its rule carries from token to token, is what `f` makes of it; everything else unchanged. */
  mapMemory(state: S, f: <M extends Tree>(memory: M) => M): S;
}

/** Whether a layer has a memory. */
export function isMemoryLayer<P extends Tree, S extends Tree>(layer: SequenceLayer<P, S>): layer is MemoryLayer<P, S> {
  return "diagnose" in layer && "mapMemory" in layer;
}
