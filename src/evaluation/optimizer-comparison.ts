/** Trains a model with several optimisers and seeds on the same text, and writes one page about all of them (Node only). */
import { basename, join } from "node:path";
import { countElements, release, startEngine } from "../array/index.ts";
import { optimizers as known, type OptimizerName, optimizerNamed, optimizerNames } from "../optim/index.ts";
import {
  firstNonFinite,
  initialTrainingState,
  loadCheckpoint,
  newRunConfig,
  newRunFolder,
  type Run,
  type RunLayer,
} from "../training/index.ts";
import { CheckpointError, ConfigError } from "../utils/index.ts";
import { type CompareHooks, learnedIn } from "./compare-job.ts";
import { beginPlan, type PlannedRun, readPlan } from "./compare-plan.ts";
import { stagesOf } from "./main-job-stages.ts";
import type { OptimizerComparisonData, OptimizerRun } from "./optimizer-comparison-data.ts";
import { renderOptimizerComparison } from "./optimizer-comparison-report.ts";
import { measureOptimizerToys } from "./optimizer-toys.ts";
import { bitsPerByte } from "./paired-scores.ts";
import { type PlannedJob, type PlannedRunEnd, trainPlannedRuns } from "./planned-job.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { WindowReader } from "./window-reader.ts";

/** What to compare. */
export interface OptimizerComparisonOptions {
  /** Names of optimisers; all by default. */
  readonly optimizers?: readonly OptimizerName[] | undefined;
  /** Trainings of each, with the seeds 0, 1, ...; 3 by default. */
  readonly seeds?: number | undefined;
  /** Changes to all trainings, from the weakest to the strongest. */
  readonly layers?: readonly RunLayer[];
  /** Where the changes were written, for messages. */
  readonly where: string;
}

/** What the comparison has come to. One that was stopped goes on from its folder with `resumeOptimizerComparison`. */
export type OptimizerComparisonResult =
  | { readonly finished: false; readonly folder: string }
  | {
      readonly finished: true;
      readonly folder: string;
      readonly report: ReportPaths;
      readonly data: OptimizerComparisonData;
    };

/** Trainings of each optimiser unless it is said how many: enough to see a spread. */
export const COMPARED_SEEDS = 3;
/** Steps of each training unless it is said how many; the optimisers' own learning rates were searched with as many. */
export const COMPARED_STEPS = 100;
/** The preset that is trained unless another is named: the one that those rates were searched with. */
export const COMPARED_PRESET = "mac-small";
const VALIDATIONS = 10;
const JOB = "comparison of optimizers";
const FOLDER = "optimizers";

/**
 * The trainings of the job: every optimiser with every seed, all with the same model, steps and windows of text, each optimiser with the learning rate that
 * is its own unless the changes give one.
 *
 * @throws ConfigError if an optimiser is unknown or named twice, or a configuration cannot work
 */
export function plannedOptimizers({
  optimizers = optimizerNames,
  seeds = COMPARED_SEEDS,
  layers = [],
  where,
}: OptimizerComparisonOptions): PlannedRun[] {
  checkNames(optimizers);
  return optimizers.flatMap((name) =>
    Array.from({ length: seeds }, (_, seed) => {
      // AdamW too: a preset's rate was found in another way than those of the others.
      const weakest = {
        preset: COMPARED_PRESET,
        training: { steps: COMPARED_STEPS, learningRate: known[name].learningRate },
      };
      const config = newRunConfig([weakest, ...layers, { training: { optimizer: { name }, seed } }], where);
      const evaluateEvery = Math.ceil(config.training.steps / VALIDATIONS);
      return { name: runName(name, seed), config: { ...config, training: { ...config.training, evaluateEvery } } };
    }),
  );
}

