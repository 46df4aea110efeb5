/** Moneta and Yaad, token by token, with gradients frozen at the start of each chunk. */

import type { Matrix, Vector } from "./matrix.ts";
import { type MirasBias, type MirasSmoothing, mirasLoss, mirasOutputError } from "./miras-biases.ts";
import {
  type MirasGate,
  type MirasLayers,
  type MirasMemory,
  mirasApplyGate,
  mirasCombine,
  mirasForward,
  mirasPullBack,
} from "./miras-memory.ts";
import { type MirasLqMap, mirasLqDivisor, mirasLqView } from "./miras-retentions.ts";

export interface MirasSequence {
  keys: Matrix;
  values: Matrix;
  queries: Matrix;
  /** α: 1 keeps. One number, or one for each channel on the model axis. */
  retain: MirasGate[];
  /** η, likewise. */
  stepSize: MirasGate[];
  /** False: the slot changes no weight but keeps its place in the chunk grid. */
  mask?: boolean[];
}

/** What lives at test time, between any two tokens. */
export interface MirasState {
  /** The state of the recurrence: A for Moneta, W for Yaad, `log(W/c)` or W for Memora. */
  accumulator: MirasLayers;
  /** The weights at which the open chunk takes its gradients. */
  base: MirasLayers;
  /** The accumulator when the open chunk began. */
  opening: MirasLayers;
  /** Slots seen since the start of the stream. */
  position: number;
}

export interface MirasRun {
  outputs: Matrix;
  /** The loss at the gradient point; 0 for a masked token. */
  losses: Vector;
  /** The state of the recurrence after each token, and the weights that answered its query. */
  trace: { accumulator: MirasLayers; weights: MirasLayers }[];
  state: MirasState;
}

/** A stream that has seen nothing; the base is set by its first token. */
export function mirasInitialState(accumulator: MirasLayers): MirasState {
  return { accumulator, base: accumulator, opening: accumulator, position: 0 };
}

export interface MirasMonetaOptions {
  memory: MirasMemory;
  /** Exponent of the loss. */
  p: number;
  /** Without it, exact sign and power. */
  smooth?: MirasSmoothing;
  /** The dual exponent of the retention. */
  q: number;
  map: MirasLqMap;
  /** Added to the sum of powers under the divisor. */
  normGuard?: number;
  /** "frozen": all tokens of a chunk but the last are read at the scale of the chunk's start. */
  read: "exact" | "frozen";
  chunk: number;
}

/**
 * Eq 24-25 with Eq 28: the accumulator is carried un-normalised, and every weight matrix has its own divisor.
 *
 * $$A_t=\alpha_tA_{t-1}-\eta_t\nabla\ell_p(W_{t'};k_t,v_t),\qquad W_t=\frac{A_t}{\|A_t\|_q^{q-2}}$$
 */
export function mirasMoneta(sequence: MirasSequence, start: MirasState, options: MirasMonetaOptions): MirasRun {
  const { q, map, normGuard } = options;
  const divisors = (layers: MirasLayers): Vector => layers.map((layer) => mirasLqDivisor(layer.flat(), q, normGuard));
  const view = (layers: MirasLayers, scales: Vector): MirasLayers =>
    layers.map((layer, l) => layer.map((row) => mirasLqView(row, q, map, scales[l]!)));
  const bias: MirasBias = options.smooth
    ? { kind: "lp", p: options.p, smooth: options.smooth }
    : { kind: "lp", p: options.p };
  return descend(sequence, start, options, {
    bias: () => bias,
    base: (accumulator) => view(accumulator, divisors(accumulator)),
    read: (state) => {
      const last = state.position % options.chunk === 0;
      const frozen = options.read === "frozen" && !last;
      return view(state.accumulator, divisors(frozen ? state.opening : state.accumulator));
    },
  });
}

