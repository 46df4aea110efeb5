/** The same memory run by the library and by the oracle, and what each gives compared. */
import { expect } from "vitest";
import { isTensor, jit, np, readSync, type Tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../../src/common/index.ts";
import {
  gatesFromLogits,
  gatesFromValues,
  type MemoryState,
  memoryChunk,
  type NeuralMemoryParams,
  type ReadMode,
  type StepGuard,
} from "../../src/titans/index.ts";
import { type NumberTree, toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  type Cells,
  type MemoryCell,
  mapCells,
  memoryNumbers,
  networkOf,
  perCell,
  sliceTokens,
  type TokenTensors,
} from "./memory-cases.ts";

/** How both sides are run. */
export interface RunOptions {
  readonly readMode?: ReadMode;
  readonly lossScale?: number;
  readonly stepGuard?: StepGuard;
}

/** What both sides give. */
export interface ChunkRun {
  readonly outputs: Tensor;
  readonly stepSize: Tensor;
  readonly state: MemoryState;
}

/** The low-rank form, compiled once for each chunk length. */
export type ChunkProgram = (
  state: MemoryState,
  tokens: TokenTensors,
) => { outputs: Tensor; stepSize: Tensor; state: MemoryState };

/**
 * Compiles one chunk of the library's low-rank form.
 *
 * @param gatesFrom `logits` as layers do, or `values` for gates that are exactly 0 or 1
 */
export function chunkProgram(
  architecture: MemoryArchitecture,
  options: RunOptions = {},
  gatesFrom: "logits" | "values" = "logits",
): ChunkProgram {
  return jit((state: MemoryState, tokens: TokenTensors) => {
    const { keys, values, queries, mask, logits, forget, momentum } = tokens;
    const gates =
      gatesFrom === "logits" ? gatesFromLogits(logits, 1) : gatesFromValues(forget, momentum, tokens.stepSize);
    const inputs = { keys, values, queries };
    const result = memoryChunk(architecture, state, inputs, gates, { ...options, ...(mask ? { mask } : {}) });
    return { outputs: result.outputs, stepSize: result.stepSize, state: result.state };
  });
}

/** Runs a whole sequence chunk by chunk, the last one ragged. */
export function chunkwise(
  program: ChunkProgram,
  state: MemoryState,
  tokens: TokenTensors,
  chunkSize: number,
): ChunkRun {
  const length = tokens.keys.shape.at(-2) ?? 0;
  const [outputs, stepSizes]: [Tensor[], Tensor[]] = [[], []];
  let now = state;
  for (let start = 0; start < length; start += chunkSize) {
    const result = program(now, sliceTokens(tokens, start, Math.min(start + chunkSize, length)));
    outputs.push(result.outputs);
    stepSizes.push(result.stepSize);
    now = result.state;
  }
  return { outputs: np.concatenate(outputs, -2), stepSize: np.concatenate(stepSizes, -1), state: now };
}

const oracleReads = { after: "after", before: "before", start: "chunk-start", end: "chunk-end" } as const;
const oracleGuards = { key: "keys", tangent: "tangent" } as const;

/** The guards that the oracle has as well. */
export type OracleGuard = "off" | keyof typeof oracleGuards;

/** The oracle's token-by-token recurrence of every cell, gradients taken at chunk starts. */
export function recurrence(
  architecture: MemoryArchitecture,
  cells: Cells<MemoryCell>,
  chunk: number,
  options: Omit<RunOptions, "stepGuard"> & { readonly stepGuard?: OracleGuard } = {},
): Cells<oracle.RecurrenceResult> {
  const { readMode = "after", lossScale = 1, stepGuard = "off" } = options;
  return mapCells(cells, ({ weights, momentum, sequence }) =>
    oracle.titansRecurrence(sequence, oracle.initialMemoryState(weights, momentum), {
      network: networkOf(architecture),
      kappa: lossScale,
      chunk,
      read: oracleReads[readMode],
      ...(stepGuard === "off" ? {} : { guard: oracleGuards[stepGuard] }),
    }),
  );
}

/** The largest difference, relative to the largest expected number. NaN anywhere gives NaN. */
export function relativeTo(expected: Tensor | NumberTree, actual: Tensor | NumberTree): number {
  const [a, e] = [actual, expected].map((side) => (isTensor(side) ? [...readSync(side)] : oracle.flatten(side))) as [
    number[],
    number[],
  ];
  const scale = e.reduce((largest, value) => Math.max(largest, Math.abs(value)), Number.MIN_VALUE);
  return oracle.maxDifference(a, e) / scale;
}

/** Expects numbers to agree, the tolerance relative to the largest expected one, however small that is. */
export function expectNear(actual: Tensor | NumberTree, expected: Tensor | NumberTree, tolerance: number): void {
  expect(relativeTo(expected, actual)).toBeLessThanOrEqual(tolerance);
}

/** Expects a memory tree of the library to hold the oracle's numbers. */
export function expectMemory(actual: MemoryWeights, expected: Cells<oracle.MemoryWeights>, tolerance: number): void {
  expectNear(toNumbers(actual), memoryNumbers(expected), tolerance);
}

/** Expects outputs, weights and momentum of the library to be those of the oracle, for every cell. */
export function expectRecurrence(
  actual: { readonly outputs: Tensor; readonly state: MemoryState },
  expected: Cells<oracle.RecurrenceResult>,
  tolerance: number,
): void {
  expectNear(
    actual.outputs,
    perCell(expected, (result) => result.outputs),
    tolerance,
  );
  expectMemory(
    actual.state.memory,
    mapCells(expected, (result) => result.state.weights),
    tolerance,
  );
  expectMemory(
    actual.state.surprise,
    mapCells(expected, (result) => result.state.momentum),
    tolerance,
  );
}

/** Parameters whose memory answers with vectors of length about one before it is written, as a trained one does: fresh ones answer softly. */
export function answeringAloud(params: NeuralMemoryParams): NeuralMemoryParams {
  const { layers, ...norm } = params.initialMemory;
  const last = np.multiply(layers.at(-1)!, 10);
  return { ...params, initialMemory: { ...norm, layers: [...layers.slice(0, -1), last] } };
}

/** Parameters whose convolution passes every token as it is: keys, values and queries are larger than behind fresh taps, and like each other only as their tokens are. */
export function passingTokens(params: NeuralMemoryParams): NeuralMemoryParams {
  const [kernel = 0, channels = 0] = params.convolution.shape;
  const isCurrent = np.reshape(np.equal(np.arange(kernel), kernel - 1), [kernel, 1]);
  return { ...params, convolution: np.broadcastTo(np.astype(isCurrent, "float32"), [kernel, channels]) };
}
