/** Everything the page about a task's evaluation says, as data. */
import type { DescribedTask } from "../data/index.ts";
import type { ModelConfig } from "../models/index.ts";
import type { TaskEvaluation } from "./task-evaluation.ts";

/** The page's contents. */
export interface TaskEvaluationData {
  readonly format: 1;
  /** The run's folder, without the path to it. */
  readonly name: string;
  /** Steps that the model was trained for. */
  readonly step: number;
  /** What it was trained on. */
  readonly trainedOn: string;
  readonly trainedLength: number;
  readonly task: DescribedTask;
  readonly model: ModelConfig;
  readonly parameters: number;
  readonly engine: { readonly name: string; readonly threads: number };
  /** One a length, at least one, of a model all of whose evaluations have the same conditions. */
  readonly evaluations: readonly TaskEvaluation[];
}
