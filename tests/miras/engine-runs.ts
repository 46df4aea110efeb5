/** One memory of the engine run in float64 from plain numbers: in chunks, and token by token. */
import { mapTree, np, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import {
  type AssociativeMemory,
  type AssociativeMemoryConfig,
  type AssociativeState,
  associativeMemory,
  type ChunkTokens,
  type OutputNorm,
  type WriteGates,
} from "../../src/miras/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import { type Matrix, randomSource, type Vector } from "../oracles/index.ts";
import { inFloat64, wide } from "./float64.ts";

/** Tokens of one memory; several pairs of a token stand one after another. */
export interface TokenNumbers {
  readonly keys: Matrix;
  readonly values: Matrix;
  readonly queries: Matrix;
  readonly erase?: { readonly keys: Matrix; readonly gate: Matrix };
}

/** Gates themselves, not their logarithms: one row a write, of one number or one a channel. */
export interface GateNumbers {
  readonly retain: Matrix;
  readonly stepSize: Matrix;
  readonly retainKeys?: Matrix;
  readonly momentum?: Matrix;
  readonly threshold?: Matrix;
}

/** A memory and what it is given. */
export interface EngineRun {
  readonly config: AssociativeMemoryConfig;
  readonly layers: readonly Matrix[];
  readonly steps?: readonly Matrix[];
  readonly tokens: TokenNumbers;
  readonly gates: GateNumbers;
  /** 1 for tokens, 0 for empty slots. */
  readonly mask?: Vector;
  readonly norm?: { readonly scale: Vector; readonly shift: Vector };
}

/** What a run gives, as tensors. */
export interface RunResult {
  readonly outputs: Tensor;
  readonly state: AssociativeState;
}

/** The same in plain numbers. */
export interface RunNumbers {
  readonly outputs: Matrix;
  readonly state: { readonly layers: readonly Matrix[]; readonly steps?: readonly Matrix[] };
}

/** A run's numbers as tensors, as a tree. */
export type RunTensors = {
  readonly state: AssociativeState;
  readonly tokens: ChunkTokens;
  readonly gates: WriteGates;
  readonly mask?: Tensor;
  readonly norm?: OutputNorm;
};

const logarithms = (gates: Matrix): Matrix => gates.map((row) => row.map(Math.log));

/** @param toTensor how lists become tensors; float64 by default */
export function tensorsOf(
  { layers, steps, tokens, gates, mask, norm }: EngineRun,
  toTensor: (numbers: NumberTree) => Tensor = wide,
): RunTensors {
  const { retain, stepSize, retainKeys, momentum, threshold } = gates;
  const { keys, values, queries, erase } = tokens;
  return {
    state: { layers: layers.map(toTensor), ...(steps ? { steps: steps.map(toTensor) } : {}) },
    tokens: {
      keys: toTensor(keys),
      values: toTensor(values),
      queries: toTensor(queries),
      ...(erase ? { erase: { keys: toTensor(erase.keys), gate: toTensor(erase.gate) } } : {}),
    },
    gates: {
      logRetain: toTensor(logarithms(retain)),
      stepSize: toTensor(stepSize),
      ...(retainKeys ? { logRetainKeys: toTensor(logarithms(retainKeys)) } : {}),
      ...(momentum ? { logMomentum: toTensor(logarithms(momentum)) } : {}),
      ...(threshold ? { threshold: toTensor(threshold) } : {}),
    },
    ...(mask ? { mask: toTensor(mask) } : {}),
    ...(norm ? { norm: { scale: toTensor(norm.scale), shift: toTensor(norm.shift) } } : {}),
  };
}

/** Rows `from` to `to` of [..., T, n]. */
function rows(x: Tensor, from: number, to: number): Tensor {
  return slice(x, ...x.shape.slice(0, -2).map((): [] => []), [from, to]);
}

/** Tokens `from` to `to` of a run. */
export function cutRun(run: RunTensors, from: number, to: number): RunTensors {
  const pairs = run.tokens.keys.shape.at(-2)! / run.tokens.queries.shape.at(-2)!;
  const ofWrites = (x: Tensor) => rows(x, from * pairs, to * pairs);
  const { queries, ...written } = run.tokens;
  return {
    ...run,
    tokens: { ...mapTree({ ...written }, ofWrites), queries: rows(queries, from, to) },
    gates: mapTree({ ...run.gates }, ofWrites),
    ...(run.mask
      ? { mask: slice(run.mask, ...run.mask.shape.slice(0, -1).map((): [] => []), [from * pairs, to * pairs]) }
      : {}),
  };
}

/** The run in chunks of a size, the last one ragged. */
export function inChunks(memory: AssociativeMemory, run: RunTensors, size: number): RunResult {
  const length = run.tokens.queries.shape.at(-2)!;
  const outputs: Tensor[] = [];
  let { state } = run;
  for (let from = 0; from < length; from += size) {
    const { tokens, gates, mask, norm } = cutRun(run, from, Math.min(from + size, length));
    const result = memory.chunk(state, tokens, gates, { ...(mask ? { mask } : {}), ...(norm ? { norm } : {}) });
    outputs.push(result.outputs);
    state = result.state;
  }
  return { outputs: np.concatenate(outputs, -2), state };
}

/** The run token by token, `period` tokens to a gradient point. */
export function byToken(memory: AssociativeMemory, run: RunTensors, period: number): RunResult {
  return memory.recurrent(run.state, run.tokens, run.gates, period, run.norm);
}

/** What a function makes of a run in float64. */
export async function ofRun<R>(run: EngineRun, f: (given: RunTensors) => unknown): Promise<R> {
  return (await inFloat64(
    (given: Tree) => f(given as unknown as RunTensors) as Tree,
    tensorsOf(run) as unknown as Tree,
  )) as R;
}

/** What a function makes of each of several runs, in one program. */
export async function ofRuns<R>(
  runs: readonly EngineRun[],
  f: (given: RunTensors, run: EngineRun) => unknown,
): Promise<R[]> {
  const all = (given: Tree) => runs.map((run, i) => f((given as unknown as RunTensors[])[i]!, run)) as Tree;
  return (await inFloat64(all, runs.map((run) => tensorsOf(run)) as unknown as Tree)) as unknown as R[];
}

/** Chunks of each of the sizes, and the plain form with each of them as its period. */
export function bothForms(
  run: EngineRun,
  sizes: readonly number[],
): Promise<{ chunked: RunNumbers[]; plain: RunNumbers[] }> {
  const memory = associativeMemory(run.config);
  return ofRun(run, (given) => ({
    chunked: sizes.map((size) => inChunks(memory, given, size)),
    plain: sizes.map((size) => byToken(memory, given, size)),
  }));
}

/** Chunks of each of the sizes. */
export function chunksOf(run: EngineRun, sizes: readonly number[]): Promise<RunNumbers[]> {
  const memory = associativeMemory(run.config);
  return ofRun(run, (given) => sizes.map((size) => inChunks(memory, given, size)));
}

/** Random tokens with keys and queries of length one. */
export function randomTokens(seed: number, length: number, dim: number, pairs = 1): TokenNumbers {
  const random = randomSource(seed);
  const units = (count: number) => Array.from({ length: count }, () => random.unitVector(dim));
  return { keys: units(length * pairs), values: random.normalMatrix(length * pairs, dim, 0.7), queries: units(length) };
}

/** Random gates: one row a write, of `channels` numbers between the bounds. */
export function randomGate(seed: number, length: number, channels: number, low: number, high: number): Matrix {
  const random = randomSource(seed);
  return Array.from({ length }, () => random.uniformVector(channels, low, high));
}

/** The same number for every write. */
export function constantGate(length: number, value: number): Matrix {
  return Array.from({ length }, () => [value]);
}
