/** Trains every row of Table 1 on the same text, measures what its memory does, and writes one page about all of them (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { release } from "../array/index.ts";
import { type TokenWindows, writeFileAtomic } from "../data/index.ts";
import { rowForm, tableRow, tableRowNames } from "../miras/index.ts";
import { loadCheckpoint, newRunConfig, newRunFolder, type Run, type RunLayer, readMetrics } from "../training/index.ts";
import { ConfigError, NonFiniteError } from "../utils/index.ts";
import { gainOverOrder0 } from "./compare-data.ts";
import { type CompareHooks, learnedIn, notesTo, trainTold } from "./compare-job.ts";
import { checkRuns, type PlannedRun, readPlan, writePlan } from "./compare-plan.ts";
import { type BaselineText, openBaselineText } from "./job-text.ts";
import { type Stage, stagesOf } from "./main-job-stages.ts";
import { openRunIn } from "./open-run.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { measureRow } from "./row-measure.ts";
import type { RowResult, RowTrainingData, TrainedRow } from "./row-training-data.ts";
import { renderRowTraining } from "./row-training-report.ts";
import { aboutRun, platformName } from "./run-facts.ts";
import { spreadWindows } from "./spread-windows.ts";

/** What to train. */
export interface RowTrainingOptions {
  /** Rows of Table 1; all by default. */
  readonly rows?: readonly string[] | undefined;
  /** Changes to all runs, from the weakest to the strongest. */
  readonly layers?: readonly RunLayer[];
  /** Where the changes were written, for messages. */
  readonly where: string;
}

/** What the job has come to. One that was stopped goes on from its folder with `resumeRowTraining`. */
export type RowTrainingResult =
  | { readonly finished: false; readonly folder: string }
  | { readonly finished: true; readonly folder: string; readonly report: ReportPaths; readonly data: RowTrainingData };

/** The preset whose sizes and numbers all rows are trained with. */
const PRESET = "lmm-small";
/** What is less than in the preset: a minute or so a row. */
const SHORTER = { steps: 100, length: 128, segment: 32 };
const VALIDATIONS = 10;
/** Tokens that are scored after training; each row is scored three times. */
const SCORED_TOKENS = 32_768;
const JOB = "training of rows";

/**
 * The runs of the job: one a row, all with the same sizes, steps and windows of text.
 *
 * @throws ConfigError if a row is unknown or named twice, or a configuration cannot work
 */
