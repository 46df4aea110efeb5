/** Everything the report of a run on a task says, as data. */
import type { DescribedTask } from "../data/index.ts";
import type { ModelConfig } from "../models/index.ts";
import type { AnswerAccuracy, TrainingConfig } from "../training/index.ts";

/** A loss at a step of training, in bits per answer token. */
export interface TaskCurvePoint {
  readonly step: number;
  readonly bits: number;
}

/** What a validation found. */
export interface TaskValidation extends TaskCurvePoint, AnswerAccuracy {}

/** The report's contents. */
export interface TaskReportData {
  readonly format: 1;
  /** The run's folder, without the path to it. */
  readonly name: string;
  readonly task: DescribedTask;
  readonly model: ModelConfig;
  readonly training: TrainingConfig;
  readonly engine: { readonly name: string; readonly threads: number };
  /** Numbers the model learned in training. */
  readonly parameters: number;
  /** Bits that an answer token costs who knows what answers can be, and no more. */
  readonly guessing: number;
  readonly learning: readonly TaskCurvePoint[];
  readonly validation: readonly TaskValidation[];
}
