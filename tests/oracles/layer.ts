/** The long-term memory layer of section 8.1, steps 2 to 8: everything between the pre-norm and the residual. */

import { activate, sigmoid } from "./activations.ts";
import { project } from "./attention.ts";
import { causalConvolution } from "./convolution.ts";
import { add, hadamard, headColumns, type Matrix, type Vector, zeroMatrix } from "./matrix.ts";
import type { MemoryNetwork, MemoryWeights } from "./memory-mlp.ts";
import { l2Normalise, rmsNorm } from "./norms.ts";
import type { GuardKind } from "./step-guard.ts";
import { initialMemoryState, type MemoryState, type ReadMode, titansRecurrence } from "./titans.ts";

/** `inner = heads * headDim`; head h owns columns `[h headDim, (h + 1) headDim)`. Projections act on rows: `u @ W`. */
export interface LayerParameters {
  /** [dim, inner] each. */
  query: Matrix;
  key: Matrix;
  value: Matrix;
  /** Filters [K, inner] each, tap K - 1 on the current token; null leaves the convolution out. */
  convolution: { query: Matrix; key: Matrix; value: Matrix } | null;
  /** [dim, 3 heads]: forget heads, then momentum heads, then step heads. */
  gateWeight: Matrix;
  /** [3 heads]. */
  gateBias: Vector;
  /** M_0 of each head. */
  memory: MemoryWeights[];
  /** Scale of the per-head RMSNorm of the read, [heads, headDim]. */
  readNorm: Matrix;
  /** [dim, inner]. */
  outputGate: Matrix;
  /** [inner, dim]. */
  output: Matrix;
}

export interface LayerOptions {
  heads: number;
  network: MemoryNetwork;
  kappa: number;
  chunk: number;
  read: ReadMode;
  /** θ = maxStep sigmoid(logit). */
  maxStep: number;
  /** η = min(maxMomentum, sigmoid(logit)); without it the sigmoid alone. */
  maxMomentum?: number;
  guard?: GuardKind;
  decay?: boolean;
  carrySurprise?: boolean;
  normaliseValues?: boolean;
}

export interface LayerState {
  /** [K - 1, inner] each, before the convolution; null without one. */
  tails: { query: Matrix; key: Matrix; value: Matrix } | null;
  /** One a head. */
  memory: MemoryState[];
}

export interface LayerResult {
  /** [T, dim]. */
  outputs: Matrix;
  state: LayerState;
  /** [heads, T] each. */
  forget: Matrix;
  momentum: Matrix;
  /** After the guard. */
  stepSize: Matrix;
  losses: Matrix;
  gradientNorms: Matrix;
}

/** Both the l2 norm of queries and keys and the RMSNorm of the read use it. */
const epsilon = 1e-6;

export function initialLayerState(parameters: LayerParameters): LayerState {
  const { convolution } = parameters;
  const tail = (taps: Matrix): Matrix => zeroMatrix(taps.length - 1, taps[0]!.length);
  return {
    tails: convolution && {
      query: tail(convolution.query),
      key: tail(convolution.key),
      value: tail(convolution.value),
    },
    memory: parameters.memory.map((weights) => initialMemoryState(weights)),
  };
}

/**
 * Steps 2 to 8 for one sequence u [T, dim].
 *
 * @param masks `valid`: false slots change no memory, momentum or tail; `store`: false slots have step size 0 (read only)
 */
export function memoryLayer(
  parameters: LayerParameters,
  state: LayerState,
  u: Matrix,
  options: LayerOptions,
  masks: { valid?: boolean[]; store?: boolean[] } = {},
): LayerResult {
  const { heads } = options;
  const headDim = parameters.output.length / heads;
  const branches = ["query", "key", "value"] as const;
  const tails: LayerState["tails"] = state.tails && { ...state.tails };

  const mixed = { query: [] as Matrix, key: [] as Matrix, value: [] as Matrix };
  for (const branch of branches) {
    let x = project(u, parameters[branch]);
    if (parameters.convolution && tails) {
      const convolved = causalConvolution(x, parameters.convolution[branch], tails[branch], masks.valid);
      x = convolved.outputs;
      tails[branch] = convolved.tail;
    }
    mixed[branch] = x.map((row) => row.map((value) => activate("silu", value)));
  }

  const gates = project(u, parameters.gateWeight).map((row) => add(row, parameters.gateBias).map(sigmoid));
  const gateOfHead = (kind: number, head: number): Vector => gates.map((row) => row[kind * heads + head]!);
  const normalised = (x: Matrix, head: number): Matrix =>
    headColumns(x, head, headDim).map((row) => l2Normalise(row, epsilon));

  const results = Array.from({ length: heads }, (_, head) => {
    const forget = gateOfHead(0, head);
    const momentum = gateOfHead(1, head).map((gate) => Math.min(gate, options.maxMomentum ?? 1));
    const stepSize = gateOfHead(2, head).map((gate, t) => ((masks.store?.[t] ?? true) ? options.maxStep * gate : 0));
    const values = options.normaliseValues ? normalised(mixed.value, head) : headColumns(mixed.value, head, headDim);
    const sequence = {
      queries: normalised(mixed.query, head),
      keys: normalised(mixed.key, head),
      values,
      forget,
      momentum,
      stepSize,
      ...(masks.valid ? { mask: masks.valid } : {}),
    };
    const result = titansRecurrence(sequence, state.memory[head]!, options);
    const read = result.outputs.map((row) => rmsNorm(row, parameters.readNorm[head]!, epsilon));
    return { ...result, read, forget, momentum };
  });

  const gated = project(u, parameters.outputGate).map((row, t) =>
    hadamard(
      row.map(sigmoid),
      results.flatMap((result) => result.read[t]!),
    ),
  );
  return {
    outputs: project(gated, parameters.output),
    state: { tails, memory: results.map((result) => result.state) },
    forget: results.map((result) => result.forget),
    momentum: results.map((result) => result.momentum),
    stepSize: results.map((result) => result.stepSizes),
    losses: results.map((result) => result.losses),
    gradientNorms: results.map((result) => result.gradientNorms),
  };
}
