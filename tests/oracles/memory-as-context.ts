/** Memory as Context, Eq 21-25, segment by segment and row by row. */

import { type BranchGateKind, type BranchScales, branchGate } from "./branch-gate.ts";
import {
  initialLayerState,
  type LayerOptions,
  type LayerParameters,
  type LayerResult,
  type LayerState,
  memoryLayer,
} from "./layer.ts";
import { addMatrix, type Matrix, vecMat, zeroVector } from "./matrix.ts";
import { denseRead, gatedOutput, memoryQueries } from "./memory-reads.ts";
import { type AttentionParameters, type PositionedRow, positionedAttention } from "./positioned-attention.ts";

export interface MemoryAsContextParameters {
  /** [Np, dim]; no rows: no persistent memory. Never written to the memory. */
  persistent: Matrix;
  memory: LayerParameters;
  /** [inner, dim]: what was read, as a row for attention. */
  retrieved: Matrix;
  attention: AttentionParameters;
  gate: BranchScales;
}

export interface MemoryAsContextOptions {
  /** Of the memory; its `read` is not used, `contextRead` is. */
  memory: LayerOptions;
  attentionHeads: number;
  /** C, a multiple of the memory's chunk. */
  segment: number;
  gate: BranchGateKind;
  /**
   * "tokenExact": token j sees h_1..h_j, the second read is at the weights after token j.
   * "segmentEndNonCausal": token j sees all h of its segment, the second read is at the weights after the segment.
   */
  contextRead: "tokenExact" | "segmentEndNonCausal";
}

export interface MemoryAsContextState {
  /** Memory, surprise, and the convolution tails over the attended rows y. */
  layer: LayerState;
  /** [K - 1, inner]: the query convolution over the segments S; null without a convolution. */
  queryTail: Matrix | null;
}

export interface MemoryAsContextResult {
  /** [T, dim]; rows of masked slots are zero and mean nothing. */
  outputs: Matrix;
  state: MemoryAsContextState;
  /** One entry a segment, masked slots included. */
  segments: { retrieved: Matrix; attended: Matrix; written: LayerResult }[];
}

export function initialMemoryAsContextState(parameters: MemoryAsContextParameters): MemoryAsContextState {
  const layer = initialLayerState(parameters.memory);
  return { layer, queryTail: layer.tails?.query ?? null };
}

/**
 * One sequence x [T, dim] from the start of a segment; a shorter last segment ends the sequence.
 *
 * $$h=\mathcal M^*_{t-1}(q),\quad \tilde S=[P\,\|\,h\,\|\,S],\quad y=S+\mathrm{Attn}(\tilde S)_{\text{last }C},\quad
 * \mathcal M_t=\mathcal M_{t-1}(y),\quad o=y\otimes\mathcal M^*(y)$$
 *
 * @param masks of the slots, as for `memoryLayer`; a slot that is not valid is seen by nobody and keeps its place and its position
 * @throws RangeError if the state is inside a segment
 */
export function memoryAsContext(
  parameters: MemoryAsContextParameters,
  start: MemoryAsContextState,
  x: Matrix,
  options: MemoryAsContextOptions,
  masks: { valid?: boolean[]; store?: boolean[] } = {},
): MemoryAsContextResult {
  const { segment } = options;
  if (segment % options.memory.chunk !== 0)
    throw new RangeError(`memoryAsContext: segment ${segment} is no multiple of chunk ${options.memory.chunk}`);
  if (start.layer.memory[0]!.position % segment !== 0)
    throw new RangeError("memoryAsContext: the state lies inside a segment; start at a segment's first slot");
  let state = start;
  const outputs: Matrix = [];
  const segments: MemoryAsContextResult["segments"] = [];
  for (let from = 0; from < x.length; from += segment) {
    const cut = <T>(all: T[]): T[] => all.slice(from, from + segment);
    const result = oneSegment(parameters, state, cut(x), options, {
      ...(masks.valid ? { valid: cut(masks.valid) } : {}),
      ...(masks.store ? { store: cut(masks.store) } : {}),
    });
    outputs.push(...result.outputs);
    segments.push(result.parts);
    state = result.state;
  }
  return { outputs, state, segments };
}

function oneSegment(
  parameters: MemoryAsContextParameters,
  state: MemoryAsContextState,
  tokens: Matrix,
  options: MemoryAsContextOptions,
  masks: { valid?: boolean[]; store?: boolean[] },
): { outputs: Matrix; state: MemoryAsContextState; parts: MemoryAsContextResult["segments"][number] } {
  const { memory, persistent } = parameters;
  const causal = options.contextRead === "tokenExact";
  const valid = tokens.map((_, j) => masks.valid?.[j] ?? true);

  // Eq 21
  const first = memoryQueries(memory, options.memory.heads, state.queryTail, tokens, masks.valid);
  const oldMemories = state.layer.memory.map(({ weights }) => weights);
  const retrieved = denseRead(memory, options.memory, oldMemories, first.queries).map((row) =>
    vecMat(row, parameters.retrieved),
  );

  // Eq 22
  const firstRetrieved = persistent.length;
  const firstToken = firstRetrieved + tokens.length;
  const rows: PositionedRow[] = [
    ...persistent.map((p) => ({ x: p, position: null })),
    ...retrieved.map((h, j) => ({ x: h, position: j })),
    ...tokens.map((s, j) => ({ x: s, position: j })),
  ];

  // Eq 23: only the rows of the segment are asked for, so only their view has to be defined
  const visible = (i: number, key: number): boolean => {
    if (key < firstRetrieved) return true;
    const isRetrieved = key < firstToken;
    const slot = key - (isRetrieved ? firstRetrieved : firstToken);
    return valid[slot]! && (slot <= i - firstToken || (isRetrieved && !causal));
  };
  const wanted = tokens.flatMap((_, j) => (valid[j] ? [firstToken + j] : []));
  const attention = positionedAttention(parameters.attention, options.attentionHeads, rows, visible, wanted);
  const blank = zeroVector(tokens[0]!.length);
  const attended = addMatrix(
    tokens,
    valid.map((isValid) => (isValid ? attention.shift()! : blank)),
  );

  // Eq 24
  const written = memoryLayer(memory, state.layer, attended, { ...options.memory, read: "after" }, masks);

  // Eq 25
  let remembered = written.outputs;
  if (!causal) {
    const second = memoryQueries(memory, options.memory.heads, state.layer.tails?.query ?? null, attended, masks.valid);
    const newMemories = written.state.memory.map(({ weights }) => weights);
    remembered = gatedOutput(memory, attended, denseRead(memory, options.memory, newMemories, second.queries));
  }
  const gated = branchGate(options.gate, attended, remembered, parameters.gate);
  return {
    outputs: gated.map((row, j) => (valid[j] ? row : blank)),
    state: { layer: written.state, queryTail: first.tail },
    parts: { retrieved, attended, written },
  };
}
