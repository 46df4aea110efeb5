/** Trains several models on the same text, with the same seed and as many steps, and writes one report about all of them (Node only). */
import { basename, join } from "node:path";
import { release } from "../array/index.ts";
import type { TokenWindows } from "../data/index.ts";
import {
  loadCheckpoint,
  openRunIn,
  type Run,
  readMetrics,
  type StepMetrics,
  textCurve,
  trainRun,
  type ValidationMetrics,
} from "../training/index.ts";
import { type CompareData, type ComparedModel, gainOverOrder0, ranked } from "./compare-data.ts";
import { beginPlan, type CompareOptions, type PlannedRun, plannedRuns, readPlan } from "./compare-plan.ts";
import { renderComparison } from "./compare-report.ts";
import { openBaselineText } from "./job-text.ts";
import { mainJobBudget, type Stage, type StageEvent, stagesOf } from "./main-job-stages.ts";
import { finalOf, type MeasureBudget, validationWindows } from "./measure-model.ts";
import { pairedDifference, type WindowScores } from "./paired-scores.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { aboutRun } from "./run-facts.ts";
import { WindowReader } from "./window-reader.ts";

/** What happens while models are compared; `of` names the model. */
export type CompareEvent =
  | StageEvent
  | ({ readonly kind: "step"; readonly of: string; readonly steps: number } & StepMetrics)
  | ({ readonly kind: "validation"; readonly of: string } & ValidationMetrics)
  | { readonly kind: "note"; readonly sentence: string };

/** What to hear from a comparison, how much it measures, and when to stop it. */
export interface CompareHooks {
  /** Hears of everything that happens. */
  onEvent?(event: CompareEvent): void;
  readonly budget?: Partial<Pick<MeasureBudget, "validationTokens">>;
  /** Stops after the current training step, which is then saved, or after the current measurement. */
  readonly signal?: AbortSignal;
}

/** What the comparison has come to. One that was stopped goes on from its folder with `resumeCompareJob`. */
export type CompareResult =
  | { readonly finished: false; readonly folder: string }
  | { readonly finished: true; readonly folder: string; readonly report: ReportPaths; readonly data: CompareData };

/** A model, and its scores to compare it by. */
interface Measured {
  readonly model: Omit<ComparedModel, "againstBest">;
  readonly scores: WindowScores;
  readonly platform: string;
}

/** A comparison under way. */
interface Comparison {
  readonly folder: string;
  readonly hooks: CompareHooks;
  readonly stage: Stage;
  readonly baselines: CompareData["baselines"];
  readonly windows: readonly TokenWindows[];
  onNote(sentence: string): void;
}

/**
 * Trains presets one after the other, each as an ordinary run in a folder inside, measures them on the same windows, and writes `compare.html` and
 * `compare.json`.
 *
 * ```ts
 * const result = await compareJob({ presets: ["lmm-small", "transformer-small"], layers: [{ corpus: "moby-dick" }], where: "my script" });
 * ```
 *
 * @param options what to compare, and `out`: the folder, by default a new one in `runs`
 * @throws ConfigError if a configuration cannot work, or the folder holds a run: before anything is trained
 * @throws DataError if the corpus cannot be used
 * @throws MissingPackageError if a package that the report needs is not installed
 */
export async function compareJob(
  options: CompareOptions & { readonly out?: string | undefined },
  hooks: CompareHooks = {},
): Promise<CompareResult> {
  const runs = plannedRuns(options);
  return compareRuns(await beginPlan(runs, { out: options.out, name: "compare" }), runs, hooks);
}

/**
 * Goes on with a comparison that was stopped: models that were trained are not trained again, one that was half trained goes on exactly.
 *
 * @param folder the comparison's
 * @throws CheckpointError if there is none in it
 */
export async function resumeCompareJob(folder: string, hooks: CompareHooks = {}): Promise<CompareResult> {
  const runs = readPlan(folder);
  await loadPlotter();
  return compareRuns(folder, runs, hooks);
}

