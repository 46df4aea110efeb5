/** The continuum memory system of Nested Learning: a chain of MLP blocks, each rewritten at its own period. */

import { activate, activationDerivative } from "./activations.ts";
import { add, dot, hadamard, type Matrix, matVec, outer, scale, transpose, type Vector, zeroVector } from "./matrix.ts";
import { rmsNorm } from "./norms.ts";
import { combine, zerosLike } from "./tree.ts";

/** `x + down gelu(up rmsNorm(x))` with gain [d], up [h, d], down [d, h] and the tanh form of GELU. */
export interface ContinuumBlock {
  gain: Vector;
  up: Matrix;
  down: Matrix;
}

export interface ContinuumLevel {
  /** C: the level is rewritten after every C tokens of the stream; Infinity never. */
  chunk: number;
  /** η, or η of each token by its place in the stream (0 is the first). */
  stepSize: number | ((token: number) => number);
}

export interface ContinuumOptions {
  /** One a block, in forward order. */
  levels: ContinuumLevel[];
  /**
   * "sequential": a chain, states move from their inits and are never reset within a context (Eq 70-71, 73).
   * "nested": a chain, each slower level resets the next faster one to an init that it rewrites (Eq 72, first order).
   * "independent": blocks side by side, joined by `weights` (Eq 74).
   */
  form?: "sequential" | "nested" | "independent";
  /** The weighted sum of Eq 74, one a block. */
  weights?: Vector;
  /** ε of the RMS norm. */
  epsilon: number;
  /** Which weights of a block are rewritten in context; default all three. */
  rewritten?: (keyof ContinuumBlock)[];
}

/** Loss of the output at a place of the stream (0 is the first token) and its slope; null: the token teaches nothing. */
export type ContinuumLoss = (output: Vector, token: number) => { value: number; slope: Vector } | null;

export interface ContinuumLevelState {
  /** θ: what reads. */
  state: ContinuumBlock;
  /** θ_0: where a new context, or a reset of Eq 72, begins. */
  init: ContinuumBlock;
  /** Σ η_t g_t of the open chunk. */
  pending: ContinuumBlock;
  /** Σ η_t g_t over the slower level's open chunk with the slower level's η; moves only in the nested form. */
  initPending: ContinuumBlock;
}

export interface ContinuumState {
  /** Tokens seen in this context. */
  position: number;
  /** One a block, in forward order. */
  levels: ContinuumLevelState[];
}

export interface ContinuumResult {
  /** [tokens, d], each read before the token's own update. */
  outputs: Matrix;
  /** 0 where the token teaches nothing. */
  losses: Vector;
  /** After every token: θ of each block, and θ_0. */
  trace: { states: ContinuumBlock[]; inits: ContinuumBlock[] }[];
  /** For each level the tokens, counted from 1, after which it was rewritten. */
  updates: number[][];
  /** For each level the tokens, counted from 1, after which it was reset to its init. */
  resets: number[][];
  state: ContinuumState;
}

export function initialContinuumState(blocks: ContinuumBlock[]): ContinuumState {
  return {
    position: 0,
    levels: blocks.map((block) => ({
      state: block,
      init: block,
      pending: zerosLike(block),
      initPending: zerosLike(block),
    })),
  };
}

/** A new context: every state at its init, nothing pending. */
export function newContinuumContext(state: ContinuumState): ContinuumState {
  return initialContinuumState(state.levels.map(({ init }) => init));
}

/** One block on one column. */
export function continuumBlock(block: ContinuumBlock, x: Vector, epsilon: number): Vector {
  const hidden = matVec(block.up, rmsNorm(x, block.gain, epsilon)).map((z) => activate("gelu-tanh", z));
  return add(x, matVec(block.down, hidden));
}

/** Gradient of a loss whose slope at the block's output is `slope`, with respect to the weights and the input. */
export function continuumBlockGradient(
  block: ContinuumBlock,
  x: Vector,
  slope: Vector,
  epsilon: number,
): { gradient: ContinuumBlock; inputSlope: Vector } {
  const size = Math.sqrt(dot(x, x) / x.length + epsilon);
  const normed = rmsNorm(x, block.gain, epsilon);
  const z = matVec(block.up, normed);
  const hidden = z.map((value) => activate("gelu-tanh", value));
  const hiddenSlope = matVec(transpose(block.down), slope);
  const preSlope = hadamard(
    hiddenSlope,
    z.map((value) => activationDerivative("gelu-tanh", value)),
  );
  const normedSlope = matVec(transpose(block.up), preSlope);
  const scaled = hadamard(block.gain, normedSlope);
  const along = dot(scaled, x) / (x.length * size ** 3);
  const normInputSlope = x.map((value, i) => scaled[i]! / size - along * value);
  return {
    gradient: {
      gain: x.map((value, i) => (normedSlope[i]! * value) / size),
      up: outer(preSlope, normed),
      down: outer(slope, hidden),
    },
    inputSlope: add(slope, normInputSlope),
  };
}

/** Eq 70, the chain in the order of `blocks`, or Eq 74, the weighted sum. */
export function continuumForward(blocks: ContinuumBlock[], x: Vector, options: ContinuumOptions): Vector {
  if (options.form === "independent") {
    return blocks
      .map((block, l) => scale(options.weights![l]!, continuumBlock(block, x, options.epsilon)))
      .reduce(add, zeroVector(x.length));
  }
  return blocks.reduce((hidden, block) => continuumBlock(block, hidden, options.epsilon), x);
}

