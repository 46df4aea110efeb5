/** The low-rank token-exact chunk: every token reads its own weights, and no token's weights are built. */
import { np, type Tensor } from "../array/index.ts";
import {
  curvatureKernel,
  type MemoryArchitecture,
  type MemoryFactors,
  type MemoryWeights,
  memoryFactors,
  memoryForward,
  tokenExactRead,
  weightedGradient,
} from "../common/index.ts";
import type { MemoryState } from "./memory-update.ts";
import { type ChunkCoefficients, type ChunkGates, chunkCoefficients, finalCoefficients } from "./parallel.ts";
import { curvatureGuardedStepSize, guardedStepSize, guardKernel, type StepGuard, writePressure } from "./step-guard.ts";
import { added, scaled } from "./surprise.ts";

/**
 * Which weights a token is read with.
 *
 * - `after`: its own, W_t (Eq. 15 with Eq. 7; mode A)
 * - `before`: those of the token before, W_{t-1} (mode A')
 * - `start`: those at the chunk's start (Eq. 21; mode B)
 * - `end`: those at the chunk's end, which have seen later tokens: not causal (mode C)
 */
export const readModes = ["after", "before", "start", "end"] as const;
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
}

/** What a chunk returns. */
export interface MemoryChunkResult {
  /** [..., C, dim] */
  readonly outputs: Tensor;
  /** After the chunk's last token. */
  readonly state: MemoryState;
  /** The factors of the chunk's gradients, taken at its start. */
  readonly factors: MemoryFactors;
  readonly coefficients: ChunkCoefficients;
  /** Step sizes as used, after mask and guard: [..., C] */
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
 * @param state weights W_0 and carried surprise S_0, matrices [..., out, in]
 * @param tokens keys, values, queries: [..., C, dim]
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
  const { mask, readMode = "after", lossScale = 1 } = options;
  const factors = memoryFactors(architecture, state.memory, tokens.keys, tokens.values, lossScale);
  const wanted = mask === undefined ? gates : { ...gates, stepSize: np.multiply(gates.stepSize, mask) };
  const stepSize = guarded(options, state.memory, factors, wanted);
  const coefficients = chunkCoefficients({ ...gates, stepSize }, mask);
  const after = stateAfter(state, factors, coefficients);
  const outputs = readChunk(architecture, readMode, state, after, factors, coefficients, tokens.queries);
  return { outputs, state: after, factors, coefficients, stepSize };
}

function guarded(
  options: MemoryChunkOptions,
  weights: MemoryWeights,
  factors: MemoryFactors,
  gates: ChunkGates,
): Tensor {
  const { lossScale = 1, stepGuard = "off", maxMomentum = 0.9 } = options;
  switch (stepGuard) {
    case "off":
      return gates.stepSize;
    case "key":
    case "tangent":
      return guardedStepSize(gates, writePressure(gates, guardKernel(stepGuard, factors), lossScale));
    case "curvature":
      return curvatureGuardedStepSize(gates.stepSize, curvatureKernel(weights, factors, lossScale), maxMomentum);
  }
}

function stateAfter(state: MemoryState, factors: MemoryFactors, coefficients: ChunkCoefficients): MemoryState {
  const final = finalCoefficients(coefficients);
  const minus = (base: MemoryWeights, weights: Tensor) => added(base, weightedGradient(factors, np.negative(weights)));
  const kept = added(scaled(final.memory, state.memory), scaled(final.momentum, state.surprise));
  return {
    memory: minus(kept, final.writes),
    surprise: minus(scaled(final.surprise, state.surprise), final.surpriseWrites),
  };
}

function readChunk(
  architecture: MemoryArchitecture,
  mode: ReadMode,
  start: MemoryState,
  end: MemoryState,
  factors: MemoryFactors,
  coefficients: ChunkCoefficients,
  queries: Tensor,
): Tensor {
  switch (mode) {
    case "after":
      return tokenExactRead(architecture, start.memory, start.surprise, factors, coefficients, queries);
    case "before":
      return tokenExactRead(
        architecture,
        start.memory,
        start.surprise,
        factors,
        oneTokenEarlier(coefficients),
        queries,
      );
    case "start":
      return memoryForward(architecture, start.memory, queries);
    case "end":
      return memoryForward(architecture, end.memory, queries);
  }
}

/** The coefficients of the token before: the first token reads the chunk's start. */
function oneTokenEarlier(coefficients: ChunkCoefficients): ChunkCoefficients {
  const size = coefficients.memory.shape.at(-1) ?? 0;
  const shift = np.subtract(np.tri(size, size, -1), np.tri(size, size, -2));
  const first = np.subtract(np.ones([size]), np.sum(shift, 1));
  const earlier = (x: Tensor) => np.squeeze(np.matmul(shift, np.expandDims(x, -1)), -1);
  return {
    ...coefficients,
    memory: np.add(earlier(coefficients.memory), first),
    momentum: earlier(coefficients.momentum),
    writes: np.matmul(shift, coefficients.writes),
  };
}