/** `A_0 = W_0 ‖W_0‖_q^{(q-2)/(3-q)}`: the accumulator whose printed view is W_0 (for q = 4, `W_0/‖W_0‖²`). */
export function mirasMonetaAccumulatorOf(weights: MirasLayers, q: number): MirasLayers {
  return weights.map((layer) => {
    const size = mirasLqDivisor(layer.flat(), q) ** (1 / (3 - q));
    return layer.map((row) => row.map((value) => value * size));
  });
}

export interface MirasYaadOptions {
  memory: MirasMemory;
  l1: "sign" | "direction";
  /** Of the tanh that replaces the sign; without it the sign is hard. */
  slope?: number;
  chunk: number;
}

/**
 * Eq 26 with Eq 28: below the threshold the halved ℓ2 gradient, above it δ times the ℓ1 gradient; the branch is
 * chosen by the norm of the residual at the chunk's start.
 *
 * $$W_t=\alpha_tW_{t-1}-\eta_t\nabla\ell_{\delta_t}(W_{t'};k_t,v_t)$$
 */
export function mirasYaad(
  sequence: MirasSequence & { threshold: Vector },
  start: MirasState,
  options: MirasYaadOptions,
): MirasRun {
  const smoothing = options.slope === undefined ? {} : { slope: options.slope };
  return descend(sequence, start, options, {
    bias: (t) => ({ kind: "huber-mixture", threshold: sequence.threshold[t]!, l1: options.l1, ...smoothing }),
    base: (accumulator) => accumulator,
    read: (state) => state.accumulator,
  });
}

/** The ℓ2 bias with the same retention as Yaad: the delta rule whose gradient is taken before the decay. */
export function mirasDelta(
  sequence: MirasSequence,
  start: MirasState,
  options: { memory: MirasMemory; chunk: number },
): MirasRun {
  return descend(sequence, start, options, {
    bias: () => ({ kind: "l2", scale: "half" }),
    base: (accumulator) => accumulator,
    read: (state) => state.accumulator,
  });
}

/** Tokens `[from, to)` of a sequence, with whatever else it holds for each token. */
export function sliceMirasSequence<S extends MirasSequence>(sequence: S, from: number, to: number): S {
  const sliced = { ...sequence };
  for (const name of Object.keys(sequence) as (keyof S)[]) {
    sliced[name] = (sequence[name] as unknown[]).slice(from, to) as S[keyof S];
  }
  return sliced;
}

interface Descent {
  bias(token: number): MirasBias;
  /** The gradient point of a chunk, from the accumulator at its start. */
  base(accumulator: MirasLayers): MirasLayers;
  /** The weights that answer a query, from the state after its token. */
  read(state: MirasState): MirasLayers;
}

function descend(
  sequence: MirasSequence,
  start: MirasState,
  { memory, chunk }: { memory: MirasMemory; chunk: number },
  model: Descent,
): MirasRun {
  let state = start;
  const run: Omit<MirasRun, "state"> = { outputs: [], losses: [], trace: [] };
  sequence.keys.forEach((key, t) => {
    if (state.position % chunk === 0) {
      state = { ...state, base: model.base(state.accumulator), opening: state.accumulator };
    }
    let { accumulator } = state;
    let loss = 0;
    if (sequence.mask?.[t] ?? true) {
      const value = sequence.values[t]!;
      const prediction = mirasForward(memory, state.base, key);
      const bias = model.bias(t);
      const gradient = mirasPullBack(memory, state.base, key, mirasOutputError(bias, prediction, value));
      const kept = mirasApplyGate(sequence.retain[t]!, accumulator);
      accumulator = mirasCombine(1, kept, -1, mirasApplyGate(sequence.stepSize[t]!, gradient));
      loss = mirasLoss(bias, prediction, value);
    }
    state = { ...state, accumulator, position: state.position + 1 };
    const weights = model.read(state);
    run.losses.push(loss);
    run.trace.push({ accumulator, weights });
    run.outputs.push(mirasForward(memory, weights, sequence.queries[t]!));
  });
  return { ...run, state };
}
