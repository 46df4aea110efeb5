/** The Hope block of Nested Learning (section 11.1): self-modifying Titans, then a continuum memory; and Hope-Attention. */

import { type Activation, activate } from "./activations.ts";
import { multiHeadAttention } from "./attention.ts";
import { causalConvolution } from "./convolution.ts";
import { causalMask } from "./masks.ts";
import { add, headColumns, type Matrix, matVec, type Vector } from "./matrix.ts";
import {
  type ContinuumBlock,
  type ContinuumLoss,
  type ContinuumOptions,
  type ContinuumResult,
  type ContinuumState,
  continuumStream,
  initialContinuumState,
} from "./nl-continuum.ts";
import {
  initialSelfModifyingState,
  type SelfModifyingBranch,
  type SelfModifyingMemories,
  type SelfModifyingOptions,
  type SelfModifyingResult,
  type SelfModifyingState,
  selfModifyingTitans,
} from "./nl-self-modifying.ts";
import { rmsNorm } from "./norms.ts";

/** All that the outer loop learns; `d = heads * headDim`, head h owns columns `[h headDim, (h + 1) headDim)`. */
export interface HopeParameters {
  /** Gain of the norm before the mixer, [d]. */
  gain: Vector;
  /** M_0 of each head; its maps act on the head's columns of the normed input. */
  heads: SelfModifyingMemories[];
  /** One a head. */
  gateBiases: { stepSize: number; retain: number }[];
  /** W_q [d, d], applied to columns; null when every head has a query memory. */
  queryWeight: Matrix | null;
  /** Filters [K, d] of each branch, tap K - 1 on the current token; null leaves the convolution out. */
  convolution: Record<SelfModifyingBranch, Matrix> | null;
  /** [d, d] on the joined heads, applied to columns; null is Eq 97 as printed. */
  output: Matrix | null;
  /** θ_0 of the continuum, in forward order. */
  blocks: ContinuumBlock[];
}

export interface HopeOptions {
  selfModifying: Omit<SelfModifyingOptions, "convolution" | "stepSizeBias" | "retainBias">;
  /** On q, k and v after the convolution and before the norm; default "identity". */
  branchActivation?: Activation;
  continuum: ContinuumOptions;
  /** ε of the norm before the mixer. */
  epsilon: number;
}

export interface HopeState {
  heads: SelfModifyingState[];
  continuum: ContinuumState;
}

export interface HopeResult {
  /** y [tokens, d]. */
  outputs: Matrix;
  /** `x + o`: what enters the continuum, [tokens, d]. */
  mixed: Matrix;
  heads: SelfModifyingResult[];
  continuum: ContinuumResult;
  state: HopeState;
}

export function initialHopeState(parameters: HopeParameters): HopeState {
  return {
    heads: parameters.heads.map((memories) => initialSelfModifyingState(memories)),
    continuum: initialContinuumState(parameters.blocks),
  };
}

/**
 * Eq 94-97 with pre-norm residuals, for a stretch of a stream x [tokens, d]; `loss` judges y and teaches the continuum alone.
 *
 * $$h_t=x_t+[W_o]\,\mathcal M_{memory,\tau(t)}(q_t),\qquad y_t=\mathrm{MLP}^{(f_k)}(\cdots\mathrm{MLP}^{(f_1)}(h_t))$$
 */
export function hopeBlock(
  parameters: HopeParameters,
  state: HopeState,
  x: Matrix,
  loss: ContinuumLoss,
  options: HopeOptions,
): HopeResult {
  const headDim = parameters.gain.length / parameters.heads.length;
  const normed = x.map((row) => rmsNorm(row, parameters.gain, options.epsilon));
  const { queryWeight } = parameters;
  const queries = queryWeight && normed.map((row) => matVec(queryWeight, row));
  const heads = parameters.heads.map((_, h) => {
    const taps = parameters.convolution;
    const mix = (branch: SelfModifyingBranch, window: Matrix): Vector => {
      const row = taps
        ? causalConvolution(window, headColumns(taps[branch], h, headDim)).outputs.at(-1)!
        : window.at(-1)!;
      return row.map((value) => activate(options.branchActivation ?? "identity", value));
    };
    const inputs = {
      x: headColumns(normed, h, headDim),
      ...(queries ? { queries: headColumns(queries, h, headDim) } : {}),
    };
    const bias = parameters.gateBiases[h]!;
    return selfModifyingTitans(state.heads[h]!, inputs, {
      ...options.selfModifying,
      stepSizeBias: bias.stepSize,
      retainBias: bias.retain,
      convolution: { length: taps?.query.length ?? 1, mix },
    });
  });
  const mixed = x.map((row, t) => {
    const joined = heads.flatMap((head) => head.outputs[t]!);
    return add(row, parameters.output ? matVec(parameters.output, joined) : joined);
  });
  const continuum = continuumStream(state.continuum, mixed, loss, options.continuum);
  return {
    outputs: continuum.outputs,
    mixed,
    heads,
    continuum,
    state: { heads: heads.map((head) => head.state), continuum: continuum.state },
  };
}

/** All maps [d, d], applied to columns. */
export interface HopeAttentionParameters {
  gain: Vector;
  heads: number;
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
  blocks: ContinuumBlock[];
}

/** Section 11.2: the same block with causal softmax attention as the mixer, for a whole sequence; no positions. */
export function hopeAttentionBlock(
  parameters: HopeAttentionParameters,
  state: ContinuumState,
  x: Matrix,
  loss: ContinuumLoss,
  options: { continuum: ContinuumOptions; epsilon: number },
): { outputs: Matrix; mixed: Matrix; continuum: ContinuumResult } {
  const normed = x.map((row) => rmsNorm(row, parameters.gain, options.epsilon));
  const through = (w: Matrix): Matrix => normed.map((row) => matVec(w, row));
  const attended = multiHeadAttention(
    parameters.heads,
    through(parameters.query),
    through(parameters.key),
    through(parameters.value),
    causalMask(),
  );
  const mixed = x.map((row, t) => add(row, matVec(parameters.output, attended[t]!)));
  const continuum = continuumStream(state, mixed, loss, options.continuum);
  return { outputs: continuum.outputs, mixed, continuum };
}
