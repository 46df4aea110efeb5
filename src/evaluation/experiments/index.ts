/** All experiments, in the order they are run and listed. */
import { ConfigError, unknownName } from "../../utils/index.ts";
import type { SizedExperiment } from "./experiment.ts";
import { hopeAblation } from "./hope-ablation.ts";
import { hopeTasks } from "./hope-tasks.ts";
import { levelStacking } from "./level-stacking.ts";
import { levelsContinual } from "./levels-continual.ts";
import { levelsForgetting } from "./levels-forgetting.ts";
import { memoryDepth } from "./memory-depth.ts";
import { memoryMatters } from "./memory-matters.ts";
import { mirasLength } from "./miras-length.ts";
import { mirasModels } from "./miras-models.ts";
import { mirasObjectives } from "./miras-objectives.ts";
import { needleLength } from "./needle-length.ts";
import { optimizersText } from "./optimizers-text.ts";
import { titansAblation } from "./titans-ablation.ts";

/** All experiments that can be reproduced, in the order in which they are listed. */
export const experiments: readonly SizedExperiment[] = [
  memoryMatters,
  needleLength,
  titansAblation,
  memoryDepth,
  mirasModels,
  mirasObjectives,
  mirasLength,
  hopeTasks,
  levelsForgetting,
  levelsContinual,
  optimizersText,
  hopeAblation,
  levelStacking,
];

/** The names of all experiments. */
export const experimentNames: readonly string[] = experiments.map(({ name }) => name);

/**
 * An experiment by its name.
 *
 * @throws ConfigError if there is none, with the nearest name
 */
export function experimentNamed(name: string): SizedExperiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (found === undefined) throw new ConfigError(unknownName("experiment", name, experimentNames));
  return found;
}

export type {
  Arm,
  Control,
  Design,
  Experiment,
  ExperimentDefinition,
  ExperimentSize,
  Judgement,
  Measure,
  SizedExperiment,
  TaskMeasure,
  TextMeasure,
  Verdict,
} from "./experiment.ts";
export { defineExperiment } from "./experiment.ts";
export type { BarsFigure, Figure, LinesFigure, Value } from "./figure.ts";
export { Findings } from "./findings.ts";
