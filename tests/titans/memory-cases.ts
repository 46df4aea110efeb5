/** One memory in two worlds: plain numbers for the oracle, tensors for the library. */
import { mapTree, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../../src/common/index.ts";
import type { MemoryState, MemoryTokens } from "../../src/titans/index.ts";
import { type NumberTree, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

/** One thing, or one a memory: leading axes such as [batch][heads]. */
export type Cells<T> = T | readonly T[] | readonly (readonly T[])[];

/** A memory before its first token, and what it is then given. */
export interface MemoryCell {
  readonly weights: oracle.MemoryWeights;
  readonly momentum: oracle.MemoryWeights;
  /** Its gates are the sigmoids of `logits`. */
  readonly sequence: oracle.MemorySequence;
  readonly logits: GateNumbers;
}

/** One number a token. */
export interface GateNumbers {
  readonly forget: oracle.Vector;
  readonly momentum: oracle.Vector;
  readonly stepSize: oracle.Vector;
}

/** Bounds of the gates of a random cell. */
export interface GateRanges {
  readonly forget: readonly [number, number];
  readonly momentum: readonly [number, number];
  readonly stepSize: readonly [number, number];
}

/** Every mechanism at work, and no memory near divergence or extinction: rounding is what a comparison then sees. */
export const moderateGates: GateRanges = { forget: [0.001, 0.06], momentum: [0.1, 0.7], stepSize: [0.05, 0.2] };

/** The same for a memory with an output norm, whose gradients are several times larger. */
export const gentleGates: GateRanges = { forget: [0.001, 0.06], momentum: [0.1, 0.7], stepSize: [0.01, 0.08] };

/** Larger than a layer's own start, so that the gradients of a deep memory do not vanish beside its weights. */
const INITIAL_GAIN = 1.3;

/** A small network; odd sizes on purpose. */
export function architectureOf(overrides: Partial<MemoryArchitecture> = {}): MemoryArchitecture {
  return { depth: 2, dim: 5, hiddenDim: 7, activation: "silu", residual: false, norm: false, ...overrides };
}

/** The same network for the oracle. The library's floor of the output norm's variance is 1e-3. */
export function networkOf({ activation, residual, normEpsilon = 1e-3 }: MemoryArchitecture): oracle.MemoryNetwork {
  const named = { silu: "silu", gelu: "gelu-tanh", exactGelu: "gelu-erf" } as const;
  return { activation: named[activation], residual, normEpsilon };
}

/** The same numbers in float32, so that both sides start from identical inputs. */
export function rounded<T>(tree: T): T {
  return oracle.unflatten(oracle.flatten(tree).map(Math.fround), tree);
}

export function randomWeights(random: oracle.RandomSource, architecture: MemoryArchitecture, gain = 1) {
  const { depth, dim, hiddenDim, norm } = architecture;
  const widths = [dim, ...Array.from({ length: depth - 1 }, () => hiddenDim), dim];
  return rounded(oracle.randomMemory(random, widths, norm, gain));
}

/** The gates that logits stand for. */
export function gatesOf({ forget, momentum, stepSize }: GateNumbers): GateNumbers {
  const open = (logits: oracle.Vector) => logits.map(oracle.sigmoid);
  return { forget: open(forget), momentum: open(momentum), stepSize: open(stepSize) };
}

/** Logits of gates within bounds, evenly spread between the bounds' logits. */
export function randomLogits(random: oracle.RandomSource, tokens: number, gates: GateRanges): GateNumbers {
  const logit = (gate: number) => Math.log(gate / (1 - gate));
  const between = ([low, high]: readonly [number, number]) => random.uniformVector(tokens, logit(low), logit(high));
  return rounded({
    forget: between(gates.forget),
    momentum: between(gates.momentum),
    stepSize: between(gates.stepSize),
  });
}

/** A memory whose momentum is already running, and tokens with unit keys and queries. */
export function randomCell(
  seed: number,
  architecture: MemoryArchitecture,
  tokens: number,
  gates: GateRanges = architecture.norm ? gentleGates : moderateGates,
): MemoryCell {
  const random = oracle.randomSource(seed);
  const unit = () => Array.from({ length: tokens }, () => random.unitVector(architecture.dim));
  const logits = randomLogits(random, tokens, gates);
  return {
    weights: randomWeights(random, architecture, INITIAL_GAIN),
    momentum: randomWeights(random, architecture, 0.1 * INITIAL_GAIN),
    sequence: {
      ...rounded({ keys: unit(), values: random.normalMatrix(tokens, architecture.dim, 0.7), queries: unit() }),
      ...gatesOf(logits),
    },
    logits,
  };
}

/** Two sequences of two heads, all different: [batch][heads]. */
export function randomCells(
  seed: number,
  architecture: MemoryArchitecture,
  tokens: number,
  gates?: GateRanges,
): MemoryCell[][] {
  return [0, 1].map((row) =>
    [0, 1].map((head) => randomCell(100 * seed + 10 * row + head, architecture, tokens, gates)),
  );
}

/** What stands in the innermost lists of nested cells. */
export type CellOf<C> = C extends readonly (infer Inner)[] ? CellOf<Inner> : C;

/** Something else of every cell, the cells' nesting kept. */
export function mapCells<C, R>(cells: C, f: (cell: CellOf<C>) => R): Cells<R> {
  return (Array.isArray(cells) ? cells.map((child: C) => mapCells(child, f)) : f(cells as CellOf<C>)) as Cells<R>;
}

/** Some numbers of every cell, the cells as outer lists. */
export function perCell<C>(cells: C, f: (cell: CellOf<C>) => NumberTree): NumberTree {
  return mapCells(cells, f) as NumberTree;
}

/** Some numbers of every cell as one tensor, the cells as leading axes. */
export function tensorOfCells<C>(cells: C, f: (cell: CellOf<C>) => NumberTree): Tensor {
  return toTensor(perCell(cells, f));
}

function firstCell<T>(cells: Cells<T>): T {
  return Array.isArray(cells) ? firstCell<T>(cells[0] as Cells<T>) : (cells as T);
}

/** The oracle's weights in the structure and with the names of the library's. */
export function memoryNumbers(cells: Cells<oracle.MemoryWeights>): { layers: NumberTree[]; norm?: NumberTree } {
  const { layers, norm } = firstCell(cells);
  const numbers = layers.map((_, l) => perCell(cells, (weights) => weights.layers[l]!));
  if (norm === null) return { layers: numbers };
  const scale = perCell(cells, (weights) => weights.norm!.gamma);
  const shift = perCell(cells, (weights) => weights.norm!.beta);
  return { layers: numbers, norm: { scale, shift } };
}

/** The oracle's weights as the library's tree. */
export function memoryTensors(cells: Cells<oracle.MemoryWeights>): MemoryWeights {
  const { layers, norm } = memoryNumbers(cells);
  const matrices = layers.map((numbers) => toTensor(numbers));
  if (norm === undefined) return { layers: matrices };
  const { scale, shift } = norm as { scale: NumberTree; shift: NumberTree };
  return { layers: matrices, norm: { scale: toTensor(scale), shift: toTensor(shift) } };
}

/** The library's weights of one memory, without leading axes, as the oracle's. */
export function weightsOf(numbers: NumberTree): oracle.MemoryWeights {
  const { layers, norm } = numbers as unknown as {
    layers: oracle.Matrix[];
    norm?: { scale: oracle.Vector; shift: oracle.Vector };
  };
  return { layers, norm: norm === undefined ? null : { gamma: norm.scale, beta: norm.shift } };
}

/** Weights and momentum as the library's state. */
export function stateTensors(cells: Cells<Pick<MemoryCell, "weights" | "momentum">>): MemoryState {
  const pick = (name: "weights" | "momentum") => mapCells(cells, (cell) => cell[name]);
  return { memory: memoryTensors(pick("weights")), surprise: memoryTensors(pick("momentum")) };
}

/** What a chunk is given, its gates as values and as logits; a mask where the sequence has one. */
export type TokenTensors = Readonly<Record<keyof MemoryTokens, Tensor>> & {
  readonly logits: Readonly<Record<keyof GateNumbers, Tensor>>;
  readonly mask?: Tensor;
};

/** The sequences of all cells as tensors: [..., T, dim] and [..., T]. */
export function tokenTensors(cells: Cells<MemoryCell>): TokenTensors {
  const stacked = (name: Exclude<keyof oracle.MemorySequence, "mask">) =>
    tensorOfCells(cells, ({ sequence }) => sequence[name]);
  const tokens = {
    keys: stacked("keys"),
    values: stacked("values"),
    queries: stacked("queries"),
    forget: stacked("forget"),
    momentum: stacked("momentum"),
    stepSize: stacked("stepSize"),
    logits: {
      forget: tensorOfCells(cells, ({ logits }) => logits.forget),
      momentum: tensorOfCells(cells, ({ logits }) => logits.momentum),
      stepSize: tensorOfCells(cells, ({ logits }) => logits.stepSize),
    },
  };
  if (firstCell(cells).sequence.mask === undefined) return tokens;
  return { ...tokens, mask: tensorOfCells(cells, ({ sequence }) => sequence.mask!.map(Number)) };
}

/** Tokens `from` to `to` (exclusive) of every memory. */
export function sliceTokens(tokens: TokenTensors, from: number, to: number): TokenTensors {
  const leading = tokens.forget.shape.slice(0, -1).map((): [] => []);
  return mapTree(tokens as Tree, (x) => slice(x, ...leading, [from, to])) as TokenTensors;
}

/** The same memory, given only tokens `from` to `to` (exclusive). */
export function sliceCell({ logits, sequence, ...start }: MemoryCell, from: number, to: number): MemoryCell {
  const { forget, momentum, stepSize } = logits;
  return {
    ...start,
    sequence: oracle.sliceSequence(sequence, from, to),
    logits: { forget: forget.slice(from, to), momentum: momentum.slice(from, to), stepSize: stepSize.slice(from, to) },
  };
}
