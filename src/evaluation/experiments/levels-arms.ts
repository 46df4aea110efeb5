/** Models that differ in how many levels of their continuum memory learn while they read, for experiments on forgetting. */
import { mergeLayers, type RunLayer } from "../../training/index.ts";
import type { Arm, Measure } from "./experiment.ts";

/** What such models share. */
export interface LevelSizes {
  /** Of the model; its window is how far attention reaches. */
  readonly model: RunLayer;
  readonly training: RunLayer;
  readonly task: RunLayer;
  /** Tokens between two updates of each network: as many networks for all, the first ones learn. */
  readonly periods: readonly number[];
  /** Of the levels. */
  readonly stepSize: number;
}

/** The arm of full attention, which has to solve a task at the length of training. */
export const CONTROL = "attention";
/** Share of answers that count as solved. */
export const SOLVED = 0.9;

/** The name of an arm, by how many networks learn. */
export function levelsArm(learning: number): string {
  return `levels-${learning}`;
}

/** What readers see of it. */
export function levelsLabel(learning: number): string {
  return learning === 0 ? "no level learns" : `${learning} ${learning === 1 ? "level" : "levels"}`;
}

/** How many levels learn, in each arm. */
export function levelCounts(periods: readonly number[]): readonly number[] {
  return [0, ...periods.map((_, i) => i + 1)];
}

/** An arm for each number of levels that learn, from none to all. */
export function levelArms(sizes: LevelSizes, measures: readonly Measure[]): readonly Arm[] {
  const { model, training, task, periods, stepSize } = sizes;
  return levelCounts(periods).map((learning) => ({
    name: levelsArm(learning),
    label: levelsLabel(learning),
    layer: {
      preset: "hope-attention-small",
      task,
      training,
      model: {
        ...model,
        continuum: { periods: periods.map((period, i) => (i < learning ? period : null)), stepSize },
      },
    },
    measures,
  }));
}

/**
 * The control: attention over whole rows, trained once.
 *
 * @param changes what is changed of the training
 */
export function fullAttention(
  { model, training, task }: LevelSizes,
  { length, rows, changes }: { readonly length: number; readonly rows: number; readonly changes: RunLayer },
): Arm {
  return {
    name: CONTROL,
    label: "full attention at the trained length",
    layer: mergeLayers([
      { preset: "lmm-small", task, training, model },
      { training: changes, model: { architecture: "miras:softmax-attention", window: length } },
    ]),
    measures: [{ kind: "task", lengths: [length], rows }],
    seeds: 1,
  };
}
