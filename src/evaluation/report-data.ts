/** Everything a report says, as data: saved beside it as JSON. */

import type { EngineName } from "../array/index.ts";
import type { NgramBaselines } from "../data/index.ts";
import { mayWrite } from "../models/index.ts";
import type { RunConfig } from "../training/index.ts";
import type { DiagnosticsPoint } from "./diagnostics-log.ts";
import type { MemoryControls } from "./memory-controls.ts";
import type { MemoryTrace } from "./memory-trace.ts";
import type { MemoryWrites } from "./memory-writes.ts";
import type { PairedDifference } from "./paired-scores.ts";

/** A loss at a step of training. */
export interface CurvePoint {
  readonly step: number;
  readonly bitsPerByte: number;
}

/** Bits per byte on validation windows, each read from a fresh memory. */
export interface FinalValidation {
  readonly bitsPerByte: number;
  readonly windows: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Bytes scored. */
  readonly bytes: number;
  readonly writes: MemoryWrites;
}

/** A report's contents. */
export interface ReportData {
  readonly format: 1;
  /** The run's folder, without the path to it. */
  readonly name: string;
  readonly config: RunConfig;
  /** Numbers the model learned in training. */
  readonly parameters: number;
  readonly engine: { readonly name: Exclude<EngineName, "auto">; readonly threads: number };
  /** What it ran on, such as the version of Node. */
  readonly platform: string;
  /** Sizes of the two parts of the corpus. */
  readonly trainingBytes: number;
  readonly validationBytes: number;
  readonly baselines: NgramBaselines;
  readonly training: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
  readonly validationWithoutWrites: readonly CurvePoint[];
  /** Tokens of the passage behind `diagnostics`. */
  readonly diagnosticsTokens: number;
  readonly diagnostics: readonly DiagnosticsPoint[];
  readonly final: FinalValidation;
  /** The same model trained with step size 0, on the same windows; absent for a model without memory. */
  readonly withoutWrites?: FinalValidation & PairedDifference;
  readonly controls?: MemoryControls;
  /** A validation passage: its bytes, and what the memories did with them; absent for a model without memory. */
  readonly passage?: { readonly bytes: readonly number[]; readonly trace: MemoryTrace };
  readonly samples: {
    readonly prompt: string;
    readonly before: string;
    readonly after: string;
    readonly temperature: number;
    readonly seed: number;
  };
  /** How long the parts took, in order. */
  readonly durations: readonly { readonly stage: string; readonly seconds: number }[];
}

/**
 * What a reader has to know before believing anything else: signs that the memory is dead or that a control is broken.
 *
 * @returns one sentence each; none if all is well
 */
export function reportWarnings(data: ReportData): string[] {
  const { controls, final, baselines, config } = data;
  const warnings: string[] = [];
  if (!(final.bitsPerByte < baselines.bigram)) {
    warnings.push(
      `The model needs ${final.bitsPerByte.toFixed(3)} bits per byte and the bigram ${baselines.bigram.toFixed(3)}: it has not learned more than which byte follows which.`,
    );
  }
  if (controls === undefined) return warnings;
  if (controls.writes.writes === 0) {
    warnings.push(
      !mayWrite(config.model)
        ? "This model never writes to its memory: its largest step size is 0."
        : "Nothing was written to memory: every step size is 0, although the largest one allowed is not.",
    );
  } else if (controls.neverWritten.difference === 0) {
    warnings.push("Switching writes off changes nothing: what is written to memory is not read.");
  }
  if (controls.writesWhenOff.writes > 0) {
    warnings.push(
      `${controls.writesWhenOff.writes} writes were counted with writes switched off: this control is broken.`,
    );
  }
  return warnings;
}
