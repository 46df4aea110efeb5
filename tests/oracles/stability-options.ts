/** The memory recurrence with the stability options of section 9, token by token; every option off is `titansRecurrence`. */

import { sigmoid } from "./activations.ts";
import { addMatrix, type Matrix, scaleMatrix, type Vector } from "./matrix.ts";
import { type MemoryWeights, memoryForward, memoryGradient, memoryLoss } from "./memory-mlp.ts";
import { orthogonalise } from "./newton-schulz.ts";
import { causalStepGuard, keyKernel, tangentKernel } from "./step-guard.ts";
import type { MemorySequence, OpenChunk, RecurrenceOptions } from "./titans.ts";
import { combine, treeNorm, zerosLike } from "./tree.ts";

export interface StabilityOptions {
  /** m: a token's gradient, all weights of the memory together, is scaled by `min(1, m / ‖g‖)`. */
  maxGradientNorm?: number;
  /** Forgetting leads to M_0 instead of zero: `W_t = M_0 + D_t`, `D_t = (1 - α_t) D_{t-1} + S_t`. */
  decayToInitial?: boolean;
  /** n: `S^(1)` takes the gradient, each further order takes the order below, the weights take `S^(n)`. Default 1. */
  momentumOrder?: number;
  /** Chunk end: the weights take the orthogonalised surprise of the chunk's end, see `closeChunk`. */
  orthogonaliseSurprise?: boolean;
  /** Chunk end: logit of the share of the way from the chunk's start to its end that is kept. */
  transitionLogit?: number;
  /** Chunk end: each weight matrix gets back the Frobenius norm it has in M_0. */
  renormaliseWeights?: boolean;
}

export interface StableOptions extends RecurrenceOptions, StabilityOptions {
  read: "after" | "before" | "chunk-start";
}

export interface StableState {
  weights: MemoryWeights;
  /** S^(1) to S^(n); never orthogonalised, clipped or renormalised themselves. */
  momenta: MemoryWeights[];
  /** The gradient point. */
  base: MemoryWeights;
  /** M_0 of the sequence: where decay leads and whose norms are restored. */
  initial: MemoryWeights;
  /** Slots seen, masked ones too. */
  position: number;
  open: OpenChunk;
  /** Product of `1 - α` over the valid tokens of the open chunk. */
  kept: number;
}

export interface StableResult {
  outputs: Matrix;
  losses: Vector;
  /** Before the clip. */
  gradientNorms: Vector;
  stepSizes: Vector;
  /** As the token's read sees it: the last token of a chunk has the weights before `closeChunk`. */
  trace: { weights: MemoryWeights; momenta: MemoryWeights[] }[];
  /** After `closeChunk` where the call ends with a chunk. */
  state: StableState;
}

const emptyChunk: OpenChunk = { keys: [], momentum: [], stepSize: [], mask: [] };

export function initialStableState(
  weights: MemoryWeights,
  momentumOrder = 1,
  momenta: MemoryWeights[] = Array.from({ length: momentumOrder }, () => zerosLike(weights)),
): StableState {
  return { weights, momenta, base: weights, initial: weights, position: 0, open: emptyChunk, kept: 1 };
}

/**
 * Eq 13-14 with gradient points at chunk starts, W' the chunk's start, and
 *
 * $$g=\nabla\ell(W';x_t)\,\min\Big(1,\frac m{\|\nabla\ell\|}\Big),\quad S^{(1)}_t=\eta_tS^{(1)}_{t-1}-\theta_tg,\quad
 * S^{(k)}_t=\eta_tS^{(k)}_{t-1}+S^{(k-1)}_t,\quad W_t=M+(1-\alpha_t)(W_{t-1}-M)+S^{(n)}_t$$
 *
 * with M = 0, or M_0 when decay leads there. A chunk is closed after its last slot, before the next token and after all its reads.
 * The step guard knows of none of the options: it is that of `titansRecurrence`.
 */
export function stableRecurrence(sequence: MemorySequence, start: StableState, options: StableOptions): StableResult {
  const { network, kappa } = options;
  let state = start;
  const result: Omit<StableResult, "state"> = { outputs: [], losses: [], gradientNorms: [], stepSizes: [], trace: [] };

  sequence.keys.forEach((key, t) => {
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
    let [loss, norm, stepSize] = [0, 0, 0];
    let next: StableState = { ...state, open, position: state.position + 1 };
    if (active) {
      stepSize = guardedStepSize(open, state.base, options);
      const gradient = memoryGradient(network, state.base, key, value, kappa);
      loss = memoryLoss(network, state.base, key, value, kappa);
      norm = treeNorm(gradient);
      const share = norm > (options.maxGradientNorm ?? Infinity) ? options.maxGradientNorm! / norm : 1;
      const momenta: MemoryWeights[] = [];
      state.momenta.forEach((old, order) => {
        momenta.push(
          order === 0
            ? combine(momentum, old, -stepSize * share, gradient)
            : combine(momentum, old, 1, momenta[order - 1]!),
        );
      });
      const decayed = options.decayToInitial
        ? combine(1, state.initial, 1 - forget, combine(1, state.weights, -1, state.initial))
        : combine(1 - forget, state.weights, 0, state.weights);
      next = { ...next, weights: combine(1, decayed, 1, momenta.at(-1)!), momenta, kept: state.kept * (1 - forget) };
    }
    const seen = { after: next.weights, before, "chunk-start": state.base }[options.read];
    result.outputs.push(memoryForward(network, seen, sequence.queries[t]!));
    result.losses.push(loss);
    result.gradientNorms.push(norm);
    result.stepSizes.push(stepSize);
    result.trace.push({ weights: next.weights, momenta: next.momenta });
    state = next.position % options.chunk === 0 ? closeChunk(next, options) : next;
  });
  return { ...result, state };
}

