/** Trains the trials of a sweep side by side, gives up those without hope, and writes one page about all of them (Node only). */
import { basename, join } from "node:path";
import {
  lossOf,
  newRunFolder,
  type PoolEvent,
  type PoolRun,
  type PoolRunEnd,
  RunPool,
  readCheckpointMeta,
  readMetrics,
  runFolder,
} from "../training/index.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { platformName } from "./run-facts.ts";
import {
  hopeless,
  rankedTrials,
  type SweepData,
  type SweepPoint,
  type SweepRun,
  type SweepTrial,
  trialOf,
  trialValue,
} from "./sweep-data.ts";
import { type PlannedTrial, planSweep, readSweepPlan, type SweepPlan, writeSweepPlan } from "./sweep-plan.ts";
import { renderSweep } from "./sweep-report.ts";

/** What happens in a sweep. */
export type SweepEvent =
  | PoolEvent
  /** Runs are trained up to the next step at which trials are given up, or to their end; `done` of `total` steps have been trained. */
  | {
      readonly kind: "stage";
      readonly runs: number;
      readonly until: number | undefined;
      readonly done: number;
      readonly total: number;
    }
  /** Trials were compared at a step. */
  | {
      readonly kind: "rung";
      readonly step: number;
      readonly goOn: readonly number[];
      readonly stopped: readonly number[];
    };

/** What to hear from a sweep, how many workers it has, and when to stop it. */
export interface SweepHooks {
  /** Hears what happens. */
  onEvent?(event: SweepEvent): void;
  /** Instead of what the file says. */
  readonly workers?: number | undefined;
  /** Stops all runs after their current steps, which are then saved. */
  readonly signal?: AbortSignal;
}

/** What a sweep has come to. One that was stopped goes on from its folder with `resumeSweep`. */
export type SweepResult =
  | { readonly finished: false; readonly folder: string }
  | { readonly finished: true; readonly folder: string; readonly report: ReportPaths; readonly data: SweepData };

/** A trial, and the runs that a pool makes of it. */
interface UnderWay {
  readonly trial: PlannedTrial;
  readonly runs: readonly PoolRun[];
  ends: readonly PoolRunEnd[];
}

/**
 * Searches for good numbers: trains every choice of parameters with every seed, each an ordinary run in a folder inside, and writes `sweep.html` and `sweep.json`.
 *
 * ```ts
 * const sweep = { base: { preset: "lmm-tiny" }, parameters: { "training.learningRate": [1e-3, 1e-2] }, seeds: 3 };
 * const result = await sweepJob({ sweep, where: "my script" });
 * ```
 *
 * Trials are compared at the steps that `stop.at` names once all of them have come there, and the mean over a trial's seeds decides. So what is given up
 * depends neither on which run is faster nor on the number of workers.
 *
 * @param options `sweep`: what a sweep file holds; `where` it was written, for messages; `out`: the folder, by default a new one in `runs`
 * @throws ConfigError if it is wrong, a run of it cannot work, or the folder holds a run: before anything is trained
 * @throws DataError if a corpus cannot be used
 * @throws MissingPackageError if a package that the page needs is not installed
 */
export async function sweepJob(
  options: { readonly sweep: unknown; readonly where: string; readonly out?: string | undefined },
  hooks: SweepHooks = {},
): Promise<SweepResult> {
  const plan = await planSweep(options.sweep, options.where);
  await loadPlotter();
  const folder = newRunFolder(options.out, "sweep").path;
  await writeSweepPlan(folder, plan);
  return runSweep(folder, plan, hooks);
}

/**
 * Goes on with a sweep that was stopped: runs that came to their end are kept, those that were half trained go on exactly.
 *
 * @param folder the sweep's
 * @throws CheckpointError if there is none in it
 */
export async function resumeSweep(folder: string, hooks: SweepHooks = {}): Promise<SweepResult> {
  const plan = readSweepPlan(folder);
  await loadPlotter();
  return runSweep(folder, plan, hooks);
}

