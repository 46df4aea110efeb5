/** What every retention gate looks like whose weights are a non-linear function of what a memory accumulates. */
import type { Tensor } from "../array/index.ts";
import type { SimplexSlice } from "./scaled-simplex.ts";

/** A token's gates as they come: what is kept, also as a logarithm, because products of gates are formed there. */
export interface RetentionInput {
  readonly retain: Tensor;
  readonly logRetain: Tensor;
  readonly stepSize: Tensor;
}

/**
 * A retention gate whose weights are a non-linear function of a linearly accumulated state; one matrix of a memory at a time.
 *
 * Inside a chunk the accumulator is a linear recurrence, $A_t = \mathrm{retain}_t A_{t-1} - \mathrm{stepSize}_t\, g_t$, and so is the threshold
 * where there is one, $\Gamma_t = \mathrm{retain}_t \Gamma_{t-1} + \mathrm{shrinkage}_t$ from 0. In chunks of one token each gate is exactly its
 * paper's rule.
 */
export interface NonlinearRetention {
  readonly name: string;
  /** The state before the first token, from a free parameter of the outer loop [..., out, in]. */
  start(parameter: Tensor): Tensor;
  /** Where a chunk's linear recurrence A_t = retain_t A_{t-1} - stepSize_t g_t starts, from the state carried into the chunk. */
  accumulator(state: Tensor): Tensor;
  /**
   * What the token's gates become in that recurrence (Eq 21: 1 - lambda and eta'; Eq 22: lambda, zeta, and the threshold gamma that a token adds);
   * the identity where left out.
   */
  gates?(gates: RetentionInput): { logRetain: Tensor; stepSize: Tensor; shrinkage?: Tensor };
  /** Entries that the map takes together: gates must be constant inside. Left out where every entry is mapped by itself. */
  readonly slice?: SimplexSlice;
  /** The weights W_t that an accumulator stands for; `state` is the one carried into the chunk, `shrinkage` the threshold accumulated since then (broadcastable). */
  weights(accumulator: Tensor, state: Tensor, shrinkage?: Tensor): Tensor;
  /** What is carried into the next chunk. */
  next(accumulator: Tensor, state: Tensor, shrinkage?: Tensor): Tensor;
}
