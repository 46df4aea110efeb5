/** What training every row of Table 1 showed, as data: saved beside the page as JSON. */
import type { RowForm } from "../miras/index.ts";
import type { RunConfig } from "../training/index.ts";
import type { PairedDifference } from "./paired-scores.ts";
import type { PlannedJobFacts } from "./planned-job.ts";
import type { CurvePoint, ReportData } from "./report-data.ts";

/** A row whose training came to its end. */
export interface TrainedRow extends RowForm {
  readonly name: string;
  readonly failure?: never;
  readonly config: RunConfig;
  readonly parameters: number;
  readonly engine: ReportData["engine"];
  readonly training: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
  /** On windows that are the same for all rows. */
  readonly bitsPerByte: number;
  /** How far below order 0 it ended, in percent of that. */
  readonly gainOverOrder0: number;
  /** Bits per byte more when what the memories put out is set to zero. */
  readonly withoutOutput: PairedDifference;
  /** Bits per byte more when nothing is written to the memories; absent where the memory is a set, which nothing is written to. */
  readonly withoutWrites?: PairedDifference;
  /** Norm of the loss's gradient with respect to each learned gate, the smallest over blocks, after training. */
  readonly gates: Readonly<Record<string, number>>;
  /** The largest norm of a step's gradient before clipping. */
  readonly largestGradient: number;
  /** The median over all steps. */
  readonly secondsPerStep: number;
}

/** A row whose training met a number that is not finite. */
export interface FailedRow extends RowForm {
  readonly name: string;
  readonly failure: string;
}

/** What became of one row. */
export type RowResult = TrainedRow | FailedRow;

/** What the job found. */
export interface RowTrainingData extends PlannedJobFacts {
  readonly seed: number;
  readonly rows: readonly RowResult[];
}

/** What is asked of every row. */
export const rowChecks = [
  "every number finite",
  "below order 0",
  "the memory's output counts",
  "gate gradients are not zero",
] as const;
/** One of `rowChecks`. */
export type RowCheck = (typeof rowChecks)[number];

/** Standard errors that taking the memory's output away must cost. */
const CLEAR = 2;

/**
 * What a row does not show.
 *
 * @returns names of checks; none if all is well
 */
export function failedChecks(row: RowResult): RowCheck[] {
  if (row.failure !== undefined) return ["every number finite"];
  const { gainOverOrder0, withoutOutput, gates } = row;
  const counts = Math.abs(withoutOutput.difference) > CLEAR * withoutOutput.standardError;
  return [
    ...(gainOverOrder0 > 0 ? [] : ["below order 0" as const]),
    ...(counts ? [] : ["the memory's output counts" as const]),
    ...(Object.values(gates).every((norm) => norm > 0) ? [] : ["gate gradients are not zero" as const]),
  ];
}

/** The smallest gradient of a row's gates; none where no gate is learned. */
export function smallestGate({ gates }: TrainedRow): { readonly gate: string; readonly norm: number } | undefined {
  const found = Object.entries(gates).map(([gate, norm]) => ({ gate, norm }));
  return found.sort((a, b) => a.norm - b.norm)[0];
}
