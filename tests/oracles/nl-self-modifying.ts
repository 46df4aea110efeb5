/** Self-modifying Titans of Nested Learning, one head, token by token, with every token's weights materialised. */

import { type Activation, activate, activationDerivative, sigmoid } from "./activations.ts";
import {
  add,
  addMatrix,
  dot,
  hadamard,
  identity,
  type Matrix,
  matMul,
  matVec,
  norm,
  outer,
  scale,
  scaleMatrix,
  subtract,
  transpose,
  type Vector,
} from "./matrix.ts";
import { l2Normalise } from "./norms.ts";
import { combine, zerosLike } from "./tree.ts";

/** `W x`, or Eq 89 `x + W_1 σ(W_2 x)` with `inward` W_2 [h, d] and `outward` W_1 [d, h]. */
export type SelfModifyingMemory = { kind: "matrix"; weight: Matrix } | { kind: "mlp"; inward: Matrix; outward: Matrix };

export type SelfModifyingName = "key" | "value" | "stepSize" | "retain" | "memory" | "query";

/** `query` is there only for an adaptive query (R37). */
export type SelfModifyingMemories = Record<Exclude<SelfModifyingName, "query">, SelfModifyingMemory> & {
  query?: SelfModifyingMemory;
};

/** Everything of the update that is no weight. */
export interface SelfModifyingRule {
  /** σ of Eq 89; SiLU if absent. */
  activation?: Activation;
  /** "dgd": the L2 bias (Eq 88, 93), "delta": the dot-product bias with the sign of R43 (Eq 92). Default "dgd". */
  rule?: "dgd" | "delta";
  /** False drops `- η k kᵀ` (without DGD). */
  erase?: boolean;
  /** For an MLP: erase on both layers, or on W_2 alone, W_1 being scaled by α (R40). Default "all". */
  eraseLayers?: "all" | "input";
  /** ε of `a / max(‖a‖, ε)`, the unit input of W_1; default 1e-6. */
  eraseFloor?: number;
  /** μ of R44: `S_t = μ S_{t-1} - η ∇L`; default 0. */
  momentum?: number;
}

export interface SelfModifyingOptions extends SelfModifyingRule {
  /** Tokens that share one state of `memory`. */
  memoryChunk: number;
  /** Tokens that share one state of all other memories. */
  projectionChunk: number;
  /** η = maxStepSize sigmoid(mean(M_η(x)) + stepSizeBias). */
  maxStepSize: number;
  stepSizeBias: number;
  /** α = sigmoid(mean(M_α(x)) + retainBias). */
  retainBias: number;
  /** ε of the l2 norm `x / sqrt(‖x‖² + ε)` of queries and keys. */
  normaliseEpsilon: number;
  /** The read of `memory`: frozen at the chunk's start (Eq 90), or the state just before the token (Eq 86). Default "chunk". */
  readState?: "chunk" | "running";
  /** False sets α = 1. */
  decay?: boolean;
  /** Memories that are never written: static maps (without inner projection). */
  frozen?: SelfModifyingName[];
  /** Mixes the last `length` raw rows of a branch, oldest first, fewer at the start of a stream; default: the last row. */
  convolution?: { length: number; mix: (branch: SelfModifyingBranch, window: Matrix) => Vector };
}

export type SelfModifyingBranch = "query" | "key" | "value";

/** What lives between two tokens. */
export interface SelfModifyingState {
  /** M_t. */
  memories: SelfModifyingMemories;
  /** M_{τ(t)}: the states when each memory's open chunk began. */
  bases: SelfModifyingMemories;
  /** S_t of R44. */
  surprises: SelfModifyingMemories;
  /** Tokens seen since the start of the stream. */
  position: number;
  /** The last `length - 1` rows of each branch before the convolution. */
  tails: Record<SelfModifyingBranch, Matrix>;
}

/** x [tokens, d], with raw queries [tokens, d] or a static W_q [d, d], or neither when `memories.query` makes them. */
export interface SelfModifyingInputs {
  x: Matrix;
  queries?: Matrix;
  queryWeight?: Matrix;
}

