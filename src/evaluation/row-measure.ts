/** What is measured of a row's trained model: its loss with and without its memory, and the gradients of its gates. */
import {
  detached,
  type Engine,
  leaves,
  mapTree,
  namedLeaves,
  np,
  read,
  release,
  scope,
  type Tensor,
  zerosLike,
} from "../array/index.ts";
import type { Tokenizer, TokenWindows } from "../data/index.ts";
import { type LanguageModel, type ModelParams, nextTokenLoss } from "../models/index.ts";
import { countTargets, SegmentPrograms, segmentsOf, type TrainingConfig } from "../training/index.ts";
import { bitsPerByte, pairedDifference } from "./paired-scores.ts";
import type { TrainedRow } from "./row-training-data.ts";
import { WindowReader } from "./window-reader.ts";

/** A trained model, and what to measure it on. */
export interface MeasuredRow {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly params: ModelParams;
  readonly training: TrainingConfig;
  readonly tokenizer: Tokenizer;
  /** Windows to score. */
  readonly windows: readonly TokenWindows[];
  /** Windows of one gradient. */
  readonly gradientWindows: TokenWindows;
}

/** Scores a model as it is, with what its mixers put out set to zero, and without writes; and takes one gradient. */
export async function measureRow(
  row: MeasuredRow,
): Promise<Pick<TrainedRow, "bitsPerByte" | "withoutOutput" | "withoutWrites" | "gates">> {
  const { engine, model, params, training, tokenizer, windows } = row;
  const reader = new WindowReader(engine, model, training.segment);
  const scores = async (of: ModelParams, write: boolean) =>
    (await reader.readWindows(of, windows, tokenizer, { write })).scores;
  const own = await scores(params, true);
  const silent = silentMixers(params);
  const withoutOutput = pairedDifference(await scores(silent, true), own);
  release(silent);
  const hasMemory = model.memoryBlocks.length > 0;
  return {
    bitsPerByte: bitsPerByte(own),
    withoutOutput,
    ...(hasMemory ? { withoutWrites: pairedDifference(await scores(params, false), own) } : {}),
    gates: await gateGradients(row),
  };
}

/** The same parameters but for the projections that bring what the mixers read into the model: these are zero. */
export function silentMixers(params: ModelParams): ModelParams {
  const silent = (leaf: Tensor, path: string) => (path.endsWith("mixer.output") ? np.zerosLike(leaf) : np.add(leaf, 0));
  return detached(() => scope(() => mapTree(params, silent)));
}

const GATE = /^blocks\.\d+\.mixer\.(?:gates\.(\w+)|(erase)\.gate)\./;

/** The norm of the mean loss's gradient with respect to each gate of each block: the smallest over blocks. */
async function gateGradients({
  engine,
  model,
  params,
  training,
  gradientWindows,
}: MeasuredRow): Promise<Record<string, number>> {
  if (![...namedLeaves(params).keys()].some((path) => GATE.test(path))) return {};
  const programs = new SegmentPrograms(engine, model, nextTokenLoss);
  const segments = segmentsOf(gradientWindows, training.segment);
  const none = zerosLike(params);
  const { gradients } = await programs.gradients(params, segments, 1 / countTargets(gradientWindows), none);
  const squares = new Map<string, number>();
  for (const [path, leaf] of namedLeaves(gradients)) {
    const gate = path.match(GATE)?.[0];
    if (gate !== undefined) squares.set(gate, (squares.get(gate) ?? 0) + (await squaredNorm(leaf)));
  }
  release(segments, leaves(gradients));
  const smallest: Record<string, number> = {};
  for (const [path, square] of squares) {
    const [, learned, erase] = path.match(GATE)!;
    const name = (learned ?? erase)!;
    smallest[name] = Math.min(smallest[name] ?? Number.POSITIVE_INFINITY, Math.sqrt(square));
  }
  return smallest;
}

async function squaredNorm(leaf: Tensor): Promise<number> {
  let sum = 0;
  for (const x of await read(leaf)) sum += x ** 2;
  return sum;
}
