/** What every layer with a neural memory in it offers, so that models and evaluations need not know which layer it is. */
import type { Tensor, Tree } from "../array/index.ts";
import type { SequenceLayer, StepOptions } from "../common/index.ts";
import type { MemoryDiagnostics } from "./diagnostics.ts";
import type { MemoryState } from "./memory-update.ts";

/** A sequence layer with a memory that is written while it reads. */
export interface MemoryLayer<P extends Tree, S extends Tree> extends SequenceLayer<P, S> {
  /**
   * `step`, with what happened inside the memory: inner losses, surprises, norms, stability.
   *
   * @returns outputs, state, and diagnostics (see `MemoryDiagnostics`)
   */
  diagnose(params: P, state: S, x: Tensor, options?: StepOptions): [Tensor, S, MemoryDiagnostics];
  /** A state whose memory and carried surprise are what `f` makes of them, everything else unchanged. */
  mapMemory(state: S, f: (memory: MemoryState) => MemoryState): S;
}

/** Whether a layer has a memory. */
export function isMemoryLayer<P extends Tree, S extends Tree>(layer: SequenceLayer<P, S>): layer is MemoryLayer<P, S> {
  return "diagnose" in layer && "mapMemory" in layer;
}