function checkNames(optimizers: readonly OptimizerName[]): void {
  if (optimizers.length === 0) throw new ConfigError("no optimizers to compare; name at least one");
  for (const name of optimizers) optimizerNamed(name);
  const twice = optimizers.find((name, i) => optimizers.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError(`the optimizer "${twice}" is named twice; name each one once`);
}

function runName(optimizer: string, seed: number): string {
  return `${optimizer}-${seed}`;
}

/**
 * Trains with optimisers one after the other, each training an ordinary run in a folder inside, and writes `optimizers.html` and `optimizers.json`. A training
 * that meets a number that is not finite is a result, and the others go on.
 *
 * ```ts
 * const result = await compareOptimizers({ optimizers: ["adamw", "muon"], seeds: 3, layers: [{ preset: "lmm-small" }], where: "my script" });
 * ```
 *
 * @param options what to compare, and `out`: the folder, by default a new one in `runs`
 * @throws ConfigError if an optimiser is unknown or the folder holds a run: before anything is trained
 * @throws DataError if the corpus cannot be used
 * @throws MissingPackageError if a package that the page needs is not installed
 */
export async function compareOptimizers(
  options: OptimizerComparisonOptions & { readonly out?: string | undefined },
  hooks: CompareHooks = {},
): Promise<OptimizerComparisonResult> {
  const runs = plannedOptimizers(options);
  return compareRuns(await beginPlan(runs, { out: options.out, name: FOLDER }), runs, hooks);
}

/**
 * Goes on with a comparison that was stopped: trainings that were measured are kept, one that was half done goes on exactly.
 *
 * @param folder the comparison's
 * @throws CheckpointError if there is none in it
 */
export async function resumeOptimizerComparison(
  folder: string,
  hooks: CompareHooks = {},
): Promise<OptimizerComparisonResult> {
  const runs = readPlan(folder, JOB);
  const foreign = runs.find(
    ({ name, config: { training } }) => name !== runName(training.optimizer.name, training.seed),
  );
  if (foreign !== undefined) {
    throw new CheckpointError(`${folder} holds another job, with a run "${foreign.name}"; name the folder of a ${JOB}`);
  }
  await loadPlotter();
  return compareRuns(folder, runs, hooks);
}

async function compareRuns(
  folder: string,
  runs: readonly PlannedRun[],
  hooks: CompareHooks,
): Promise<OptimizerComparisonResult> {
  const stages = stagesOf(hooks);
  const trained = await trainPlannedRuns(folder, runs, optimizerJob, hooks, stages);
  if (trained === undefined) return { finished: false, folder };
  const optimizers = [...new Set(runs.map(({ config }) => config.training.optimizer.name))];
  const seeds = runs.length / optimizers.length;
  const { config } = runs[0]!;
  const trainings = { ...trained.facts, seeds, config, runs: trained.found };
  return { finished: true, folder, ...(await written(folder, { optimizers, trainings }, hooks)) };
}

/**
 * Compares optimisers on the toy problems alone, and writes the same page about that.
 *
 * @param options `optimizers`: all by default; `out`: the folder, by default a new one in `runs`
 * @throws ConfigError if an optimiser is unknown or the folder holds a run
 */
export async function compareOptimizersOnToys(
  {
    optimizers = optimizerNames,
    out,
  }: { readonly optimizers?: readonly OptimizerName[] | undefined; readonly out?: string | undefined },
  hooks: CompareHooks = {},
): Promise<{ folder: string; report: ReportPaths; data: OptimizerComparisonData }> {
  checkNames(optimizers);
  await loadPlotter();
  const folder = newRunFolder(out, FOLDER).path;
  return { folder, ...(await written(folder, { optimizers }, hooks)) };
}

async function written(
  folder: string,
  found: Pick<OptimizerComparisonData, "optimizers" | "trainings">,
  hooks: CompareHooks,
): Promise<{ report: ReportPaths; data: OptimizerComparisonData }> {
  hooks.onEvent?.({ kind: "stage", stage: "toy problems" });
  // Small programs, hundreds of steps each: eager and compiled on the engine that is always there.
  await startEngine("wasm");
  const toys = measureOptimizerToys({ optimizers: found.optimizers });
  const data: OptimizerComparisonData = { format: 1, name: basename(folder), ...found, toys };
  const page = renderOptimizerComparison(await loadPlotter(), data);
  return { report: await writePage(join(folder, "optimizers"), data, page), data };
}

const optimizerJob: PlannedJob<OptimizerRun> = {
  kind: "training",
  measure: measuredRun,
  diverged: async (planned, run, { step, arrays }) => ({
    ...(await factsOf(planned, run)),
    failure: { step, arrays },
  }),
};

async function measuredRun({ planned, run, checkpoint, windows }: PlannedRunEnd): Promise<OptimizerRun> {
  const { engine, model } = run;
  const { segment, steps } = planned.config.training;
  const facts = await factsOf(planned, run);
  const { params, tokenizer } = await loadCheckpoint(checkpoint);
  try {
    const reader = new WindowReader(engine, model, segment);
    const bits = bitsPerByte((await reader.readWindows(params, windows, tokenizer, { write: true })).scores);
    if (Number.isFinite(bits)) return { ...facts, bitsPerByte: bits };
    // The last step's weights are never seen by another step.
    const path = await firstNonFinite(params);
    return { ...facts, failure: { step: steps, arrays: path === undefined ? [] : [`weight "${path}"`] } };
  } finally {
    release(params);
  }
}

async function factsOf({ config: { training } }: PlannedRun, { engine, model, folder }: Run) {
  const { optimizer, seed, learningRate } = training;
  const { params, optimizer: state } = initialTrainingState(model, training);
  const parameters = countElements(params);
  const statePerParameter = countElements(state) / parameters;
  release(params, state);
  const learned = await learnedIn(folder.metrics);
  return {
    optimizer: optimizer.name,
    seed,
    learningRate,
    rateFrom: learningRate === known[optimizer.name].learningRate ? ("optimizer" as const) : ("given" as const),
    engine: { name: engine.name, threads: engine.threads },
    parameters,
    statePerParameter,
    ...learned,
    validation: learned.validation.filter((point) => Number.isFinite(point.bitsPerByte)),
  };
}
