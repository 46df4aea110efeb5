/** The trials of a sweep and their runs, as data: kept in the sweep's folder (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { randomStream, writeFileAtomic } from "../data/index.ts";
import { checkedRunConfig, type RunConfig, type RunLayer, runFolder, runSchema } from "../training/index.ts";
import { CheckpointError, ConfigError, parseConfig } from "../utils/index.ts";
import { parametersOf, type SweepParameter, type SweepSettings, sweepLayer, sweepSettings } from "./sweep-settings.ts";

/** Validations of each run, unless it is said how often. */
const VALIDATIONS = 10;
/** Significant digits of numbers that are drawn. */
const DIGITS = 4;

/** One choice of all parameters, trained with every seed. */
export interface PlannedTrial {
  /** 1 for the first. */
  readonly number: number;
  /** By their dotted keys. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** One a seed. */
  readonly runs: readonly { readonly name: string; readonly seed: number; readonly config: RunConfig }[];
}

/** A whole sweep before it runs. */
export interface SweepPlan {
  readonly settings: SweepSettings;
  readonly trials: readonly PlannedTrial[];
}

const planSchema = z.strictObject({
  format: z.literal(1),
  sweep: z.unknown(),
  trials: z.array(
    z.strictObject({
      number: z.int(),
      parameters: z.record(z.string(), z.unknown()),
      runs: z.array(z.strictObject({ name: z.string(), seed: z.int(), config: runSchema })),
    }),
  ),
});

/**
 * The choices of parameters that a sweep tries. A grid has all combinations of values, the last parameter changing fastest; a random search draws each value
 * by (seed, trial, parameter) alone, so that more trials leave the first ones as they are.
 */
export function sweepChoices(settings: SweepSettings): Record<string, unknown>[] {
  const parameters = parametersOf(settings);
  if (settings.search === "random") {
    return Array.from({ length: settings.trials! }, (_, trial) =>
      Object.fromEntries(parameters.map(([key, one], i) => [key, drawn(one, settings.seed, trial, i)])),
    );
  }
  return parameters.reduce<Record<string, unknown>[]>(
    (choices, [key, one]) => choices.flatMap((choice) => valuesOf(one).map((value) => ({ ...choice, [key]: value }))),
    [{}],
  );
}

function valuesOf(parameter: SweepParameter): readonly unknown[] {
  return "values" in parameter ? parameter.values : [];
}

function drawn(parameter: SweepParameter, ...counters: number[]): unknown {
  const random = randomStream(...counters);
  if ("values" in parameter) return random.pick(parameter.values);
  const { min, max, scale, integer } = parameter;
  // A whole number stands for all that are cut off to it.
  const end = integer ? max + 1 : max;
  const share = random.unit();
  const exact = scale === "log" ? min * (end / min) ** share : min + (end - min) * share;
  const value = integer ? Math.floor(exact) : Number(exact.toPrecision(DIGITS));
  return Math.min(max, Math.max(min, value));
}

/**
 * Plans a sweep: every run is checked, nothing is written.
 *
 * @param written a sweep file's contents
 * @param where it was written, for messages
 * @throws ConfigError if the file is wrong, or a run of it cannot work
 * @throws DataError if a corpus cannot be used
 */
export async function planSweep(written: unknown, where: string): Promise<SweepPlan> {
  const settings = sweepSettings(written, where);
  const trials: PlannedTrial[] = [];
  for (const [i, parameters] of sweepChoices(settings).entries()) {
    const number = i + 1;
    const place = `${where}, trial ${number} (${choiceText(parameters)})`;
    const config = await trialConfig(settings, parameters, place);
    const runs = Array.from({ length: settings.seeds }, (_, seed) => ({
      name: `trial-${number}-seed-${seed}`,
      seed,
      config: { ...config, training: { ...config.training, seed } },
    }));
    trials.push({ number, parameters, runs });
  }
  return { settings, trials };
}

async function trialConfig(
  settings: SweepSettings,
  parameters: Readonly<Record<string, unknown>>,
  where: string,
): Promise<RunConfig> {
  const layers = [sweepLayer(settings.base), sweepLayer(parameters)];
  const usual = await checkedRunConfig({ layers, where });
  const { steps } = usual.training;
  const rungs = settings.stop?.at ?? [];
  const evaluateEvery = rungs.length > 0 ? dividing(rungs, steps / VALIDATIONS) : Math.ceil(steps / VALIDATIONS);
  const weakest: RunLayer = { keep: 1, training: { evaluateEvery } };
  const config = await checkedRunConfig({ layers: [weakest, ...layers], where });
  if (config.corpus === "-")
    throw new ConfigError(`${where}: the runs of a sweep cannot all read standard input; name a file`);
  if (settings.metric === "answerAccuracy" && config.task === undefined)
    throw new ConfigError(`${where}: metric: answerAccuracy is for tasks; name one in base, or use metric: bits`);
  const late = rungs.find((step) => step >= steps);
  if (late !== undefined)
    throw new ConfigError(`${where}: stop.at names step ${late}, but the run has ${steps} steps; stop at earlier ones`);
  const between = rungs.find((step) => step % config.training.evaluateEvery !== 0);
  if (between !== undefined)
    throw new ConfigError(
      `${where}: stop.at names step ${between}, where no run is validated; training.evaluateEvery (${config.training.evaluateEvery}) must divide it`,
    );
  return config;
}

/** The largest whole number up to a limit, or 1, that divides all steps. */
function dividing(steps: readonly number[], limit: number): number {
  let divisor = Math.max(1, Math.floor(limit));
  while (steps.some((step) => step % divisor !== 0)) divisor--;
  return divisor;
}

/** Parameters in one line. */
export function choiceText(parameters: Readonly<Record<string, unknown>>): string {
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(" ");
}

/** A value of a parameter as tables show it. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Writes a plan into its folder. */
export async function writeSweepPlan(path: string, { settings, trials }: SweepPlan): Promise<void> {
  await writeFileAtomic(runFolder(path).config, `${JSON.stringify({ format: 1, sweep: settings, trials }, null, 1)}\n`);
}

/**
 * The plan of a sweep that was begun.
 *
 * @param path its folder
 * @throws CheckpointError if there is none in it
 * @throws ConfigError if its plan was damaged
 */
export function readSweepPlan(path: string): SweepPlan {
  const { config } = runFolder(path);
  const value = existsSync(config) ? parsed(config) : undefined;
  if (typeof value !== "object" || value === null || !("sweep" in value))
    throw new CheckpointError(`there is no sweep in ${path}; name the folder of one, or start a new one`);
  const { sweep, trials } = parseConfig(planSchema, value, config);
  return { settings: sweepSettings(sweep, config), trials };
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path} is not JSON; start a new sweep`, { cause });
  }
}