export interface SelfModifyingToken {
  /** After the norm. */
  query: Vector;
  key: Vector;
  value: Vector;
  stepSize: number;
  retain: number;
  /** v̂ of each memory (Eq 84). */
  targets: Partial<Record<SelfModifyingName, Vector>>;
  /** All memories after the token. */
  memories: SelfModifyingMemories;
}

export interface SelfModifyingResult {
  /** [tokens, d]. */
  outputs: Matrix;
  trace: SelfModifyingToken[];
  state: SelfModifyingState;
}

export function initialSelfModifyingState(memories: SelfModifyingMemories): SelfModifyingState {
  return {
    memories,
    bases: memories,
    surprises: zerosLike(memories),
    position: 0,
    tails: { query: [], key: [], value: [] },
  };
}

/** `M(x)`. */
export function selfModifyingForward(memory: SelfModifyingMemory, x: Vector, activation: Activation = "silu"): Vector {
  if (memory.kind === "matrix") return matVec(memory.weight, x);
  const hidden = matVec(memory.inward, x).map((z) => activate(activation, z));
  return add(x, matVec(memory.outward, hidden));
}

/** The loss of Eq 85, `½‖M(k) - v̂‖²`, or `-⟨M(k), v̂⟩` for the delta rule; v̂ is a constant (R39). */
export function selfModifyingLoss(
  memory: SelfModifyingMemory,
  key: Vector,
  target: Vector,
  rule: SelfModifyingRule = {},
): number {
  const output = selfModifyingForward(memory, key, rule.activation);
  if (rule.rule === "delta") return -dot(output, target);
  const error = subtract(output, target);
  return dot(error, error) / 2;
}

/** Gradient of `selfModifyingLoss` with respect to the memory's weights, written out by hand. */
export function selfModifyingGradient(
  memory: SelfModifyingMemory,
  key: Vector,
  target: Vector,
  rule: SelfModifyingRule = {},
): SelfModifyingMemory {
  const activation = rule.activation ?? "silu";
  const output = selfModifyingForward(memory, key, activation);
  const error = rule.rule === "delta" ? scale(-1, target) : subtract(output, target);
  if (memory.kind === "matrix") return { kind: "matrix", weight: outer(error, key) };
  const z = matVec(memory.inward, key);
  const slopes = z.map((value) => activationDerivative(activation, value));
  const hidden = z.map((value) => activate(activation, value));
  return {
    kind: "mlp",
    inward: outer(hadamard(matVec(transpose(memory.outward), error), slopes), key),
    outward: outer(error, hidden),
  };
}

export interface SelfModifyingWrite {
  key: Vector;
  /** v̂. */
  target: Vector;
  retain: number;
  stepSize: number;
}

/**
 * One token's write into one memory (Eq 88, 90, 92, 93): gradient at `base`, erase on `running`.
 *
 * $$S_t=\mu S_{t-1}-\eta_t\nabla\mathcal L(\mathcal M_{\tau};k_t,\hat v_t),\qquad\mathcal M_t=\mathcal M_{t-1}(\alpha_tI-\eta_tk_tk_t^\top)+S_t$$
 *
 * An MLP takes it layer by layer (R40); the unit input of W_1 comes from `base`, like the gradient.
 */
export function selfModifyingUpdate(
  running: SelfModifyingMemory,
  base: SelfModifyingMemory,
  write: SelfModifyingWrite,
  rule: SelfModifyingRule = {},
  surprise: SelfModifyingMemory = zerosLike(running),
): { memory: SelfModifyingMemory; surprise: SelfModifyingMemory } {
  const { key, target, retain, stepSize } = write;
  const gradient = selfModifyingGradient(base, key, target, rule);
  const nextSurprise = combine(rule.momentum ?? 0, surprise, -stepSize, gradient);
  const transition = (input: Vector, erases: boolean): Matrix =>
    addMatrix(scaleMatrix(retain, identity(input.length)), scaleMatrix(erases ? -stepSize : 0, outer(input, input)));
  const erase = rule.erase ?? true;
  let kept: SelfModifyingMemory;
  if (running.kind === "matrix") {
    kept = { kind: "matrix", weight: matMul(running.weight, transition(key, erase)) };
  } else {
    if (base.kind !== "mlp") throw new RangeError("selfModifyingUpdate: running and base differ in kind");
    const hidden = matVec(base.inward, key).map((z) => activate(rule.activation ?? "silu", z));
    const unit = scale(1 / Math.max(norm(hidden), rule.eraseFloor ?? 1e-6), hidden);
    const eraseOutward = erase && (rule.eraseLayers ?? "all") === "all";
    kept = {
      kind: "mlp",
      inward: matMul(running.inward, transition(key, erase)),
      outward: matMul(running.outward, transition(unit, eraseOutward)),
    };
  }
  return { memory: combine(1, kept, 1, nextSurprise), surprise: nextSurprise };
}

