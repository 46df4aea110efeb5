/** The main job: from a text to a trained memory, the controls that say what it is worth, and a report (Node only). */
import { basename } from "node:path";
import { release } from "../array/index.ts";
import {
  loadCheckpoint,
  newRunConfig,
  type Run,
  type RunLayer,
  readMetrics,
  resumeRun,
  runFolder,
  startRun,
  textCurve,
} from "../training/index.ts";
import { readDiagnostics } from "./diagnostics-log.ts";
import { checkJobText, openJobText } from "./job-text.ts";
import { type Job, type MainJobHooks, mainJobBudget, stagesOf } from "./main-job-stages.ts";
import { type TrainedPair, trainPair } from "./main-job-training.ts";
import { checkMeasurable, measureModel } from "./measure-model.ts";
import { MemoryTracer } from "./memory-trace.ts";
import { loadPlotter } from "./plots.ts";
import { writeReport } from "./report.ts";
import type { ReportData } from "./report-data.ts";
import { aboutRun } from "./run-facts.ts";

/** What the job has come to. `folder` is the run's; a job that was stopped goes on from there with `resumeMainJob`. */
export type MainJobResult =
  | { readonly finished: false; readonly folder: string }
  | {
      readonly finished: true;
      readonly folder: string;
      readonly report: { readonly html: string; readonly json: string };
      readonly data: ReportData;
    };

/** Where in the validation text the passage is. */
const PASSAGE_SHARE = 0.5;
/** Bytes of the passage that samples go on from: few enough for the smaller of a reader's two programs. */
const PROMPT_BYTES = 48;

/**
 * Trains a model on a text, trains it again with step size 0, measures both, and writes `report.html` and `report.json` into the run's folder.
 *
 * ```ts
 * const result = await mainJob({ layers: [{ preset: "lmm-small", corpus: "moby-dick" }], where: "my script" }, { onEvent: console.log });
 * ```
 *
 * @param options `layers`, `where` and `out` as for `startRun`: no run is written over
 * @throws ConfigError if the configuration cannot work, or its tokens are not bytes
 * @throws DataError if the corpus cannot be used
 * @throws MissingPackageError if a package that the report needs is not installed: before anything is trained
 */
export async function mainJob(
  options: { readonly layers: readonly RunLayer[]; readonly where: string; readonly out?: string | undefined },
  hooks: MainJobHooks = {},
): Promise<MainJobResult> {
  checkJobText(newRunConfig(options.layers, options.where), "the main job");
  await loadPlotter();
  return runJob(await startRun({ ...options, onNote: notesTo(hooks) }), hooks);
}

/**
 * Goes on with a job that was stopped: finished parts of the training are not repeated. It also reports on a run that was trained otherwise.
 *
 * @param folder the run's
 * @throws CheckpointError if it holds no run
 */
export async function resumeMainJob(folder: string, hooks: MainJobHooks = {}): Promise<MainJobResult> {
  await loadPlotter();
  const asked = { path: folder, layers: [], where: "the main job", allowEngineChange: false };
  const run = await resumeRun({ ...asked, onNote: notesTo(hooks) });
  checkJobText(run.config, "the main job");
  return runJob(run, hooks);
}

async function runJob(run: Run, hooks: MainJobHooks): Promise<MainJobResult> {
  const { config, engine, model } = run;
  const { path } = run.folder;
  const budget = { ...mainJobBudget, ...hooks.budget };
  const { stage, durations } = stagesOf(hooks);
  const text = await stage("counting bytes for the baselines", () =>
    openJobText(config.corpus, { at: PASSAGE_SHARE, length: budget.passageTokens, prompt: PROMPT_BYTES }),
  );
  try {
    checkMeasurable(config.training, text.validation);
    const tracer = model.memoryBlocks.length > 0 ? new MemoryTracer(engine, model, config.training.segment) : undefined;
    const job: Job = { run, text, tracer, budget, hooks, stage };
    const pair = await trainPair(job);
    if (pair === undefined) return { finished: false, folder: path };
    const measured = await stage("measuring", () => measurePair(job, pair));
    if (hooks.signal?.aborted) return { finished: false, folder: path };
    const data: ReportData = {
      format: 1,
      name: basename(path),
      config,
      trainingBytes: text.trainingBytes,
      validationBytes: text.validation.length,
      baselines: text.baselines,
      ...(await curvesOf(path)),
      validationWithoutWrites: pair.control ? (await curvesOf(pair.control.run)).validation : [],
      diagnosticsTokens: Math.min(budget.diagnosticsTokens, text.passage.length),
      diagnostics: await readDiagnostics(run.folder.metrics),
      ...measured,
      samples: pair.samples,
      durations,
    };
    return { finished: true, folder: path, report: await writeReport(path, data), data };
  } finally {
    text.close();
  }
}

/** Everything that is measured of the trained models, and the passage as the memories saw it. */
async function measurePair({ run, text, tracer, budget }: Job, { model: trained, control }: TrainedPair) {
  const { engine, model } = run;
  const { training } = run.config;
  const { params, tokenizer } = await loadCheckpoint(trained.checkpoint);
  const withoutWrites = control && (await loadCheckpoint(control.checkpoint)).params;
  const measured = { engine, model, training, params, tokenizer, validation: text.validation };
  const measurements = await measureModel(measured, withoutWrites, budget);
  const trace = await tracer?.trace(params, text.passage);
  const about = aboutRun(run, params);
  release(params, withoutWrites ?? []);
  return { ...measurements, ...about, ...(trace ? { passage: { bytes: [...text.passage], trace } } : {}) };
}

async function curvesOf(run: string): Promise<Pick<ReportData, "training" | "validation">> {
  const lines = await readMetrics(runFolder(run).metrics);
  return { training: textCurve(lines, "step"), validation: textCurve(lines, "validation") };
}

/** What the engine has to say, told once: the control's engine would say the same. */
function notesTo({ onEvent }: MainJobHooks): (sentence: string) => void {
  return (sentence) => onEvent?.({ kind: "note", sentence });
}