export function plannedRows({ rows = tableRowNames, layers = [], where }: RowTrainingOptions): PlannedRun[] {
  if (rows.length === 0) throw new ConfigError("no rows to train; name at least one");
  const twice = rows.find((name, i) => rows.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError(`the row "${twice}" is named twice; name each one once`);
  return rows.map((name) => {
    tableRow(name);
    const own = { model: { architecture: `miras:${name}` }, preset: PRESET };
    const config = newRunConfig([{ training: SHORTER }, ...layers, own], where);
    const { steps, length } = config.training;
    // Attention that sees the whole text is the row; other memories have no window.
    const model = { ...config.model, window: length };
    return {
      name,
      config: { ...config, model, training: { ...config.training, evaluateEvery: Math.ceil(steps / VALIDATIONS) } },
    };
  });
}

/**
 * Trains rows one after the other, each as an ordinary run in a folder inside, and writes `rows.html` and `rows.json`. A row that meets a number that is not
 * finite is reported as such, and the others go on.
 *
 * @param options what to train, and `out`: the folder, by default a new one in `runs`
 * @throws ConfigError if a row is unknown or the folder holds a run: before anything is trained
 * @throws DataError if the corpus cannot be used
 * @throws MissingPackageError if a package that the page needs is not installed
 */
export async function trainRows(
  options: RowTrainingOptions & { readonly out?: string | undefined },
  hooks: CompareHooks = {},
): Promise<RowTrainingResult> {
  const runs = plannedRows(options);
  await checkRuns(runs);
  await loadPlotter();
  const folder = newRunFolder(options.out, "miras-rows");
  await writePlan(folder, runs);
  return trainPlanned(folder.path, runs, hooks);
}

/**
 * Goes on with a job that was stopped: rows that were measured are kept, one that was half trained goes on exactly.
 *
 * @param folder the job's
 * @throws CheckpointError if there is none in it
 */
export async function resumeRowTraining(folder: string, hooks: CompareHooks = {}): Promise<RowTrainingResult> {
  const runs = readPlan(folder, JOB);
  for (const { name } of runs) tableRow(name);
  await loadPlotter();
  return trainPlanned(folder, runs, hooks);
}

/** A job under way. */
interface RowJob {
  readonly folder: string;
  readonly hooks: CompareHooks;
  readonly stage: Stage;
  readonly text: BaselineText;
  readonly windows: readonly TokenWindows[];
  onNote(sentence: string): void;
}

async function trainPlanned(
  folder: string,
  runs: readonly PlannedRun[],
  hooks: CompareHooks,
): Promise<RowTrainingResult> {
  const { corpus, training } = runs[0]!.config;
  const { steps, seed, batch, accumulate, length } = training;
  const { stage, durations } = stagesOf(hooks);
  const text = await stage("counting bytes for the baselines", () => openBaselineText(corpus));
  try {
    const targets = hooks.budget?.validationTokens ?? SCORED_TOKENS;
    const windows = spreadWindows(text.validation, { batch, length, targets });
    const job: RowJob = { folder, hooks, stage, text, windows, onNote: notesTo(hooks) };
    const rows: RowResult[] = [];
    for (const planned of runs) {
      const row = await keptOrTrained(job, planned);
      if (row === undefined || hooks.signal?.aborted) return { finished: false, folder };
      rows.push(row);
    }
    const data: RowTrainingData = {
      format: 1,
      name: basename(folder),
      corpus,
      seed,
      steps,
      bytesRead: steps * batch * accumulate * length,
      platform: platformName(),
      trainingBytes: text.trainingBytes,
      validationBytes: text.validation.length,
      baselines: text.baselines,
      rows,
      durations,
    };
    const page = renderRowTraining(await loadPlotter(), data);
    return { finished: true, folder, report: await writePage(join(folder, "rows"), data, page), data };
  } finally {
    text.close();
  }
}

/** @returns `undefined` if the training was stopped */
async function keptOrTrained(job: RowJob, planned: PlannedRun): Promise<RowResult | undefined> {
  const kept = join(job.folder, planned.name, "row.json");
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as RowResult;
  const row = await trainAndMeasure(job, planned);
  if (row !== undefined) await writeFileAtomic(kept, `${JSON.stringify(row)}\n`);
  return row;
}

async function trainAndMeasure(job: RowJob, planned: PlannedRun): Promise<RowResult | undefined> {
  const { folder, hooks, stage, onNote } = job;
  const { name, config } = planned;
  const about = { name, ...rowForm(tableRow(name), config.model.heads) };
  const run = await openRunIn(join(folder, name), { layer: config, where: `the row ${name}`, onNote });
  try {
    const trained = await stage(`training ${name}`, () => trainTold(run, name, hooks));
    if (!trained.complete) return undefined;
    return await stage(`measuring ${name}`, () => measured(job, { ...about, config }, run, trained.checkpoint));
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    return { ...about, failure: error.message };
  } finally {
    await run.engine.dispose();
  }
}

async function measured(
  { text, windows }: RowJob,
  about: Pick<TrainedRow, "name" | "form" | "exact" | "config">,
  run: Run,
  checkpoint: string,
): Promise<RowResult> {
  const { engine, model, folder } = run;
  const { training } = about.config;
  const { params, tokenizer } = await loadCheckpoint(checkpoint);
  const gradientWindows = windows[0]!;
  const found = await measureRow({ engine, model, params, training, tokenizer, windows, gradientWindows });
  const { parameters, engine: ran } = aboutRun(run, params);
  release(params);
  const steps = (await readMetrics(folder.metrics)).filter((line) => line.kind === "step");
  return {
    ...about,
    parameters,
    engine: ran,
    ...(await learnedIn(folder.metrics)),
    ...found,
    gainOverOrder0: gainOverOrder0(found.bitsPerByte, text.baselines),
    largestGradient: Math.max(...steps.map(({ gradientNorm }) => gradientNorm)),
  };
}
