/** What a sweep file says: a base, parameters over it, how they are searched, and when a trial is given up. */
import { z } from "zod";
import { mergeLayers, type RunLayer } from "../training/index.ts";
import { ConfigError, parseConfig } from "../utils/index.ts";

const value = z.union([
  z.number(),
  z.string(),
  z.boolean(),
  z.null(),
  z.array(z.unknown()),
  z.record(z.string(), z.unknown()),
]);
const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

/** Where the values of a parameter come from: a list, or a range that is drawn from. One object, so that a mistyped key is found. */
const parameterSchema = z.union([
  z.array(value).min(1),
  z.strictObject({
    values: z.array(value).min(1).optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    /** Whether equal differences are equally likely, or equal quotients. */
    scale: z.enum(["linear", "log"]).optional(),
    integer: z.boolean().optional(),
  }),
]);

/** A sweep file. */
const sweepSchema = z.strictObject({
  /** Entries of a run's configuration that all trials share; `arch` stands for `model.architecture`, a task's name for the task. */
  base: z.record(z.string(), z.unknown()).default({}),
  search: z.enum(["grid", "random"]).default("grid"),
  /** By the dotted key of a run's configuration. */
  parameters: z.record(z.string(), parameterSchema),
  /** Trials of a random search. */
  trials: z.int().min(1).optional(),
  /** Seed of a random search. */
  seed: seed.default(0),
  /** Runs of each trial, with the training seeds 0, 1, ... */
  seeds: z.int().min(1).default(1),
  /** Runs at a time; as many as the machine runs at once by default. */
  workers: z.int().min(1).optional(),
  /** What trials are ranked by: bits are better the fewer, right answers the more. */
  metric: z.enum(["bits", "answerAccuracy"]).default("bits"),
  /** When trials without hope are given up; never by default. */
  stop: z
    .strictObject({
      /** Steps at which all trials are compared. */
      at: z.array(z.int().min(1)).min(1),
      /** The share of them that goes on. */
      quantile: z.number().gt(0).lt(1).default(0.5),
    })
    .optional(),
});

/** A validated sweep file. */
export type SweepSettings = z.output<typeof sweepSchema>;
/** A parameter's values or range. */
export type SweepParameter =
  | { readonly values: readonly unknown[] }
  | { readonly min: number; readonly max: number; readonly scale: "linear" | "log"; readonly integer: boolean };
/** What trials are ranked by. */
export type SweepMetric = SweepSettings["metric"];

/**
 * Reads what a sweep file says.
 *
 * @param written the file's contents
 * @param where it was written, for messages
 * @throws ConfigError if a key is unknown, has the wrong type, or does not fit the others
 */
export function sweepSettings(written: unknown, where: string): SweepSettings {
  const settings = parseConfig(sweepSchema, written, where);
  const problem = problemOf(settings);
  if (problem !== undefined) throw new ConfigError(`${where}: ${problem}`);
  return settings;
}

function problemOf({ search, parameters, trials, base, stop }: SweepSettings): string | undefined {
  const keys = Object.keys(parameters);
  if (keys.length === 0)
    return "parameters has no keys; name at least one, such as training.learningRate: [1e-3, 3e-3]";
  if (search === "grid" && trials !== undefined)
    return "trials is for search: random; a grid has as many as its values make";
  if (search === "random" && trials === undefined) return "search: random needs trials, such as trials: 20";
  if ("training.seed" in parameters || "seed" in (Object(base.training) as object))
    return "training.seed is set by seeds, which says how many runs a trial has; leave training.seed out";
  const misformed = keys.find((key) => key.split(".").includes(""));
  if (misformed !== undefined) return `"${misformed}" is no dotted key such as training.learningRate`;
  const nested = keys.find((key) => keys.some((other) => other.startsWith(`${key}.`)));
  if (nested !== undefined) return `${nested} and an entry inside it are both parameters; keep one of them`;
  if (stop?.at.some((step, i) => step <= (stop.at[i - 1] ?? 0)))
    return "stop.at must list steps from the smallest to the largest";
  return keys.map((key) => parameterProblem(search, key, parameters[key]!)).find((one) => one !== undefined);
}

function parameterProblem(
  search: SweepSettings["search"],
  key: string,
  written: SweepSettings["parameters"][string],
): string | undefined {
  if (Array.isArray(written)) return undefined;
  const { values, min, max, scale, integer } = written;
  const place = `parameters.${key}`;
  if (values !== undefined) {
    const isRange = [min, max, scale, integer].some((one) => one !== undefined);
    return isRange ? `${place} has values and a range; keep one of them` : undefined;
  }
  if (min === undefined || max === undefined) return `${place} needs values, or min and max`;
  if (search === "grid")
    return `${place} is a range, which search: grid cannot list; give its values, or use search: random`;
  if (min >= max) return `${place}: min must be less than max`;
  if (scale === "log" && min <= 0) return `${place}: scale: log needs a min above 0`;
  if (integer && !(Number.isInteger(min) && Number.isInteger(max)))
    return `${place}: integer: true needs whole numbers as min and max`;
  return undefined;
}

/** The parameters of a sweep, by their keys, in the order of the file. */
export function parametersOf({ parameters }: SweepSettings): [key: string, parameter: SweepParameter][] {
  return Object.entries(parameters).map(([key, written]) => {
    if (Array.isArray(written)) return [key, { values: written }];
    const { values, min, max, scale = "linear", integer = false } = written;
    return [key, values === undefined ? { min: min!, max: max!, scale, integer } : { values }];
  });
}

/** Entries of a run's configuration as a sweep may write them: by dotted keys, and with short forms. */
export function sweepLayer(entries: Readonly<Record<string, unknown>>): RunLayer {
  const nested = Object.entries(entries).map(([key, one]) =>
    key.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), one),
  );
  const { arch, task, ...others } = mergeLayers(nested as RunLayer[]);
  return mergeLayers([
    others,
    arch === undefined ? {} : { model: { architecture: arch } },
    task === undefined ? {} : { task: typeof task === "string" ? { name: task } : task },
  ]);
}
