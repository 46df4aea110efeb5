/** The low-rank token-exact chunk: every token reads its own weights, and no token's weights are built. */
import { np, type Tensor } from "../array/index.ts";
import {
  clippedFactors,
  curvatureKernel,
  type MemoryArchitecture,
  type MemoryFactors,
  type MemoryWeights,
  memoryFactors,
  memoryForward,
  tokenExactRead,
} from "../common/index.ts";
import { type ChunkEnd, chunkEnd } from "./chunk-end.ts";
import { sharesAfterTokens, sharesBeforeTokens, stateAfterChunk, weightTerms } from "./chunk-weights.ts";
import type { MemoryState } from "./memory-update.ts";
import { perPair, perToken } from "./pairs.ts";
import { type ChunkCoefficients, type ChunkGates, chunkCoefficients, finalCoefficients } from "./parallel.ts";
import { curvatureGuardedStepSize, guardedStepSize, guardKernel, type StepGuard, writePressure } from "./step-guard.ts";

/**
 * Which weights a token is read with.
 *
 * - `after`: its own, W_t (Eq. 15 with Eq. 7; mode A)
 * - `before`: those of the token before, W_{t-1} (mode A')
 * - `start`: those at the chunk's start (Eq. 21; mode B)
 * - `end`: those at the chunk's end, which have seen later tokens: not causal (mode C)
 */
export const readModes = ["after", "before", "start", "end"] as const;
/** One of `readModes`. */
export type ReadMode = (typeof readModes)[number];

/** What a chunk is told beside its tokens. */
export interface MemoryChunkOptions {
  /** 1 for tokens, 0 for empty slots: broadcastable to [..., C]. */
  readonly mask?: Tensor;
  /** `after` by default. */
  readonly readMode?: ReadMode;
  /** kappa; 1 by default. */
  readonly lossScale?: number;
  /** `off` by default, as in the paper; layers switch it on. */
  readonly stepGuard?: StepGuard;
  /** What bounds the momentum gates, for the `curvature` guard; 0.9 by default. */
  readonly maxMomentum?: number;
  /** Bounds the norm of each token's gradient; see `clippedFactors`. */
  readonly maxSurpriseNorm?: number;
  /** Where forgetting leads, matrices broadcastable to the memory's: zero by default, as in the paper. See `weightTerms`. */
  readonly forgetTowards?: MemoryWeights;
  /** Applied to the state that is handed on. */
  readonly chunkEnd?: ChunkEnd;
}

/** What a chunk returns. */
export interface MemoryChunkResult {
  /** [..., C, dim] */
  readonly outputs: Tensor;
  /** After the chunk's last token. */
  readonly state: MemoryState;
  /** The factors of the chunk's gradients, taken at its start. */
  readonly factors: MemoryFactors;
  /** One entry a write: as many as tokens, times the pairs of each. */
  readonly coefficients: ChunkCoefficients;
  /** Step sizes as used, after mask and guard; the mean over a token's pairs: [..., C] */
  readonly stepSize: Tensor;
}

/**
 * One chunk of the memory, in the low-rank token-exact form.
 *
 * $$W_t r_t = b_t W_0 r_t + c_t S_0 r_t - \sum_{i \le t} P[t,i]\,\delta_i\,(h_i \cdot r_t)$$
 *
 * All gradients are taken at the chunk's start (Eq. 16) and are rank one, so reading with token-specific weights is causal linear attention over the
 * chunk's layer inputs and errors; the same factors give the weights at the chunk's end. Equal to `recurrentMemory` with `period` = C, and at C = 1
 * to the online rule.
 *
 * With n key-value pairs a token, the pairs are written one after another, each as a step with the token's gates, and the query reads what is there after
 * the last. The order of momentum is that of the state.
 *
 * @param state weights W_0 and carried surprise S_0, matrices [..., out, in]
 * @param tokens queries [..., C, dim]; keys, values [..., C n, dim], the pairs of a token one after another
 * @param gates [..., C]
 * @see Titans (arXiv:2501.00663) Eq. 13-16, 18
 */