async function runSweep(folder: string, plan: SweepPlan, hooks: SweepHooks): Promise<SweepResult> {
  const { settings, trials } = plan;
  const { metric, stop } = settings;
  const all = trials.map((trial): UnderWay => {
    const runs = trial.runs.map(({ name, config }) => ({ name, config, folder: join(folder, name) }));
    return { trial, runs, ends: [] };
  });
  const { onEvent, signal, workers = settings.workers } = hooks;
  const pool = new RunPool({ workers, signal, onEvent: (event) => onEvent?.(event) });
  let alive: readonly UnderWay[] = all;
  for (const until of [...(stop?.at ?? []), undefined]) {
    await tellStage(alive, until, onEvent);
    const runs = alive.flatMap((one) => one.runs);
    const ends = await pool.trainAll(runs, { until });
    for (const one of alive) one.ends = one.runs.map((run) => ends[runs.indexOf(run)]!);
    const isShort = (end: PoolRunEnd) => end.outcome === "stopped" && end.step < (until ?? Number.POSITIVE_INFINITY);
    if (signal?.aborted && (until !== undefined || ends.some(isShort))) return { finished: false, folder };
    if (until === undefined || stop === undefined) break;
    const values = await Promise.all(
      alive.map(async (one) => trialValue(metric, await Promise.all(one.runs.map(validationOf)), until)),
    );
    const given = hopeless(metric, values, stop.quantile);
    const numbers = (wanted: boolean) => alive.flatMap(({ trial }, i) => (given[i] === wanted ? [trial.number] : []));
    onEvent?.({ kind: "rung", step: until, goOn: numbers(false), stopped: numbers(true) });
    alive = alive.filter((_, i) => !given[i]);
  }
  const data = await sweepData(folder, plan, all);
  const page = renderSweep(await loadPlotter(), data);
  return { finished: true, folder, report: await writePage(join(folder, "sweep"), data, page), data };
}

async function tellStage(
  alive: readonly UnderWay[],
  until: number | undefined,
  onEvent: SweepHooks["onEvent"],
): Promise<void> {
  if (onEvent === undefined) return;
  const runs = alive.flatMap((one) => one.runs);
  const steps = runs.map(({ config }) => config.training.steps);
  const reached = await Promise.all(runs.map(async (run) => (await validatedAndSteps(run)).step));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  onEvent({ kind: "stage", runs: runs.length, until, done: sum(reached), total: sum(steps) });
}

async function validationOf(run: PoolRun): Promise<SweepPoint[]> {
  return (await validatedAndSteps(run)).validation;
}

/** What a run's metrics say. */
async function validatedAndSteps({
  folder,
}: PoolRun): Promise<{ step: number; seconds: number; validation: SweepPoint[]; unit: string | undefined }> {
  const lines = await readMetrics(runFolder(folder).metrics);
  const validation = lines.flatMap((line): SweepPoint[] => {
    if (line.kind !== "validation") return [];
    const { step, answerAccuracy } = line;
    const { bits } = lossOf(line);
    // JSON has no other numbers: it writes them as null.
    return [
      {
        step,
        bits: Number.isFinite(bits) ? bits : Number.NaN,
        ...(answerAccuracy === undefined ? {} : { answerAccuracy }),
      },
    ];
  });
  const first = lines.find(({ kind }) => kind === "validation");
  return {
    step: lines.at(-1)?.step ?? 0,
    seconds: lines.reduce((total, line) => total + line.seconds, 0),
    validation,
    unit: first && lossOf(first).unit,
  };
}

async function sweepData(folder: string, { settings }: SweepPlan, all: readonly UnderWay[]): Promise<SweepData> {
  const found: SweepTrial[] = [];
  let [seconds, unit] = [0, "byte"];
  for (const { trial, runs, ends } of all) {
    const { number, parameters } = trial;
    const made: SweepRun[] = [];
    for (const [i, run] of runs.entries()) {
      const read = await validatedAndSteps(run);
      seconds += read.seconds;
      unit = read.unit ?? unit;
      made.push(sweepRun(trial.runs[i]!, ends[i]!, read.validation));
    }
    found.push(trialOf(settings.metric, { number, parameters, steps: runs[0]!.config.training.steps }, made));
  }
  const trials = rankedTrials(settings.metric, found);
  const engine = await engineOf(all);
  return { format: 1, name: basename(folder), settings, unit, platform: platformName(), engine, seconds, trials };
}

/** The engine that trained, by its own name. */
async function engineOf(all: readonly UnderWay[]): Promise<string> {
  for (const end of all.flatMap(({ ends }) => ends))
    if (end.outcome !== "diverged" && end.checkpoint !== undefined)
      return (await readCheckpointMeta(end.checkpoint)).engine.name;
  return all[0]!.trial.runs[0]!.config.engine;
}

function sweepRun(
  { name, seed }: { readonly name: string; readonly seed: number },
  end: PoolRunEnd,
  validation: readonly SweepPoint[],
): SweepRun {
  const { outcome, step } = end;
  return { name, seed, outcome, step, ...(end.outcome === "diverged" ? { arrays: end.arrays } : {}), validation };
}
