/** What a pool of runs and the process of one of them say to each other. */
import type { RunConfig } from "./run-config.ts";
import type { StepMetrics, ValidationMetrics } from "./train.ts";

/** A run to train. */
export interface RunWork {
  readonly folder: string;
  readonly config: RunConfig;
  /** The step to stop after; the run's last by default. */
  readonly until: number | undefined;
}

/** What a process tells while it trains. */
export type RunProgress =
  | ({ readonly kind: "step"; readonly seconds: number } & StepMetrics)
  | ({ readonly kind: "validation" } & ValidationMetrics)
  | { readonly kind: "note"; readonly sentence: string };

/** A training that met a number that is not finite. */
export interface RunDivergence {
  readonly step: number;
  readonly arrays: readonly string[];
  readonly message: string;
}
