/** Memora, token by token: every row of every weight matrix is a positive slice with a fixed sum. */

import type { Vector } from "./matrix.ts";
import { mirasLoss, mirasOutputError } from "./miras-biases.ts";
import {
  type MirasLayers,
  type MirasMemory,
  mirasApplyGate,
  mirasCombine,
  mirasForward,
  mirasPullBack,
} from "./miras-memory.ts";
import { type MirasRun, type MirasSequence, type MirasState, mirasInitialState } from "./miras-models.ts";
import { mirasSoftmax } from "./miras-retentions.ts";

export interface MirasMemoraOptions {
  memory: MirasMemory;
  /** c: what each row sums to, one number a layer in the order of application. */
  totals: Vector;
  /** What is linear after the lag token: the logarithm of the weights, or the weights themselves. */
  tail: "log" | "weights";
  /** Smallest weight that the lag token of the "weights" tail sees; null takes the logarithm of what is there. */
  floor: number | null;
  chunk: number;
}

/** A stream that starts from free logits Θ: `W = c Softmax(Θ)` row by row. */
export function mirasMemoraInitialState(logits: MirasLayers, options: MirasMemoraOptions): MirasState {
  return mirasInitialState(options.tail === "log" ? logits : mirasMemoraWeights(logits, options.totals));
}

/** `c Softmax(L)` row by row. */
export function mirasMemoraWeights(logWeights: MirasLayers, totals: Vector): MirasLayers {
  return logWeights.map((layer, l) => layer.map((row) => mirasSoftmax(row).map((share) => totals[l]! * share)));
}

/** `log(W/c)`. */
export function mirasMemoraLogits(weights: MirasLayers, totals: Vector): MirasLayers {
  return weights.map((layer, l) => layer.map((row) => row.map((w) => Math.log(w / totals[l]!))));
}

/** Log-softmax of each row: it never takes the logarithm of a weight that has become 0. */
function normaliseLogits(logits: MirasLayers): MirasLayers {
  return logits.map((layer) =>
    layer.map((row) => {
      const largest = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      return row.map((value) => value - largest - Math.log(sum));
    }),
  );
}

/**
 * Eq 27 with the chunks of Eq 30-32. The first slot of a chunk is the lag token: it takes one whole step, and the
 * weights after it are where the other tokens of the chunk take their gradients. Gates act on the rows of the last
 * layer; an earlier layer gets the mean of the channels.
 *
 * $$W_1=c\,\mathrm{Softmax}(\alpha_1\log W_0-\eta_1\nabla\ell_2(W_0)),\qquad X_t=\alpha_tX_{t-1}-\eta_t\nabla\ell_2(W_1)\ (t\ge2),\quad X=\log W\ \text{or}\ W$$
 *
 * A masked slot changes no weight, also at a chunk's start, where the others then use the weights that it found.
 */
export function mirasMemora(sequence: MirasSequence, start: MirasState, options: MirasMemoraOptions): MirasRun {
  const { memory, totals, tail, chunk } = options;
  const view = (accumulator: MirasLayers): MirasLayers =>
    tail === "log" ? mirasMemoraWeights(accumulator, totals) : accumulator;
  let state = start;
  const run: Omit<MirasRun, "state"> = { outputs: [], losses: [], trace: [] };
  sequence.keys.forEach((key, t) => {
    const lag = state.position % chunk === 0;
    if (lag) state = { ...state, base: view(state.accumulator), opening: state.accumulator };
    let { accumulator, base } = state;
    let loss = 0;
    if (sequence.mask?.[t] ?? true) {
      if (lag && tail === "weights") base = backToRows(base, totals, options.floor);
      const prediction = mirasForward(memory, base, key);
      const value = sequence.values[t]!;
      const error = mirasOutputError({ kind: "l2", scale: "half" }, prediction, value);
      loss = mirasLoss({ kind: "l2", scale: "half" }, prediction, value);
      const step = mirasApplyGate(sequence.stepSize[t]!, mirasPullBack(memory, base, key, error), true);
      let before = accumulator;
      if (lag) before = tail === "log" ? normaliseLogits(accumulator) : mirasMemoraLogits(base, totals);
      accumulator = mirasCombine(1, mirasApplyGate(sequence.retain[t]!, before, true), -1, step);
      if (lag) {
        base = mirasMemoraWeights(accumulator, totals);
        if (tail === "weights") accumulator = base;
      }
    }
    state = { ...state, accumulator, base, position: state.position + 1 };
    const weights = view(accumulator);
    run.losses.push(loss);
    run.trace.push({ accumulator, weights });
    run.outputs.push(mirasForward(memory, weights, sequence.queries[t]!));
  });
  return { ...run, state };
}

/** Clamps to the floor and scales each row back to its sum. */
function backToRows(weights: MirasLayers, totals: Vector, floor: number | null): MirasLayers {
  if (floor === null) return weights;
  return weights.map((layer, l) =>
    layer.map((row) => {
      const clamped = row.map((w) => Math.max(w, floor));
      const sum = clamped.reduce((total, w) => total + w, 0);
      return clamped.map((w) => (totals[l]! * w) / sum);
    }),
  );
}
