/** Memory as Gate, Eq 26-28, and Memory as Layer, Eq 29-31: a memory and a sliding window over the whole sequence. */

import { type BranchGateKind, type BranchScales, branchEpsilon, branchGate } from "./branch-gate.ts";
import {
  initialLayerState,
  type LayerOptions,
  type LayerParameters,
  type LayerResult,
  type LayerState,
  memoryLayer,
} from "./layer.ts";
import { prefixWindowMask, slidingWindowMask } from "./masks.ts";
import { addMatrix, type Matrix, type Vector, zeroVector } from "./matrix.ts";
import { rmsNorm } from "./norms.ts";
import { type AttentionParameters, positionedAttention } from "./positioned-attention.ts";

export interface MemoryAsGateParameters {
  /** [Np, dim]; no rows: no persistent memory. */
  persistent: Matrix;
  memory: LayerParameters;
  attention: AttentionParameters;
  gate: BranchScales;
}

export interface MemoryAsLayerParameters {
  persistent: Matrix;
  memory: LayerParameters;
  /** Scale of the RMSNorm between memory and attention, [dim]. */
  attentionNorm: Vector;
  attention: AttentionParameters;
}

export interface WindowOptions {
  memory: LayerOptions;
  attentionHeads: number;
  /** A token sees itself and `window - 1` predecessors. */
  window: number;
}

export interface MemoryAsGateOptions extends WindowOptions {
  gate: BranchGateKind;
}

export interface MemoryAsLayerOptions extends WindowOptions {
  /** Prefix columns stay visible to every token and are not rotated, as in Memory as Gate. Default: Eq 31 as printed. */
  visiblePrefix?: boolean;
}

export interface WindowedState {
  layer: LayerState;
  /** Attention's input rows for the prefix, [Np, dim]. */
  prefix: Matrix;
  /** Attention's input rows for all valid tokens so far; an implementation needs the last `window - 1` only. */
  past: Matrix;
}

export interface WindowedResult {
  /** [T, dim]; rows of masked slots are zero and mean nothing. */
  outputs: Matrix;
  state: WindowedState;
  written: LayerResult;
}

interface SlotMasks {
  valid?: boolean[];
  store?: boolean[];
}

/** Eq 26: the prefix is in memory and in view before the first token; the tokens' chunk grid begins after it. */
export function initialMemoryAsGateState(
  parameters: MemoryAsGateParameters,
  options: MemoryAsGateOptions,
): WindowedState {
  const { layer } = writePrefix(parameters.memory, parameters.persistent, options.memory);
  return { layer, prefix: parameters.persistent, past: [] };
}

/**
 * Eq 26-28 for one sequence x [T, dim], from any point of a stream.
 *
 * $$\tilde x=[P\,\|\,x],\qquad y=\text{SW-Attn}^*(\tilde x),\qquad o=y\otimes\mathcal M(\tilde x)$$
 *
 * @param masks as for `memoryLayer`; a slot that is not valid is seen by nobody and is no distance in the window
 */
export function memoryAsGate(
  parameters: MemoryAsGateParameters,
  start: WindowedState,
  x: Matrix,
  options: MemoryAsGateOptions,
  masks: SlotMasks = {},
): WindowedResult {
  const written = memoryLayer(parameters.memory, start.layer, x, { ...options.memory, read: "after" }, masks);
  const { attended, past } = attendWindow(parameters.attention, start, x, options, true, masks.valid);
  const gated = branchGate(options.gate, attended, written.outputs, parameters.gate);
  return {
    outputs: blankMasked(gated, masks.valid),
    state: { ...start, layer: written.state, past },
    written,
  };
}

/** Eq 29: as in Memory as Gate, but attention sees what the memory answers to the prefix. */
export function initialMemoryAsLayerState(
  parameters: MemoryAsLayerParameters,
  options: MemoryAsLayerOptions,
): WindowedState {
  const { layer, outputs } = writePrefix(parameters.memory, parameters.persistent, options.memory);
  return { layer, prefix: normalised(parameters, outputs), past: [] };
}

/**
 * Eq 29-31 for one sequence x [T, dim], from any point of a stream.
 *
 * $$\tilde x=[P\,\|\,x],\qquad y=\mathcal M(\tilde x),\qquad o=y+\text{SW-Attn}(\mathrm{RMSNorm}(y))$$
 */
export function memoryAsLayer(
  parameters: MemoryAsLayerParameters,
  start: WindowedState,
  x: Matrix,
  options: MemoryAsLayerOptions,
  masks: SlotMasks = {},
): WindowedResult {
  const written = memoryLayer(parameters.memory, start.layer, x, { ...options.memory, read: "after" }, masks);
  const { attended, past } = attendWindow(
    parameters.attention,
    start,
    normalised(parameters, written.outputs),
    options,
    options.visiblePrefix ?? false,
    masks.valid,
  );
  return {
    outputs: blankMasked(addMatrix(written.outputs, attended), masks.valid),
    state: { ...start, layer: written.state, past },
    written,
  };
}

function normalised(parameters: MemoryAsLayerParameters, y: Matrix): Matrix {
  return y.map((row) => rmsNorm(row, parameters.attentionNorm, branchEpsilon));
}

/** Runs the prefix through a fresh memory in chunks of its own and puts the next token at slot 0 of the grid. */
function writePrefix(
  memory: LayerParameters,
  persistent: Matrix,
  options: LayerOptions,
): { layer: LayerState; outputs: Matrix } {
  const { state, outputs } = memoryLayer(memory, initialLayerState(memory), persistent, { ...options, read: "after" });
  return { layer: { ...state, memory: state.memory.map((head) => ({ ...head, position: 0 })) }, outputs };
}

/** The window over prefix, past and new rows, from scratch each time; rows of slots that are not valid are zero. */
function attendWindow(
  attention: AttentionParameters,
  start: WindowedState,
  x: Matrix,
  options: WindowOptions,
  visiblePrefix: boolean,
  valid?: boolean[],
): { attended: Matrix; past: Matrix } {
  const past = [...start.past, ...x.filter((_, t) => valid?.[t] ?? true)];
  const prefix = start.prefix.length;
  const firstNew = prefix + start.past.length;
  const rows = [...start.prefix, ...past].map((row, i) => ({
    x: row,
    position: visiblePrefix && i < prefix ? null : i,
  }));
  const wanted = past.slice(start.past.length).map((_, n) => firstNew + n);
  const mask = visiblePrefix ? prefixWindowMask(options.window, prefix) : slidingWindowMask(options.window);
  const attended = positionedAttention(attention, options.attentionHeads, rows, mask, wanted);
  return { attended: x.map((row, t) => ((valid?.[t] ?? true) ? attended.shift()! : zeroVector(row.length))), past };
}

function blankMasked(x: Matrix, valid?: boolean[]): Matrix {
  return x.map((row, t) => ((valid?.[t] ?? true) ? row : zeroVector(row.length)));
}
