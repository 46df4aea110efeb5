/** The cases in which each architecture is compared with its oracle, and the comparison. */
import type { Tensor, Tree } from "../../src/array/index.ts";
import type { MemoryWeights } from "../../src/common/index.ts";
import { randomSequences, toNumbers } from "../common/tensors.ts";
import {
  type Architecture,
  type ArchitectureResult,
  contextLayer,
  dim,
  gateLayer,
  layerLayer,
  memoryAlone,
  type SlotMasks,
} from "./architecture-cases.ts";
import { rounded } from "./memory-cases.ts";
import { expectMemory, expectNear } from "./memory-runs.ts";

/** A layer, and what is special about its sequences. */
export interface ArchitectureCase {
  readonly name: string;
  readonly layer: Architecture;
  /** 11 by default: open chunks and an open segment. */
  readonly tokens?: number;
  readonly masks?: readonly SlotMasks[];
}

/** Of two sequences, the first ends early and the second has gaps; some tokens are only read with. */
function gaps(tokens: number): SlotMasks[] {
  const slots = Array.from({ length: tokens }, (_, t) => t);
  return [
    { valid: slots.map((t) => t < tokens - 2), store: slots.map((t) => t !== 1 && t !== 6) },
    { valid: slots.map((t) => t !== 0 && t !== 5 && t !== 6), store: slots.map((t) => t < 7) },
  ];
}

export const contextCases: ArchitectureCase[] = [
  { name: "segments of two chunks", layer: contextLayer() },
  { name: "no persistent tokens", layer: contextLayer({ persistentTokens: 0 }) },
  { name: "one segment for all, the gate silu", layer: contextLayer({ segment: 12, gate: "silu" }) },
  { name: "segments of one chunk, the gate product", layer: contextLayer({ segment: 2, gate: "product" }) },
  { name: "the gate sum, a linear memory", layer: contextLayer({ gate: "sum", memory: { depth: 1 } }) },
  { name: "read at the segment's end", layer: contextLayer({ read: "segmentEndNonCausal" }) },
  { name: "one token", layer: contextLayer(), tokens: 1 },
  { name: "empty and read-only slots", layer: contextLayer(), masks: gaps(11) },
  { name: "empty slots, read at the end", layer: contextLayer({ read: "segmentEndNonCausal" }), masks: gaps(11) },
];

export const gateCases: ArchitectureCase[] = [
  { name: "persistent tokens of one chunk and a half", layer: gateLayer() },
  { name: "no persistent tokens", layer: gateLayer({ persistentTokens: 0 }) },
  {
    name: "fewer persistent tokens than a chunk, the gate silu",
    layer: gateLayer({ gate: "silu", memory: { chunkSize: 4 } }),
  },
  { name: "a window longer than the sequence, the gate product", layer: gateLayer({ window: 20, gate: "product" }) },
  { name: "the gate sum, a linear memory", layer: gateLayer({ gate: "sum", memory: { depth: 1 } }) },
  { name: "empty and read-only slots", layer: gateLayer(), masks: gaps(11) },
];

export const layerCases: ArchitectureCase[] = [
  { name: "three persistent tokens", layer: layerLayer() },
  { name: "no persistent tokens", layer: layerLayer({ persistentTokens: 0 }) },
  { name: "more persistent tokens than the window", layer: layerLayer({ persistentTokens: 5 }) },
  { name: "a window that reaches the persistent tokens for long", layer: layerLayer({ window: 9 }) },
  { name: "a visible prefix", layer: layerLayer({ visiblePrefix: true }) },
  { name: "empty and read-only slots", layer: layerLayer({ window: 5 }), masks: gaps(11) },
  { name: "empty slots, a visible prefix", layer: layerLayer({ visiblePrefix: true }), masks: gaps(11) },
];

export const aloneCases: ArchitectureCase[] = [
  { name: "three persistent tokens", layer: memoryAlone(3) },
  { name: "no persistent tokens", layer: memoryAlone(0) },
  { name: "more persistent tokens than a chunk", layer: memoryAlone(5, { chunkSize: 4 }) },
];

/** Two sequences that float32 holds exactly. */
export function sequencesOf({ tokens = 11 }: ArchitectureCase): number[][][] {
  return rounded(randomSequences(81, 2, tokens, dim));
}

/** Expects a layer's outputs and memory to be its oracle's. */
export function expectArchitecture(
  actual: { readonly y: Tensor; readonly state: Tree },
  expected: readonly ArchitectureResult[],
  masks: readonly SlotMasks[] | undefined,
  tolerance: number,
): void {
  const kept = <T>(rows: T[], row: number) => rows.filter((_, t) => masks?.[row]?.valid?.[t] ?? true);
  const outputs = toNumbers(actual.y) as number[][][];
  expectNear(
    outputs.map(kept),
    expected.map(({ outputs: rows }, row) => kept(rows, row)),
    tolerance,
  );
  const { queryTail } = actual.state as { readonly queryTail?: Tensor };
  const { memory, surprise, tail } = memoryIn(actual.state);
  const memories = (name: "weights" | "momentum") =>
    expected.map(({ layer }) => layer.memory.map((head) => head[name]));
  expectMemory(memory, memories("weights"), tolerance);
  expectMemory(surprise, memories("momentum"), tolerance);
  const joined = expected.map(({ layer: { tails } }) =>
    tails!.query.map((row, i) => [...row, ...tails!.key[i]!, ...tails!.value[i]!]),
  );
  expectNear(tail, joined, tolerance);
  if (queryTail !== undefined)
    expectNear(
      queryTail,
      expected.map((result) => result.queryTail!),
      tolerance,
    );
}

/** The state of the memory: the whole state of the memory alone, or a part of it. */
export function memoryIn(state: Tree): { memory: MemoryWeights; surprise: MemoryWeights; tail: Tensor } {
  const { memory } = state as unknown as { memory: object };
  return ("tail" in memory ? memory : state) as ReturnType<typeof memoryIn>;
}
