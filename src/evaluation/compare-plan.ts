/** What a comparison trains, as data: made from names and changes, and kept in its folder (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { openTokenizer, writeFileAtomic } from "../data/index.ts";
import { comparedPresets, LanguageModel } from "../models/index.ts";
import {
  absoluteCorpus,
  checkTraining,
  newRunConfig,
  newRunFolder,
  openTrainingData,
  type RunConfig,
  type RunFolder,
  type RunLayer,
  runFolder,
  runSchema,
  type TrainingConfig,
} from "../training/index.ts";
import { CheckpointError, ConfigError, parseConfig } from "../utils/index.ts";
import { checkJobText } from "./job-text.ts";
import { validationWindows } from "./measure-model.ts";
import { loadPlotter } from "./plots.ts";

/** Validations of each training: points of its curve. */
const VALIDATIONS = 10;

const planSchema = z.strictObject({
  format: z.literal(1),
  /** In the order they are trained. */
  runs: z.array(z.strictObject({ name: z.string(), config: runSchema })).min(1),
});

/** One run of a comparison: a preset's name, and the whole configuration of its training. */
export interface PlannedRun {
  readonly name: string;
  readonly config: RunConfig;
}

/** What to compare. */
export interface CompareOptions {
  /** Names of presets; `comparedPresets` by default. */
  readonly presets?: readonly string[] | undefined;
  /** Changes to all of them, from the weakest to the strongest, such as `{ corpus: "sotu", training: { steps: 200 } }`. */
  readonly layers?: readonly RunLayer[];
  /** Where the changes were written, for messages. */
  readonly where: string;
}

/**
 * The runs of a comparison. They read the same windows of the same text in as many steps: what the changes leave open is the first preset's.
 *
 * @throws ConfigError if a preset is unknown or named twice, or a configuration cannot work
 */
export function plannedRuns({ presets = comparedPresets, layers = [], where }: CompareOptions): PlannedRun[] {
  const [first] = presets;
  if (first === undefined) throw new ConfigError("a comparison of no presets; name at least one");
  const twice = presets.find((name, i) => presets.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError(`the preset "${twice}" is named twice; name each one once`);
  const training = budgetOf(newRunConfig([...layers, { preset: first }], where).training);
  return presets.map((name) => {
    const config = newRunConfig([{ training }, ...layers, { preset: name }], where);
    return { name, config: { ...config, corpus: absoluteCorpus(config.corpus) } };
  });
}

/** What has to be the same for models to be compared. Everything else of the training is how a model is trained best. */
function budgetOf({ steps, batch, accumulate, length, evaluationTokens, seed }: TrainingConfig) {
  return { steps, batch, accumulate, length, evaluationTokens, seed, evaluateEvery: Math.ceil(steps / VALIDATIONS) };
}

/** Refuses runs that could not be trained, before the first of them is. */
async function checkRuns(runs: readonly PlannedRun[]): Promise<void> {
  for (const { config } of runs) checkJobText(config, "a comparison");
  const { tokenizer, corpus, training } = runs[0]!.config;
  const data = await openTrainingData(corpus, await openTokenizer(tokenizer));
  try {
    for (const { config } of runs) checkTraining(new LanguageModel(config.model), config.training, data);
    validationWindows(data.validation, training.length, 1);
  } finally {
    data.close();
  }
}

/**
 * Begins a job of several runs: finds out whether they can be trained and a page about them drawn, and writes the plan into a new folder.
 *
 * @param where `out`: the folder that was asked for, if any; `name`: what it is named after otherwise
 * @returns the folder
 * @throws ConfigError if a model does not fit its training, or the folder holds a run
 * @throws DataError if the text cannot be used
 * @throws MissingPackageError if a package that the page needs is not installed
 */
export async function beginPlan(
  runs: readonly PlannedRun[],
  { out, name }: { readonly out: string | undefined; readonly name: string },
): Promise<string> {
  await checkRuns(runs);
  await loadPlotter();
  const folder = newRunFolder(out, name);
  await writePlan(folder, runs);
  return folder.path;
}

async function writePlan(folder: RunFolder, runs: readonly PlannedRun[]): Promise<void> {
  const plan: z.input<typeof planSchema> = { format: 1, runs: [...runs] };
  await writeFileAtomic(folder.config, `${JSON.stringify(plan, null, 2)}\n`);
}

/**
 * The runs of a comparison that was begun, or of another job of several runs.
 *
 * @param path its folder
 * @param job what is looked for, for messages
 * @throws CheckpointError if there is none in it
 * @throws ConfigError if its plan was damaged
 */
export function readPlan(path: string, job = "comparison"): readonly PlannedRun[] {
  const { config } = runFolder(path);
  const value = existsSync(config) ? parsed(config, job) : undefined;
  if (typeof value !== "object" || value === null || !("runs" in value)) {
    throw new CheckpointError(`there is no ${job} in ${path}; name the folder of one, or start a new one`);
  }
  return parseConfig(planSchema, value, config).runs;
}

function parsed(path: string, job: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path} is not JSON; start a new ${job}`, { cause });
  }
}