/**
 * Eq 83-90 for a stretch of a stream.
 *
 * $$y_t=\mathcal M_{memory,\tau(t)}(q_t),\quad(k,v,\eta,\alpha)_t=\mathcal M_{\square,\tau(t)}(x_t),\quad\hat v_{\square,t}=\mathcal M_{\square,\tau(t)}(v_t),\qquad\tau(t)=C(\lceil t/C\rceil-1)$$
 *
 * Both chunk sizes 1 give Eq 86-88. The branches q, k, v are convolved, then q and k normalised. Chunks keep their grid across calls.
 */
export function selfModifyingTitans(
  start: SelfModifyingState,
  inputs: SelfModifyingInputs,
  options: SelfModifyingOptions,
): SelfModifyingResult {
  const activation = options.activation ?? "silu";
  const names = (Object.keys(start.memories) as SelfModifyingName[]).filter((name) => start.memories[name]);
  const sources = [inputs.queries, inputs.queryWeight, start.memories.query].filter((source) => source !== undefined);
  if (sources.length !== 1) throw new RangeError(`selfModifyingTitans: ${sources.length} sources of queries, not 1`);
  const length = options.convolution?.length ?? 1;
  const outputs: Matrix = [];
  const trace: SelfModifyingToken[] = [];
  let state = start;

  inputs.x.forEach((x, t) => {
    const bases = { ...state.bases };
    for (const name of names) {
      const chunk = name === "memory" ? options.memoryChunk : options.projectionChunk;
      if (state.position % chunk === 0) bases[name] = state.memories[name]!;
    }
    const read = (name: SelfModifyingName, input: Vector): Vector =>
      selfModifyingForward(bases[name]!, input, activation);

    const raw = {
      query: inputs.queries?.[t] ?? (inputs.queryWeight ? matVec(inputs.queryWeight, x) : read("query", x)),
      key: read("key", x),
      value: read("value", x),
    };
    const tails = { ...state.tails };
    const mixed = (branch: SelfModifyingBranch): Vector => {
      const window = [...state.tails[branch], raw[branch]];
      tails[branch] = length > 1 ? window.slice(-(length - 1)) : [];
      return options.convolution ? options.convolution.mix(branch, window) : raw[branch];
    };
    const query = l2Normalise(mixed("query"), options.normaliseEpsilon);
    const key = l2Normalise(mixed("key"), options.normaliseEpsilon);
    const value = mixed("value");
    const stepSize = options.maxStepSize * sigmoid(mean(read("stepSize", x)) + options.stepSizeBias);
    const retain = (options.decay ?? true) ? sigmoid(mean(read("retain", x)) + options.retainBias) : 1;

    const reader = options.readState === "running" ? state.memories.memory : bases.memory;
    outputs.push(selfModifyingForward(reader, query, activation));

    const memories = { ...state.memories };
    const surprises = { ...state.surprises };
    const targets: SelfModifyingToken["targets"] = {};
    for (const name of names) {
      targets[name] = read(name, value);
      if (options.frozen?.includes(name)) continue;
      const write = { key, target: targets[name], retain, stepSize };
      const next = selfModifyingUpdate(memories[name]!, bases[name]!, write, options, surprises[name]!);
      memories[name] = next.memory;
      surprises[name] = next.surprise;
    }
    trace.push({ query, key, value, stepSize, retain, targets, memories });
    state = { memories, bases, surprises, position: state.position + 1, tails };
  });
  return { outputs, trace, state };
}

function mean(values: Vector): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
