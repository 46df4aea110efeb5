/** The memory's stability options in two worlds: run by the library chunk by chunk on any engine, and by the oracle token by token. */
import { type Engine, release, scope, slice, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../../src/common/index.ts";
import { gatesFromValues, type MemoryChunkOptions, type MemoryState, memoryChunk } from "../../src/titans/index.ts";
import { type NumberTree, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  type MemoryCell,
  memoryTensors,
  networkOf,
  perCell,
  randomCell,
  randomWeights,
  rounded,
} from "./memory-cases.ts";

/** One way of running a memory with options. */
export interface OptionCase {
  readonly name: string;
  readonly options: oracle.StabilityOptions;
  /** Key-value pairs a token; 1 by default. */
  readonly pairs?: number;
  readonly guard?: "key" | "tangent";
  readonly read?: "after" | "before";
  /** Which of the sequence's slots are empty. */
  readonly empty?: readonly number[];
  readonly architecture?: Partial<MemoryArchitecture>;
}

/** A memory of which everything differs that an option could confuse. */
export interface OptionCell extends Pick<MemoryCell, "weights"> {
  /** M_0, which the memory has left already. */
  readonly initial: oracle.MemoryWeights;
  /** S^(1), ..., S^(n) */
  readonly momenta: oracle.MemoryWeights[];
  readonly sequence: oracle.PairSequence;
}

const heads = [0, 1];

/** Two sequences of two heads. */
export function optionCells(
  { options, pairs = 1, empty = [] }: OptionCase,
  architecture: MemoryArchitecture,
  tokens: number,
  seed: number,
): OptionCell[][] {
  return heads.map((row) =>
    heads.map((head) => {
      const cell = randomCell(100 * seed + 10 * row + head, architecture, tokens);
      const written = randomCell(100 * seed + 10 * row + head + 5, architecture, tokens * pairs).sequence;
      const random = oracle.randomSource(100 * seed + 10 * head + 7);
      const grouped = (rows: oracle.Matrix) =>
        Array.from({ length: tokens }, (_, t) => rows.slice(t * pairs, (t + 1) * pairs));
      const { keys: _, values: __, ...rest } = rounded(cell.sequence);
      return {
        weights: cell.weights,
        // One M_0 a head, whatever the sequence.
        initial: randomWeights(random, architecture),
        momenta: Array.from({ length: options.momentumOrder ?? 1 }, () => randomWeights(random, architecture, 0.1)),
        sequence: {
          ...rest,
          keys: grouped(written.keys),
          values: grouped(written.values),
          ...(empty.length > 0 ? { mask: cell.sequence.keys.map((_, t) => !empty.includes(t)) } : {}),
        },
      };
    }),
  );
}

/** What both sides give, [batch][heads] outermost. */
export interface OptionRun {
  readonly outputs: NumberTree;
  readonly weights: NumberTree;
  readonly momenta: NumberTree;
}

/** The oracle's recurrence, a shorter last chunk closed as the library closes it. */
export function oracleOptions(
  { options, guard, read = "after" }: OptionCase,
  architecture: MemoryArchitecture,
  cells: OptionCell[][],
  chunk: number,
): OptionRun {
  const results = cells.map((row) =>
    row.map(({ weights, initial, momenta, sequence }) => {
      const start = { ...oracle.initialStableState(weights, momenta.length, momenta), initial };
      const all = {
        ...options,
        network: networkOf(architecture),
        kappa: 1,
        chunk,
        read,
        ...(guard === undefined ? {} : { guard: guard === "key" ? ("keys" as const) : guard }),
      };
      const { outputs, state } = oracle.pairRecurrence(sequence, start, all);
      const closed = sequence.queries.length % chunk === 0 ? state : oracle.closeChunk(state, options);
      return { outputs, weights: closed.weights, momenta: closed.momenta };
    }),
  );
  return {
    outputs: results.map((row) => row.map(({ outputs }) => outputs)),
    weights: weightNumbers(results.map((row) => row.map(({ weights }) => weights))),
    momenta: results[0]![0]!.momenta.map((_, k) =>
      weightNumbers(results.map((row) => row.map(({ momenta }) => momenta[k]!))),
    ),
  };
}

function weightNumbers(cells: oracle.MemoryWeights[][]): NumberTree {
  return toNumbers(scope(() => memoryTensors64(cells)) as Tree);
}

/** The oracle's weights as the library's tree, in double precision. */
function memoryTensors64(cells: oracle.MemoryWeights[][]): Tree {
  const doubles = (numbers: NumberTree) => {
    const float32 = toTensor(numbers);
    return tensor(Float64Array.from(oracle.flatten(numbers)), float32.shape);
  };
  const first = cells[0]![0]!;
  const layers = first.layers.map((_, l) => doubles(perCell(cells, (cell) => cell.layers[l]!)));
  if (first.norm === null) return { layers };
  const vector = (name: "gamma" | "beta") => doubles(perCell(cells, (cell) => cell.norm![name]));
  return { layers, norm: { scale: vector("gamma"), shift: vector("beta") } };
}

/** The options as the library's chunk takes them. */
function chunkOptions(options: oracle.StabilityOptions, initial: MemoryWeights, logit: Tensor): MemoryChunkOptions {
  return {
    ...(options.maxGradientNorm === undefined ? {} : { maxSurpriseNorm: options.maxGradientNorm }),
    ...(options.decayToInitial ? { forgetTowards: initial } : {}),
    chunkEnd: {
      orthogonalizeSurprise: options.orthogonaliseSurprise ?? false,
      ...(options.transitionLogit === undefined ? {} : { transitionGate: logit }),
      ...(options.renormaliseWeights ? { normsOf: initial } : {}),
    },
  };
}

/** The library's chunks, on an engine, in its precision. */
export async function libraryOptions(
  engine: Engine,
  { options, guard, read = "after", pairs = 1 }: OptionCase,
  architecture: MemoryArchitecture,
  cells: OptionCell[][],
  chunk: number,
): Promise<OptionRun> {
  const length = cells[0]![0]!.sequence.queries.length;
  type Given = {
    keys: Tensor;
    values: Tensor;
    queries: Tensor;
    forget: Tensor;
    momentum: Tensor;
    stepSize: Tensor;
    mask?: Tensor;
  };
  const run = (initial: MemoryWeights, logit: Tensor, state: MemoryState, given: Given) => {
    const { keys, values, queries, forget, momentum, stepSize, mask } = given;
    const result = memoryChunk(
      architecture,
      state,
      { keys, values, queries },
      gatesFromValues(forget, momentum, stepSize),
      {
        ...chunkOptions(options, initial, logit),
        readMode: read,
        ...(guard === undefined ? {} : { stepGuard: guard }),
        ...(mask === undefined ? {} : { mask }),
      },
    );
    return { outputs: result.outputs, state: result.state };
  };
  const program = engine.compile(`chunk of ${chunk}`, run);
  const given = scope(() => {
    const all = (f: (cell: OptionCell) => NumberTree) => toTensor(perCell(cells, f));
    const flat = (name: "keys" | "values") => all(({ sequence }) => sequence[name].flat());
    const gate = (name: "forget" | "momentum" | "stepSize") => all(({ sequence }) => sequence[name]);
    const tokens = {
      queries: all(({ sequence }) => sequence.queries),
      forget: gate("forget"),
      momentum: gate("momentum"),
      stepSize: gate("stepSize"),
    };
    const masked =
      cells[0]![0]!.sequence.mask === undefined ? {} : { mask: all(({ sequence }) => sequence.mask!.map(Number)) };
    return { tokens: { ...tokens, ...masked }, pairs: { keys: flat("keys"), values: flat("values") } };
  });
  const weightsOf = (f: (cell: OptionCell) => oracle.MemoryWeights) =>
    scope(() => memoryTensors(cells.map((row) => row.map(f))));
  const surprises = cells[0]![0]!.momenta.map((_, k) => weightsOf(({ momenta }) => momenta[k]!));
  const initial = scope(() => memoryTensors(cells[0]!.map((cell) => cell.initial)));
  const logit = scope(() => toTensor([heads.map(() => options.transitionLogit ?? 0)]));
  let state: MemoryState = {
    memory: weightsOf(({ weights }) => weights),
    surprise: surprises.at(-1)!,
    ...(surprises.length > 1 ? { lowerSurprises: surprises.slice(0, -1) } : {}),
  };
  const outputs: NumberTree[][][] = [];
  for (let start = 0; start < length; start += chunk) {
    const end = Math.min(start + chunk, length);
    const piece = scope(() => {
      const cut = (x: Tensor, each: number) => slice(x, [], [], [start * each, end * each]);
      const tokens = Object.fromEntries(Object.entries(given.tokens).map(([name, x]) => [name, cut(x, 1)]));
      return { ...tokens, keys: cut(given.pairs.keys, pairs), values: cut(given.pairs.values, pairs) } as Given;
    });
    const result = await program(initial, logit, state, piece);
    outputs.push(toNumbers(result.outputs) as NumberTree[][]);
    release(piece, state, result.outputs);
    state = result.state;
  }
  const numbers = {
    outputs: outputs[0]!.map((row, b) => row.map((_, h) => outputs.flatMap((part) => part[b]![h] as NumberTree[]))),
    weights: toNumbers(state.memory),
    momenta: [...(state.lowerSurprises ?? []), state.surprise].map((surprise) => toNumbers(surprise)),
  };
  release(state, given, initial, logit);
  return numbers;
}