/** Gradient of a loss with the given slope at the output, with respect to every block and the input. */
export function continuumGradient(
  blocks: ContinuumBlock[],
  x: Vector,
  slope: Vector,
  options: ContinuumOptions,
): { gradients: ContinuumBlock[]; inputSlope: Vector } {
  if (options.form === "independent") {
    const parts = blocks.map((block, l) =>
      continuumBlockGradient(block, x, scale(options.weights![l]!, slope), options.epsilon),
    );
    return {
      gradients: parts.map(({ gradient }) => gradient),
      inputSlope: parts.map((part) => part.inputSlope).reduce(add, zeroVector(x.length)),
    };
  }
  const inputs: Matrix = [];
  let hidden = x;
  for (const block of blocks) {
    inputs.push(hidden);
    hidden = continuumBlock(block, hidden, options.epsilon);
  }
  const gradients: ContinuumBlock[] = [];
  let inputSlope = slope;
  for (let l = blocks.length - 1; l >= 0; l--) {
    const part = continuumBlockGradient(blocks[l]!, inputs[l]!, inputSlope, options.epsilon);
    gradients.unshift(part.gradient);
    inputSlope = part.inputSlope;
  }
  return { gradients, inputSlope };
}

/**
 * Eq 70-74 for a stretch of a stream.
 *
 * $$\theta^{(\ell)}_{i+1}=\theta^{(\ell)}_i-\sum_{t=i-C+1}^{i}\eta_t\nabla_{\theta^{(\ell)}}\mathcal L(\theta_t;x_t)\quad\text{when } C\mid i,\ i\ge1$$
 *
 * C terms, a sum (R29). In the nested form, at a boundary of a level, `init -= Σ η^{slow}_t ∇L(state_t)` for the next faster
 * one, whose state then restarts there; own updates come first, then inits, then resets, so that the order of levels is no matter.
 */
export function continuumStream(
  start: ContinuumState,
  inputs: Matrix,
  loss: ContinuumLoss,
  options: ContinuumOptions,
): ContinuumResult {
  const { levels } = options;
  const slower = options.form === "nested" ? nextSlower(levels) : levels.map(() => null);
  const updates = levels.map(() => [] as number[]);
  const resets = levels.map(() => [] as number[]);
  const outputs: Matrix = [];
  const losses: Vector = [];
  const trace: ContinuumResult["trace"] = [];
  let { position } = start;
  let states = start.levels;

  for (const x of inputs) {
    const blocks = states.map(({ state }) => state);
    const output = continuumForward(blocks, x, options);
    const taught = loss(output, position);
    outputs.push(output);
    losses.push(taught?.value ?? 0);
    if (taught) {
      const { gradients } = continuumGradient(blocks, x, taught.slope, options);
      states = states.map((level, l) => {
        const gradient = rewrittenPart(gradients[l]!, options);
        const slow = slower[l] === null ? null : levels[slower[l]!]!;
        return {
          ...level,
          pending: combine(1, level.pending, stepSizeAt(levels[l]!, position), gradient),
          initPending: slow ? combine(1, level.initPending, stepSizeAt(slow, position), gradient) : level.initPending,
        };
      });
    }
    position += 1;
    states = states.map((level, l) => {
      let { state, init, pending, initPending } = level;
      if (position % levels[l]!.chunk === 0) {
        state = combine(1, state, -1, pending);
        pending = zerosLike(pending);
        updates[l]!.push(position);
      }
      if (slower[l] !== null && position % levels[slower[l]!]!.chunk === 0) {
        init = combine(1, init, -1, initPending);
        initPending = zerosLike(initPending);
        state = init;
        resets[l]!.push(position);
      }
      return { state, init, pending, initPending };
    });
    trace.push({ states: states.map(({ state }) => state), inits: states.map(({ init }) => init) });
  }
  return { outputs, losses, trace, updates, resets, state: { position, levels: states } };
}

/** For each level the index of the one with the next longer chunk, null for the slowest: independent of forward order. */
function nextSlower(levels: ContinuumLevel[]): (number | null)[] {
  const order = levels.map((_, l) => l).sort((a, b) => levels[a]!.chunk - levels[b]!.chunk);
  return levels.map((level, l) => {
    const next = order[order.indexOf(l) + 1];
    if (next === undefined) return null;
    const chunk = levels[next]!.chunk;
    if (chunk !== Infinity && chunk % level.chunk !== 0) {
      throw new RangeError(`continuumStream: nested chunks must divide each other, not ${level.chunk} and ${chunk}`);
    }
    return next;
  });
}

function stepSizeAt(level: ContinuumLevel, token: number): number {
  return typeof level.stepSize === "number" ? level.stepSize : level.stepSize(token);
}

function rewrittenPart(gradient: ContinuumBlock, options: ContinuumOptions): ContinuumBlock {
  const rewritten = options.rewritten ?? ["gain", "up", "down"];
  const still = zerosLike(gradient);
  return {
    gain: rewritten.includes("gain") ? gradient.gain : still.gain,
    up: rewritten.includes("up") ? gradient.up : still.up,
    down: rewritten.includes("down") ? gradient.down : still.down,
  };
}