/**
 * Ends the open chunk: what happens to the weights between the last token of a chunk and the first of the next. In this order:
 *
 * 1. `orthogonaliseSurprise`: the chunk counts as one step. With `b = Π (1 - α_t)` over its valid tokens and S the raw `S^(n)` after its
 *    last token, each matrix becomes `M + b (W' - M) + NS5(S)`. The low-rank weights that the chunk's own reads saw are dropped; scale and
 *    shift of the output LayerNorm keep theirs. The step sizes decide the direction of S, not the size of what is added.
 * 2. `transitionLogit`: `W' + sigmoid(logit) (W - W')` on all weights.
 * 3. `renormaliseWeights`: each matrix is scaled to its Frobenius norm in M_0; a zero matrix stays zero. Scale and shift are left alone.
 *
 * The result is both the running weights and the next gradient point. Momenta are untouched. A chunk without a valid token changes nothing.
 * `stableRecurrence` calls it on the grid; a shorter last chunk of a sequence that counts as a whole one is closed by the caller.
 */
export function closeChunk(state: StableState, options: StabilityOptions): StableState {
  const { base, initial, kept } = state;
  const surprise = state.momenta.at(-1)!;
  let weights = state.weights;
  if (state.open.mask.includes(true)) {
    if (options.orthogonaliseSurprise) {
      const target = options.decayToInitial ? initial : zerosLike(initial);
      const faded = combine(1, target, kept, combine(1, base, -1, target));
      const layers = faded.layers.map((matrix, l) => addMatrix(matrix, orthogonalise(surprise.layers[l]!)));
      weights = { ...weights, layers };
    }
    if (options.transitionLogit !== undefined)
      weights = combine(1, base, sigmoid(options.transitionLogit), combine(1, weights, -1, base));
    if (options.renormaliseWeights) {
      const layers = weights.layers.map((matrix, l) => {
        const size = treeNorm(matrix);
        return size === 0 ? matrix : scaleMatrix(treeNorm(initial.layers[l]) / size, matrix);
      });
      weights = { ...weights, layers };
    }
  }
  return { ...state, weights, base: weights, open: emptyChunk, kept: 1 };
}

/** Several key-value pairs a token: `keys[t]` and `values[t]` are [n, d], in the order of writing; the rest is one a token. */
export interface PairSequence extends Omit<MemorySequence, "keys" | "values"> {
  keys: Matrix[];
  values: Matrix[];
}

/**
 * n pairs a token are n steps of `stableRecurrence` with the token's gates, so forgetting, momentum and the step size act once a pair. The
 * gradient point is the start of the chunk of tokens for all of them. The query reads after the last pair (mode "before": before the first).
 *
 * @param options `chunk` counts tokens
 * @returns outputs one a token; everything else one a pair, and `state.position` counts pairs
 */
export function pairRecurrence(sequence: PairSequence, start: StableState, options: StableOptions): StableResult {
  const pairs = sequence.keys[0]!.length;
  const repeat = <T>(all: T[]): T[] => all.flatMap((entry) => Array.from({ length: pairs }, () => entry));
  const steps: MemorySequence = {
    keys: sequence.keys.flat(),
    values: sequence.values.flat(),
    queries: repeat(sequence.queries),
    forget: repeat(sequence.forget),
    momentum: repeat(sequence.momentum),
    stepSize: repeat(sequence.stepSize),
    ...(sequence.mask ? { mask: repeat(sequence.mask) } : {}),
  };
  const result = stableRecurrence(steps, start, { ...options, chunk: options.chunk * pairs });
  const answering = options.read === "before" ? 0 : pairs - 1;
  return { ...result, outputs: result.outputs.filter((_, step) => step % pairs === answering) };
}

function guardedStepSize(open: OpenChunk, base: MemoryWeights, options: RecurrenceOptions): number {
  if (!options.guard) return open.stepSize.at(-1)!;
  const kernel = options.guard === "keys" ? keyKernel(open.keys) : tangentKernel(options.network, base, open.keys);
  return causalStepGuard({ ...open, kernel, kappa: options.kappa }).stepSize.at(-1)!;
}
