/** Everything the report of a comparison says, as data: saved beside it as JSON. */
import type { NgramBaselines } from "../data/index.ts";
import type { RunConfig } from "../training/index.ts";
import type { PairedDifference } from "./paired-scores.ts";
import type { CurvePoint, FinalValidation, ReportData } from "./report-data.ts";

/** One model of a comparison. */
export interface ComparedModel extends Pick<ReportData, "parameters" | "engine"> {
  /** The preset's name, and the folder of its run inside the comparison's. */
  readonly name: string;
  readonly config: RunConfig;
  readonly training: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
  /** On windows that are the same for all models. */
  readonly final: FinalValidation;
  /** How far below order 0 it ended, in percent of that. */
  readonly gainOverOrder0: number;
  /** Bits per byte more than the best model's; absent for that one. */
  readonly againstBest?: PairedDifference;
  /** The median over all steps. */
  readonly secondsPerStep: number;
}

/** What a comparison found. */
export interface CompareData extends Pick<ReportData, "platform" | "trainingBytes" | "validationBytes" | "durations"> {
  readonly format: 1;
  /** The comparison's folder, without the path to it. */
  readonly name: string;
  readonly corpus: string;
  readonly seed: number;
  readonly steps: number;
  /** Bytes that each model read in training. */
  readonly bytesRead: number;
  readonly baselines: NgramBaselines;
  /** In the order they were asked for. */
  readonly models: readonly ComparedModel[];
}

/** How far a predictor is below order 0, in percent of that. */
export function gainOverOrder0(bitsPerByte: number, { order0 }: NgramBaselines): number {
  return 100 * (1 - bitsPerByte / order0);
}

/** The models from the fewest bits per byte to the most. */
export function ranked(models: readonly ComparedModel[]): ComparedModel[] {
  return [...models].sort((a, b) => a.final.bitsPerByte - b.final.bitsPerByte);
}

/**
 * What a reader has to know before believing anything else.
 *
 * @returns one sentence each; none if all is well
 */
export function compareWarnings({ models, baselines }: CompareData): string[] {
  const unlearned = models.filter(({ final }) => !(final.bitsPerByte < baselines.order0));
  const engines = new Set(models.map(({ engine }) => `${engine.name} ${engine.threads}`));
  return [
    ...unlearned.map(
      ({ name, final }) =>
        `${name} needs ${final.bitsPerByte.toFixed(3)} bits per byte, and counting bytes alone gives ${baselines.order0.toFixed(3)}: it has learned nothing about their order.`,
    ),
    ...(engines.size > 1 ? ["The models ran on different engines: their seconds a step cannot be compared."] : []),
  ];
}
