/** The trainings of the main job: the model and the same model without writes, with samples and diagnostics on the way (Node only). */
import { join } from "node:path";
import { release } from "../array/index.ts";
import { type ModelParams, mayWrite, withoutWrites } from "../models/index.ts";
import {
  initialTrainingState,
  loadCheckpoint,
  openRunIn,
  type Run,
  type RunSummary,
  trainRun,
} from "../training/index.ts";
import { appendDiagnostics } from "./diagnostics-log.ts";
import type { Job, MainJobHooks, TrainedModel } from "./main-job-stages.ts";
import { summarizeTrace } from "./memory-trace.ts";
import type { ReportData } from "./report-data.ts";
import { sampleText } from "./run-facts.ts";

/** The trained models. */
export interface TrainedPair {
  readonly model: RunSummary;
  /** The same model trained with step size 0; `undefined` if that would be the same model. */
  readonly control: RunSummary | undefined;
  readonly samples: ReportData["samples"];
}

/** Folder of the control's run, inside the model's. */
const CONTROL_FOLDER = "without-writes";
const TEMPERATURE = 0.8;

/**
 * Trains the model and its control, or goes on with them.
 *
 * @returns `undefined` if the job was stopped on the way
 */
export async function trainPair(job: Job): Promise<TrainedPair | undefined> {
  const { run, text, hooks, stage } = job;
  const { config, model } = run;
  const { signal } = hooks;

  const before = await stage("sample before training", async () => {
    const fresh = initialTrainingState(model, config.training);
    if (run.from.step === 0) await diagnose(job, 0, fresh.params);
    const written = await sample(job, "before", fresh.params);
    release(fresh.params, fresh.optimizer);
    return written;
  });
  const trained = await stage("training", () =>
    trainTold(run, "model", hooks, (step, params) => diagnose(job, step, params)),
  );
  if (!trained.complete) return undefined;
  const after = await stage("sample after training", async () => {
    const { params } = await loadCheckpoint(trained.checkpoint);
    const written = await sample(job, "after", params);
    release(params);
    return written;
  });
  if (signal?.aborted) return undefined;
  const control = hasControl(run)
    ? await stage("training without writes", async () => trainTold(await openControl(run), "without writes", hooks))
    : undefined;
  if (control?.complete === false || signal?.aborted) return undefined;
  const { seed } = config.training;
  return { model: trained, control, samples: { prompt: text.prompt, before, after, temperature: TEMPERATURE, seed } };
}

/** Trains a run, telling what happens. */
async function trainTold(
  run: Run,
  of: TrainedModel,
  hooks: MainJobHooks,
  watch?: (step: number, params: ModelParams) => Promise<void>,
): Promise<RunSummary> {
  const { steps } = run.config.training;
  return trainRun(run, {
    onStep: (metrics) => hooks.onEvent?.({ kind: "step", of, steps, ...metrics }),
    async onValidation(metrics, state) {
      hooks.onEvent?.({ kind: "validation", of, ...metrics });
      await watch?.(metrics.step, state.params);
    },
    ...(hooks.signal ? { signal: hooks.signal } : {}),
  });
}

/** Text that the model writes from the passage's first words on. */
async function sample({ run, text, budget, hooks }: Job, when: "before" | "after", params: ModelParams) {
  const { prompt } = text;
  const { seed } = run.config.training;
  const options = { prompt, maxTokens: budget.sampleTokens, temperature: TEMPERATURE, seed };
  const written = await sampleText(run, params, { ...options, ...(hooks.signal ? { signal: hooks.signal } : {}) });
  hooks.onEvent?.({ kind: "sample", when, prompt, text: written });
  return written;
}

/** Traces the beginning of the passage, and adds what it finds to the run's metrics. */
async function diagnose({ run, text, tracer, budget, hooks }: Job, step: number, params: ModelParams): Promise<void> {
  if (tracer === undefined) return;
  const since = performance.now();
  const trace = await tracer.trace(params, text.passage.slice(0, budget.diagnosticsTokens));
  const point = { step, layers: summarizeTrace(trace) };
  appendDiagnostics(run.folder.metrics, point, (performance.now() - since) / 1000);
  hooks.onEvent?.({ kind: "diagnostics", ...point });
}

function hasControl({ model, config }: Run): boolean {
  return model.memoryBlocks.length > 0 && mayWrite(config.model);
}

/** The run of the same model with step size 0: a new one, or the one that was begun. */
async function openControl({ folder, config }: Run): Promise<Run> {
  return openRunIn(join(folder.path, CONTROL_FOLDER), {
    layer: { ...config, model: withoutWrites(config.model) },
    where: "the control without writes",
  });
}
