/** All tasks by name, their configuration, and how one is opened (Node only). */
import { z } from "zod";
import { ConfigError } from "../../utils/errors.ts";
import { unknownName } from "../../utils/nearest.ts";
import { openCorpus } from "../corpus.ts";
import { digitPictures } from "../digit-pictures.ts";
import { drift, outliers } from "./association-streams.ts";
import { classIncremental, domainStream } from "./continual-learning.ts";
import { compression, selectiveCopying } from "./copying.ts";
import { facts } from "./facts.ts";
import { abab, dyck1, dyck2, evenLength, modularCounting, parity } from "./formal-languages.ts";
import { fuzzyRecall, inContextRecall, noisyRecall } from "./in-context-recall.ts";
import { memorization } from "./memorization.ts";
import { numberNeedle, passkey, wordNeedle } from "./needles.ts";
import { permutedPixels } from "./permuted-pixels.ts";
import { recall } from "./recall.ts";
import type { Task, TaskFamily, TaskSettings, TaskText } from "./task.ts";
import { translation } from "./translation.ts";

const families: readonly TaskFamily[] = [
  recall,
  inContextRecall,
  fuzzyRecall,
  noisyRecall,
  selectiveCopying,
  compression,
  memorization,
  passkey,
  numberNeedle,
  wordNeedle,
  facts,
  parity,
  evenLength,
  abab,
  dyck1,
  dyck2,
  modularCounting,
  classIncremental,
  domainStream,
  permutedPixels,
  translation,
  drift,
  outliers,
];

/** All tasks by name. */
export const tasks: Readonly<Record<string, TaskFamily>> = Object.fromEntries(
  families.map((family) => [family.name, family]),
);

/** The names of all tasks. */
export const taskNames: readonly string[] = Object.keys(tasks);

/**
 * A kind of task by its name.
 *
 * @throws ConfigError if there is none, with the nearest name
 */
export function taskNamed(name: string): TaskFamily {
  const family = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (family === undefined) throw new ConfigError(unknownName("task", name, taskNames));
  return family;
}

const schemas = families.map(({ schema }) => schema) as [z.ZodObject, ...z.ZodObject[]];

/** A task and its knobs as a configuration writes them: `{ name: "recall", pairs: 8 }`. */
export const taskSchema = z.discriminatedUnion("name", schemas) as unknown as z.ZodType<TaskSettings, TaskSettings>;

/**
 * Opens a task.
 *
 * @param settings validated by `taskSchema`
 * @throws MissingPackageError if it needs a text or pictures whose package is not installed
 */
export async function openTask(settings: TaskSettings): Promise<Task> {
  const family = taskNamed(settings.name);
  const { text = "none" } = settings as { readonly text?: string };
  if (family.name === permutedPixels.name) return family.open(settings, { pictures: await digitPictures() });
  return text === "none" ? family.open(settings) : family.open(settings, { text: await wholeText(text) });
}

async function wholeText(name: string): Promise<TaskText> {
  const corpus = await openCorpus(name);
  const bytes = corpus.read(0, corpus.byteLength);
  corpus.close();
  return { byteLength: bytes.length, read: (start, count) => bytes.subarray(start, start + count) };
}
