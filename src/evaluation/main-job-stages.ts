/** What the parts of the main job share: what is told while they run, how much they do, and how long they take. */
import type { Run, StepMetrics, ValidationMetrics } from "../training/index.ts";
import type { DiagnosticsPoint } from "./diagnostics-log.ts";
import type { JobText } from "./job-text.ts";
import type { MeasureBudget } from "./measure-model.ts";
import type { MemoryTracer } from "./memory-trace.ts";

/** How much the job reads and writes beside training. In tokens; a token is a byte. */
export interface MainJobBudget extends MeasureBudget {
  /** Passage that is traced and shown in colours. */
  readonly passageTokens: number;
  /** Its beginning, which is traced at every validation. */
  readonly diagnosticsTokens: number;
  /** Text that is generated before and after training. */
  readonly sampleTokens: number;
}

/** The usual amounts: half a minute or so with the slowest engine, all of a short book. */
export const mainJobBudget: MainJobBudget = {
  validationTokens: 131_072,
  controlTokens: 16_384,
  passageTokens: 1024,
  diagnosticsTokens: 256,
  sampleTokens: 200,
};

/** The two models of the job: the one that was asked for, and the same one trained with step size 0. */
export type TrainedModel = "model" | "without writes";

/** Parts of a job begin and end. */
export type StageEvent =
  | { readonly kind: "stage"; readonly stage: string }
  | { readonly kind: "stage done"; readonly stage: string; readonly seconds: number };

/** What happens while the job runs. */
export type MainJobEvent =
  | { readonly kind: "note"; readonly sentence: string }
  | StageEvent
  | ({ readonly kind: "step"; readonly of: TrainedModel; readonly steps: number } & StepMetrics)
  | ({ readonly kind: "validation"; readonly of: TrainedModel } & ValidationMetrics)
  | ({ readonly kind: "diagnostics" } & DiagnosticsPoint)
  | { readonly kind: "sample"; readonly when: "before" | "after"; readonly prompt: string; readonly text: string };

/** What to hear from the job, how much it measures, and when to stop it. */
export interface MainJobHooks {
  /** Hears of everything that happens. */
  onEvent?(event: MainJobEvent): void;
  readonly budget?: Partial<MainJobBudget>;
  /** Stops after the current training step, which is then saved, or after the current measurement. */
  readonly signal?: AbortSignal;
}

/** A part of the job with a name. */
export type Stage = <T>(name: string, f: () => Promise<T>) => Promise<T>;

/** A job under way. */
export interface Job {
  readonly run: Run;
  readonly text: JobText;
  /** Traces the model's memories; `undefined` if it has none. */
  readonly tracer: MemoryTracer | undefined;
  readonly budget: MainJobBudget;
  readonly hooks: MainJobHooks;
  readonly stage: Stage;
}

/** Parts of a job, and how long those that have ended took. */
export interface Stages {
  readonly stage: Stage;
  readonly durations: readonly { readonly stage: string; readonly seconds: number }[];
}

/** Runs parts of a job, says which one, and notes how long each took. */
export function stagesOf({ onEvent }: { onEvent?(event: StageEvent): void }): Stages {
  const durations: { stage: string; seconds: number }[] = [];
  const stage: Stage = async (name, f) => {
    onEvent?.({ kind: "stage", stage: name });
    const since = performance.now();
    const result = await f();
    const seconds = (performance.now() - since) / 1000;
    durations.push({ stage: name, seconds });
    onEvent?.({ kind: "stage done", stage: name, seconds });
    return result;
  };
  return { stage, durations };
}
