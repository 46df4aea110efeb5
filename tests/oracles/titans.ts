/** The neural memory, token by token, with every token's weights materialised. */

import type { Matrix, Vector } from "./matrix.ts";
import { type MemoryNetwork, type MemoryWeights, memoryForward, memoryGradient, memoryLoss } from "./memory-mlp.ts";
import { causalStepGuard, type GuardKind, keyKernel, tangentKernel } from "./step-guard.ts";
import { combine, treeNorm, zerosLike } from "./tree.ts";

/** Which weights answer the query of token t: W_t, W_{t-1}, those at the chunk's start, those at its end. */
export type ReadMode = "after" | "before" | "chunk-start" | "chunk-end";

export interface MemorySequence {
  keys: Matrix;
  values: Matrix;
  queries: Matrix;
  /** α: 1 clears. */
  forget: Vector;
  /** η: 1 carries all earlier surprise. */
  momentum: Vector;
  /** θ. */
  stepSize: Vector;
  /** False: the slot changes nothing but keeps its place in the chunk grid. */
  mask?: boolean[];
}

export interface RecurrenceOptions {
  network: MemoryNetwork;
  kappa: number;
  /** Tokens that share one gradient point; 1 is the online rule. */
  chunk: number;
  read: ReadMode;
  /** Section 9.2; without it the gates are used as they are. */
  guard?: GuardKind;
  /** False sets every α to 0. */
  decay?: boolean;
  /** False sets every η to 0, so that S_t is the token's own step. */
  carrySurprise?: boolean;
}

/** What lives at test time, between any two tokens. */
export interface MemoryState {
  weights: MemoryWeights;
  momentum: MemoryWeights;
  /** The gradient point: the weights when the open chunk began. */
  base: MemoryWeights;
  /** Slots seen since the start of the stream. */
  position: number;
  /** Tokens of the open chunk, as the step guard needs them. */
  open: OpenChunk;
}

export interface OpenChunk {
  keys: Matrix;
  momentum: Vector;
  stepSize: Vector;
  mask: boolean[];
}

export interface RecurrenceResult {
  /** [T, d]. */
  outputs: Matrix;
  /** `κ/2 ‖M(k_t) - v_t‖²` at the gradient point; 0 for a masked token. */
  losses: Vector;
  /** Frobenius norm over the whole weight tree of the gradient of `losses[t]`; 0 for a masked token. */
  gradientNorms: Vector;
  /** The step sizes used, after the guard; 0 for a masked token. */
  stepSizes: Vector;
  /** W_t and S_t after each token. */
  trace: { weights: MemoryWeights; momentum: MemoryWeights }[];
  state: MemoryState;
}

const emptyChunk: OpenChunk = { keys: [], momentum: [], stepSize: [], mask: [] };

/** M_0 with no momentum, unless one is given. */
export function initialMemoryState(weights: MemoryWeights, momentum: MemoryWeights = zerosLike(weights)): MemoryState {
  return { weights, momentum, base: weights, position: 0, open: emptyChunk };
}

/**
 * Eq 13-14 with the gradient point of Eq 16.
 *
 * $$S_t=\eta_tS_{t-1}-\theta_t\nabla\ell(\mathcal M_{t'};x_t),\qquad \mathcal M_t=(1-\alpha_t)\mathcal M_{t-1}+S_t,\qquad t'=b\lfloor(t-1)/b\rfloor$$
 *
 * Mode "chunk-end" reads the weights after the chunk's last token in this call.
 */
export function titansRecurrence(
  sequence: MemorySequence,
  start: MemoryState,
  options: RecurrenceOptions,
): RecurrenceResult {
  const { network, kappa, chunk } = options;
  let state = start;
  const losses: Vector = [];
  const gradientNorms: Vector = [];
  const stepSizes: Vector = [];
  const trace: RecurrenceResult["trace"] = [];
  const reads: { weights: MemoryWeights; chunkIndex: number }[] = [];

  sequence.keys.forEach((key, t) => {
    if (state.position % chunk === 0) state = { ...state, base: state.weights, open: emptyChunk };
    const value = sequence.values[t]!;
    const active = sequence.mask?.[t] ?? true;
    const forget = options.decay === false ? 0 : sequence.forget[t]!;
    const momentum = options.carrySurprise === false ? 0 : sequence.momentum[t]!;
    const open: OpenChunk = {
      keys: [...state.open.keys, key],
      momentum: [...state.open.momentum, momentum],
      stepSize: [...state.open.stepSize, sequence.stepSize[t]!],
      mask: [...state.open.mask, active],
    };
    const before = state.weights;
    let next = state;
    if (active) {
      const stepSize = options.guard
        ? guardedStepSize(open, state.base, options, options.guard)
        : sequence.stepSize[t]!;
      const gradient = memoryGradient(network, state.base, key, value, kappa);
      const surprise = combine(momentum, state.momentum, -stepSize, gradient);
      next = { ...state, weights: combine(1 - forget, state.weights, 1, surprise), momentum: surprise };
      losses.push(memoryLoss(network, state.base, key, value, kappa));
      gradientNorms.push(treeNorm(gradient));
      stepSizes.push(stepSize);
    } else {
      losses.push(0);
      gradientNorms.push(0);
      stepSizes.push(0);
    }
    const pointOfRead = { after: next.weights, before, "chunk-start": state.base, "chunk-end": next.weights };
    reads.push({ weights: pointOfRead[options.read], chunkIndex: Math.floor(state.position / chunk) });
    trace.push({ weights: next.weights, momentum: next.momentum });
    state = { ...next, open, position: state.position + 1 };
  });

  if (options.read === "chunk-end") {
    for (let t = reads.length - 2; t >= 0; t--) {
      if (reads[t]!.chunkIndex === reads[t + 1]!.chunkIndex) reads[t] = reads[t + 1]!;
    }
  }
  const outputs = sequence.queries.map((query, t) => memoryForward(network, reads[t]!.weights, query));
  return { outputs, losses, gradientNorms, stepSizes, trace, state };
}

/** Tokens `[from, to)` of a sequence. */
export function sliceSequence(sequence: MemorySequence, from: number, to: number): MemorySequence {
  return {
    keys: sequence.keys.slice(from, to),
    values: sequence.values.slice(from, to),
    queries: sequence.queries.slice(from, to),
    forget: sequence.forget.slice(from, to),
    momentum: sequence.momentum.slice(from, to),
    stepSize: sequence.stepSize.slice(from, to),
    ...(sequence.mask ? { mask: sequence.mask.slice(from, to) } : {}),
  };
}

function guardedStepSize(open: OpenChunk, base: MemoryWeights, options: RecurrenceOptions, guard: GuardKind): number {
  const kernel = guard === "keys" ? keyKernel(open.keys) : tangentKernel(options.network, base, open.keys);
  return causalStepGuard({ ...open, kernel, kappa: options.kappa }).stepSize.at(-1)!;
}
