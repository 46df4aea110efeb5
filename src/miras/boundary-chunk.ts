/** Chunks of a memory with non-linear retention: the accumulator is linear, every token's weights are built from it. */
import { mapTree, np, slice, type Tensor } from "../array/index.ts";
import { memoryForward } from "../common/index.ts";
import { matricesAfterTokens, matrixAfter, matrixDecay } from "./chunk-decay.ts";
import type { ChunkTokens, MappedRetention, MemoryChoices } from "./memory-choices.ts";
import { type AssociativeState, withNorm } from "./memory-state.ts";
import { type ChunkOptions, type ChunkResult, networkWrites } from "./network-writes.ts";
import type { MatrixGates, WriteGates } from "./write-gates.ts";

/** A chunk that is under way, one array a matrix each. */
interface UnderWay {
  readonly accumulators: readonly Tensor[];
  readonly steps: readonly Tensor[] | undefined;
  /** Thresholds accumulated since the chunk began, as they broadcast against a matrix. */
  readonly shrinkages: readonly (Tensor | undefined)[];
}

/**
 * A retention whose map is applied to what a chunk's linear recurrence accumulates: at every token to read with, and at the end to what is carried on.
 *
 * With a lag token the first token is a chunk of its own, but for the state that is carried on: the gradients of the others are taken at the weights it leaves.
 */
export function boundaryChunk(
  choices: MemoryChoices,
  retention: MappedRetention,
  state: AssociativeState,
  tokens: ChunkTokens,
  gates: WriteGates,
  options: ChunkOptions,
): ChunkResult {
  const { gate, lagToken } = retention;
  const carried = state.layers;
  const size = tokens.keys.shape.at(-2)!;
  const stretches: [number, number][] =
    lagToken && size > 1
      ? [
          [0, 1],
          [1, size],
        ]
      : [[0, size]];
  let now: UnderWay = {
    accumulators: carried.map((layer) => gate.accumulator(layer)),
    steps: state.steps,
    shrinkages: carried.map(() => undefined),
  };
  const outputs: Tensor[] = [];
  const errors: Tensor[] = [];
  for (const [from, to] of stretches) {
    const cut = (x: Tensor) => slice(x, ...x.shape.slice(0, -2).map((): [] => []), [from, to]);
    const cutMask = (mask: Tensor) => slice(mask, ...mask.shape.slice(0, -1).map((): [] => []), [from, to]);
    const part = stretch(choices, retention, carried, now, mapTree({ ...tokens }, cut), mapTree({ ...gates }, cut), {
      ...options,
      ...(options.mask ? { mask: cutMask(options.mask) } : {}),
    });
    outputs.push(part.outputs);
    errors.push(part.errors);
    now = part.after;
  }
  const layers = now.accumulators.map((a, layer) => gate.next(a, carried[layer]!, now.shrinkages[layer]));
  return {
    outputs: np.concatenate(outputs, -2),
    errors: np.concatenate(errors, -2),
    state: now.steps ? { layers, steps: now.steps } : { layers },
  };
}

/** Consecutive tokens whose gradients are taken at the weights before the first of them. */
function stretch(
  choices: MemoryChoices,
  { gate }: MappedRetention,
  carried: readonly Tensor[],
  before: UnderWay,
  tokens: ChunkTokens,
  gates: WriteGates,
  options: ChunkOptions,
): { outputs: Tensor; errors: Tensor; after: UnderWay } {
  const point = before.accumulators.map((a, layer) => gate.weights(a, carried[layer]!, before.shrinkages[layer]));
  const { gates: own, decays, writes, errors } = networkWrites(choices, point, tokens, gates, options);
  const shrinkages = carried.map((_, layer) => accumulatedShrinkage(own[layer]!, before.shrinkages[layer]));
  const perToken = before.accumulators.map((start, layer) => {
    const built = matricesAfterTokens(decays[layer]!, writes[layer]!, start, before.steps?.[layer]);
    return gate.weights(built, np.expandDims(carried[layer]!, -3), shrinkages[layer]);
  });
  const norm = options.norm && mapTree(options.norm, (x) => np.expandDims(x, -2));
  const query = np.expandDims(tokens.queries, -2); // [..., C, 1, in]
  const outputs = np.squeeze(memoryForward(choices.architecture, withNorm(perToken, norm), query), -2);
  const last = tokens.keys.shape.at(-2)! - 1;
  const after = before.accumulators.map((start, layer) =>
    matrixAfter(decays[layer]!, writes[layer]!, start, before.steps?.[layer], last),
  );
  return {
    outputs,
    errors,
    after: {
      accumulators: after.map(({ matrix }) => matrix),
      steps: before.steps && after.map(({ step }) => step!),
      shrinkages: shrinkages.map((x) => x && slice(x, ...x.shape.slice(0, -3).map((): [] => []), last)),
    },
  };
}

/** Thresholds accumulated by each token, [..., C, out or 1, in or 1]: they fade as the matrix does, and momentum does not carry them. */
function accumulatedShrinkage(gates: MatrixGates, before: Tensor | undefined): Tensor | undefined {
  const { rows, columns } = gates;
  const own = rows?.shrinkage ?? columns?.shrinkage;
  if (own === undefined) return undefined;
  const one = np.onesLike(np.sum(own, -1, { keepdims: true })); // [..., C, 1]
  const added = rows?.shrinkage ? { input: one, error: np.negative(own) } : { input: own, error: np.negative(one) };
  const start = before ?? np.zerosLike(np.sum(one, -2, { keepdims: true }));
  return matricesAfterTokens(matrixDecay(gates), added, start, undefined);
}
