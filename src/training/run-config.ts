/** The configuration of a whole run: a preset with layers of changes upon it, validated as one. */
import { z } from "zod";
import { engineNames } from "../array/index.ts";
import { taskSchema } from "../data/index.ts";
import { defaultPreset, modelSchema, presetNamed } from "../models/index.ts";
import { optimizerNames, optimizers } from "../optim/index.ts";
import { ConfigError, parseConfig } from "../utils/index.ts";
import { trainingSchema } from "./config.ts";
import { taskCorpus } from "./window-source.ts";

/** What a run is made of, as a configuration file may write it and as the run's folder keeps it. */
export const runSchema = z.strictObject({
  /** Where the numbers that are not given come from. */
  preset: z.string().optional(),
  /** The name of a bundled text, a file, a folder, a glob pattern, or `-` for standard input. Of a run on a task, `task:` and its name. */
  corpus: z.string().default("moby-dick"),
  /** What is trained on instead of a corpus: a task's name and knobs, such as `{ name: "recall", pairs: 8 }`. */
  task: taskSchema.optional(),
  /** `bytes`, or a Hugging Face `tokenizer.json`. */
  tokenizer: z.string().default("bytes"),
  engine: z.enum(engineNames).default("auto"),
  /** Threads of the native engine; by default as many as the machine runs at once. */
  threads: z.int().min(1).optional(),
  /** Checkpoints to keep; older ones are removed. */
  keep: z.int().min(1).default(3),
  model: modelSchema,
  training: trainingSchema,
});

/** A validated run configuration. */
export type RunConfig = z.output<typeof runSchema>;

/** Some entries of a run configuration as somebody wrote them, not validated yet. */
export type RunLayer = Readonly<Record<string, unknown>>;

/** Entries that a resumed run may change: they decide how far it goes and what is kept, not what a step does. */
const CHANGEABLE: readonly string[] = ["training.steps", "training.evaluateEvery", "training.checkpointEvery"];

/** Share of a run's steps that the warm-up takes at most, unless its length is given. */
const LARGEST_WARMUP = 1 / 4;

/**
 * The configuration of a new run: its preset, then each layer over the ones before it. A preset's learning rate is for AdamW: another optimiser has its own
 * unless a layer gives one.
 *
 * @param layers from the weakest to the strongest
 * @param where they were written, for messages
 * @throws ConfigError if an entry is unknown, has the wrong type, or does not fit the others
 */
export function newRunConfig(layers: readonly RunLayer[], where: string): RunConfig & { readonly preset: string } {
  const written = mergeLayers(layers);
  const { preset = defaultPreset } = parseConfig(z.object({ preset: runSchema.shape.preset }), written, where);
  const { model, training } = presetNamed(preset);
  const merged = mergeLayers([{ model, training }, ownLearningRate(written), written]);
  const config = parseConfig(runSchema, withShorterWarmup(merged, written), where);
  return { ...config, ...sourceNames(config, written, where), preset };
}

/**
 * The configuration of a resumed run.
 *
 * @param before the configuration it ran with until now
 * @param layers what is asked for now, from the weakest to the strongest
 * @param where they were written, for messages
 * @throws ConfigError if they are invalid, or ask for another model or for other steps than the run's
 */
export function resumedRunConfig(before: RunConfig, layers: readonly RunLayer[], where: string): RunConfig {
  const written = mergeLayers(layers);
  if ("preset" in written) throw new ConfigError(`${where}: a resumed run keeps its model; leave the preset out`);
  checkSameOptimizer(before, written);
  const after = parseConfig(runSchema, mergeLayers([keptFrom(before, written), written]), where);
  sourceNames(after, written, where);
  const kept = entriesOf(numbersOf(before));
  const asked = entriesOf(numbersOf(after));
  for (const path of new Set([...kept.keys(), ...asked.keys()])) {
    const [was, is] = [kept, asked].map((entries) => JSON.stringify(entries.get(path)) ?? "left out");
    if (is === was || CHANGEABLE.includes(path)) continue;
    throw new ConfigError(
      `${path} is ${was} in the checkpoint, not ${is}; a resumed run keeps its numbers, so leave it out or start a new run`,
    );
  }
  return after;
}

/**
 * Layers as one: objects are merged entry by entry, anything else is replaced.
 *
 * @param layers from the weakest to the strongest
 */
export function mergeLayers(layers: readonly RunLayer[]): RunLayer {
  const merged = new Map<string, unknown>();
  for (const [name, value] of layers.flatMap((layer) => Object.entries(layer))) {
    const below = merged.get(name);
    merged.set(name, isLayer(below) && isLayer(value) ? mergeLayers([below, value]) : value);
  }
  return Object.fromEntries(merged);
}

function isLayer(value: unknown): value is RunLayer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a resumed run keeps. */
function numbersOf({ model, training, task }: RunConfig): RunLayer {
  return { model, training, ...(task ? { task } : {}) };
}

/** What stands in the place of a text's name and its tokens' where a run has a task. */
function sourceNames(
  { task }: RunConfig,
  written: RunLayer,
  where: string,
): Partial<Pick<RunConfig, "corpus" | "tokenizer">> {
  if (task === undefined) return {};
  const name = taskCorpus(task.name);
  for (const entry of ["corpus", "tokenizer"]) {
    if (!(entry in written) || written[entry] === name) continue;
    throw new ConfigError(`${where}: a run on a task has no ${entry}; leave out ${entry} or task`);
  }
  return { corpus: name, tokenizer: name };
}

/** Before anything else is checked: the settings of one optimiser are unknown to another. */
function checkSameOptimizer({ training: { optimizer } }: RunConfig, { training }: RunLayer): void {
  const asked = isLayer(training) && isLayer(training.optimizer) ? training.optimizer.name : undefined;
  if (asked === undefined || asked === optimizer.name) return;
  throw new ConfigError(
    `the run's optimizer is "${optimizer.name}", whose state "${asked}" cannot use; leave the optimizer out or start a new run`,
  );
}

/** Threads belong to an engine: another one has its own. */
function keptFrom(before: RunConfig, { engine = before.engine }: RunLayer): RunLayer {
  const { threads, ...others } = before;
  return engine === before.engine && threads !== undefined ? { ...others, threads } : others;
}

/** What an optimiser that was asked for puts over the preset, whose rate is for AdamW. */
function ownLearningRate({ training }: RunLayer): RunLayer {
  const name = isLayer(training) && isLayer(training.optimizer) ? training.optimizer.name : undefined;
  const chosen = optimizerNames.find((known) => known === name);
  if (chosen === undefined || chosen === "adamw") return {};
  return { training: { learningRate: optimizers[chosen].learningRate } };
}

/** A run that was only asked to be shorter must not be all warm-up. */
function withShorterWarmup(merged: RunLayer, written: RunLayer): RunLayer {
  const { training } = merged as { training?: { steps?: unknown; warmupSteps?: unknown } };
  const given = isLayer(written.training) && "warmupSteps" in written.training;
  if (given || typeof training?.steps !== "number") return merged;
  const usual = trainingSchema.shape.warmupSteps.parse(training.warmupSteps);
  const most = Math.max(0, Math.floor(training.steps * LARGEST_WARMUP));
  return mergeLayers([merged, { training: { warmupSteps: Math.min(usual, most) } }]);
}

/** Values of nested objects by dotted path. */
function entriesOf(layer: RunLayer, prefix = ""): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(layer)) {
    if (isLayer(value)) for (const [path, leaf] of entriesOf(value, `${prefix}${name}.`)) found.set(path, leaf);
    else found.set(prefix + name, value);
  }
  return found;
}