export function memoryChunk(
  architecture: MemoryArchitecture,
  state: MemoryState,
  tokens: { readonly keys: Tensor; readonly values: Tensor; readonly queries: Tensor },
  gates: ChunkGates,
  options: MemoryChunkOptions = {},
): MemoryChunkResult {
  const { mask, readMode = "after", lossScale = 1, maxSurpriseNorm, forgetTowards } = options;
  const pairs = tokens.keys.shape.at(-2)! / tokens.queries.shape.at(-2)!;
  const order = 1 + (state.lowerSurprises?.length ?? 0);
  const unclipped = memoryFactors(architecture, state.memory, tokens.keys, tokens.values, lossScale);
  const factors = maxSurpriseNorm === undefined ? unclipped : clippedFactors(unclipped, maxSurpriseNorm);
  const writes = {
    logRetain: perPair(gates.logRetain, pairs),
    logMomentum: perPair(gates.logMomentum, pairs),
    stepSize: perPair(mask === undefined ? gates.stepSize : np.multiply(gates.stepSize, mask), pairs),
  };
  const stepSize = guarded(options, state.memory, factors, writes, order);
  const writeMask = mask === undefined ? undefined : perPair(mask, pairs);
  const coefficients = chunkCoefficients({ ...writes, stepSize }, writeMask, order);
  const after = stateAfterChunk(state, factors, coefficients, forgetTowards);
  const outputs = readChunk(architecture, readMode, state, after, factors, coefficients, tokens.queries, forgetTowards);
  return {
    outputs,
    state: handedOn(options, state, after, coefficients),
    factors,
    coefficients,
    stepSize: perToken(stepSize, pairs),
  };
}

function handedOn(
  { chunkEnd: rules, forgetTowards, mask }: MemoryChunkOptions,
  start: MemoryState,
  end: MemoryState,
  coefficients: ChunkCoefficients,
): MemoryState {
  if (rules === undefined) return end;
  const retained = finalCoefficients(coefficients).memory;
  return chunkEnd(rules, start, end, {
    retained,
    ...(forgetTowards ? { forgetTowards } : {}),
    ...(mask ? { mask } : {}),
  });
}

function guarded(
  options: MemoryChunkOptions,
  weights: MemoryWeights,
  factors: MemoryFactors,
  gates: ChunkGates,
  order: number,
): Tensor {
  const { lossScale = 1, stepGuard = "off", maxMomentum = 0.9 } = options;
  switch (stepGuard) {
    case "off":
      return gates.stepSize;
    case "key":
    case "tangent":
      return guardedStepSize(gates, writePressure(gates, guardKernel(stepGuard, factors), lossScale, order));
    case "curvature":
      return curvatureGuardedStepSize(gates.stepSize, curvatureKernel(weights, factors, lossScale), maxMomentum, order);
  }
}

function readChunk(
  architecture: MemoryArchitecture,
  mode: ReadMode,
  start: MemoryState,
  end: MemoryState,
  factors: MemoryFactors,
  coefficients: ChunkCoefficients,
  queries: Tensor,
  forgetTowards: MemoryWeights | undefined,
): Tensor {
  switch (mode) {
    case "after":
    case "before": {
      const pairs = coefficients.memory.shape.at(-1)! / queries.shape.at(-2)!;
      const after = sharesAfterTokens(coefficients, pairs);
      const shares = mode === "after" ? after : sharesBeforeTokens(after);
      const terms = weightTerms(start, shares, forgetTowards);
      return tokenExactRead(architecture, terms, shares.writes, factors, queries);
    }
    case "start":
      return memoryForward(architecture, start.memory, queries);
    case "end":
      return memoryForward(architecture, end.memory, queries);
  }
}