async function compareRuns(folder: string, runs: readonly PlannedRun[], hooks: CompareHooks): Promise<CompareResult> {
  const { corpus, training } = runs[0]!.config;
  const { stage, durations } = stagesOf(hooks);
  const { validationTokens } = { ...mainJobBudget, ...hooks.budget };
  const text = await stage("counting bytes for the baselines", () => openBaselineText(corpus));
  try {
    const { baselines, trainingBytes, validation } = text;
    const windows = validationWindows(validation, training.length, validationTokens);
    const comparison: Comparison = { folder, hooks, stage, baselines, windows, onNote: notesTo(hooks) };
    const measured: Measured[] = [];
    for (const planned of runs) {
      const one = await trainAndMeasure(comparison, planned);
      if (one === undefined || hooks.signal?.aborted) return { finished: false, folder };
      measured.push(one);
    }
    const { steps, seed, batch, accumulate, length } = training;
    const data: CompareData = {
      format: 1,
      name: basename(folder),
      corpus,
      seed,
      steps,
      bytesRead: steps * batch * accumulate * length,
      platform: measured[0]!.platform,
      trainingBytes,
      validationBytes: validation.length,
      baselines,
      models: againstBest(measured),
      durations,
    };
    const page = renderComparison(await loadPlotter(), data);
    return { finished: true, folder, report: await writePage(join(folder, "compare"), data, page), data };
  } finally {
    text.close();
  }
}

/** @returns `undefined` if the training was stopped */
async function trainAndMeasure(comparison: Comparison, planned: PlannedRun): Promise<Measured | undefined> {
  const { folder, hooks, stage, onNote } = comparison;
  const { name, config } = planned;
  const run = await openRunIn(join(folder, name), { layer: config, where: `the comparison's ${name}`, onNote });
  try {
    const train = () => trainTold(run, name, hooks);
    const { checkpoint, complete } =
      run.from.step < config.training.steps ? await stage(`training ${name}`, train) : await train();
    return complete ? await stage(`measuring ${name}`, () => measure(comparison, planned, run, checkpoint)) : undefined;
  } finally {
    await run.engine.dispose();
  }
}

/** What engines have to say, each sentence once: those of other models say the same. */
export function notesTo({ onEvent }: CompareHooks): (sentence: string) => void {
  const told = new Set<string>();
  return (sentence) => {
    if (!told.has(sentence)) onEvent?.({ kind: "note", sentence });
    told.add(sentence);
  };
}

/** Trains a run, and tells of every step under the run's name. */
export function trainTold(run: Run, of: string, { onEvent, signal }: CompareHooks) {
  const { steps } = run.config.training;
  return trainRun(run, {
    onStep: (metrics) => onEvent?.({ kind: "step", of, steps, ...metrics }),
    onValidation: (metrics) => onEvent?.({ kind: "validation", of, ...metrics }),
    ...(signal ? { signal } : {}),
  });
}

async function measure(
  { baselines, windows }: Comparison,
  { name, config }: PlannedRun,
  run: Run,
  checkpoint: string,
): Promise<Measured> {
  const { engine, model, folder } = run;
  const { length, segment } = config.training;
  const { params, tokenizer } = await loadCheckpoint(checkpoint);
  const reader = new WindowReader(engine, model, segment);
  const read = await reader.readWindows(params, windows, tokenizer, { write: true });
  const final = finalOf(read, length);
  const { platform, parameters, engine: ran } = aboutRun(run, params);
  release(params);
  const learned = await learnedIn(folder.metrics);
  return {
    model: {
      name,
      config,
      parameters,
      engine: ran,
      ...learned,
      final,
      gainOverOrder0: gainOverOrder0(final.bitsPerByte, baselines),
    },
    scores: read.scores,
    platform,
  };
}

/** The curves of a run, and how fast it went. */
export async function learnedIn(
  metrics: string,
): Promise<Pick<ComparedModel, "training" | "validation" | "secondsPerStep">> {
  const lines = await readMetrics(metrics);
  const seconds = lines.filter(({ kind }) => kind === "step").map((line) => line.seconds);
  return {
    training: textCurve(lines, "step"),
    validation: textCurve(lines, "validation"),
    secondsPerStep: median(seconds),
  };
}

/** The middle one of some numbers: steps that also compiled do not count. */
function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function againstBest(measured: readonly Measured[]): ComparedModel[] {
  const [best] = ranked(measured.map(({ model }) => model));
  const reference = measured.find(({ model }) => model.name === best?.name)!;
  return measured.map(({ model, scores }) =>
    model.name === best?.name ? model : { ...model, againstBest: pairedDifference(scores, reference.scores) },
  );
}
