/** What a pool of runs and the process of one of them say to each other. */
import type { RunConfig } from "./run-config.ts";
import type { StepMetrics, ValidationMetrics } from "./train.ts";

/** What a process is asked for: first to train a run, then perhaps to stop, which it does once the step is done and saved. */
export type RunWorkerRequest =
  | {
      readonly kind: "train";
      readonly folder: string;
      readonly config: RunConfig;
      /** The step to stop after; the run's last by default. */
      readonly until: number | undefined;
    }
  | { readonly kind: "stop" };

/** What a process tells while it trains. */
export type RunProgress =
  | ({ readonly kind: "step"; readonly seconds: number } & StepMetrics)
  | ({ readonly kind: "validation" } & ValidationMetrics)
  | { readonly kind: "note"; readonly sentence: string };

/** How a training ended. */
export type RunWorkerEnd =
  /** Its checkpoint is saved at this step, its last or an earlier one. */
  | { readonly kind: "saved"; readonly step: number }
  /** It met a number that is not finite. */
  | { readonly kind: "diverged"; readonly step: number; readonly arrays: readonly string[]; readonly message: string }
  /** It cannot go on. */
  | { readonly kind: "error"; readonly message: string };

export type RunWorkerMessage = RunProgress | RunWorkerEnd;
