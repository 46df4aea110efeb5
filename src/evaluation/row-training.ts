/** Trains every row of Table 1 on the same text, measures what its memory does, and writes one page about all of them (Node only). */
import { join } from "node:path";
import { release } from "../array/index.ts";
import { rowForm, tableRow, tableRowNames } from "../miras/index.ts";
import { loadCheckpoint, newRunConfig, type RunLayer, readMetrics } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { gainOverOrder0 } from "./compare-data.ts";
import { type CompareHooks, learnedIn } from "./compare-job.ts";
import { beginPlan, type PlannedRun, readPlan } from "./compare-plan.ts";
import { stagesOf } from "./main-job-stages.ts";
import { type PlannedJob, type PlannedRunEnd, trainPlannedRuns } from "./planned-job.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { measureRow } from "./row-measure.ts";
import type { RowResult, RowTrainingData } from "./row-training-data.ts";
import { renderRowTraining } from "./row-training-report.ts";
import { aboutRun } from "./run-facts.ts";

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
  return trainPlanned(await beginPlan(runs, { out: options.out, name: "miras-rows" }), runs, hooks);
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

async function trainPlanned(
  folder: string,
  runs: readonly PlannedRun[],
  hooks: CompareHooks,
): Promise<RowTrainingResult> {
  const trained = await trainPlannedRuns(folder, runs, rowJob, hooks, stagesOf(hooks));
  if (trained === undefined) return { finished: false, folder };
  const data: RowTrainingData = { ...trained.facts, seed: runs[0]!.config.training.seed, rows: trained.found };
  const page = renderRowTraining(await loadPlotter(), data);
  return { finished: true, folder, report: await writePage(join(folder, "rows"), data, page), data };
}

const rowJob: PlannedJob<RowResult> = {
  kind: "row",
  measure: measuredRow,
  diverged: (planned, _, { message }) => ({ ...aboutRow(planned), failure: message }),
};

function aboutRow({ name, config }: PlannedRun): Pick<RowResult, "name" | "form" | "exact"> {
  return { name, ...rowForm(tableRow(name), config.model.heads) };
}

async function measuredRow({ planned, run, checkpoint, text, windows }: PlannedRunEnd): Promise<RowResult> {
  const { engine, model, folder } = run;
  const { config } = planned;
  const { params, tokenizer } = await loadCheckpoint(checkpoint);
  const gradientWindows = windows[0]!;
  const { training } = config;
  const found = await measureRow({ engine, model, params, training, tokenizer, windows, gradientWindows });
  const { parameters, engine: ran } = aboutRun(run, params);
  release(params);
  const steps = (await readMetrics(folder.metrics)).filter((line) => line.kind === "step");
  return {
    ...aboutRow(planned),
    config,
    parameters,
    engine: ran,
    ...(await learnedIn(folder.metrics)),
    ...found,
    gainOverOrder0: gainOverOrder0(found.bitsPerByte, text.baselines),
    largestGradient: Math.max(...steps.map(({ gradientNorm }) => gradientNorm)),
  };
}
