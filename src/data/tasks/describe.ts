/** A task as people read it: its knobs, and a row in symbols. */
import { taskNamed } from "./families.ts";
import type { Task, TaskFamily } from "./task.ts";
import { taskBatch } from "./task-batch.ts";

/** A knob. */
export interface DescribedKnob {
  readonly knob: string;
  /** What it is set to, by default its default; nothing for one that has none. */
  readonly value: unknown;
  /** One sentence. */
  readonly about: string;
}

/** A task with the settings it has. */
export interface DescribedTask extends Pick<TaskFamily, "name" | "summary" | "definition" | "source"> {
  readonly vocabularySize: number;
  readonly shortestLength: number;
  readonly chance: number;
  readonly knobs: readonly DescribedKnob[];
  /** A short row, symbol by symbol. */
  readonly example: readonly string[];
  /** Its answers: where each begins in the row, and its symbols. */
  readonly answers: readonly { readonly place: number; readonly symbols: readonly string[] }[];
}

/** Tokens of an example beyond the shortest row. */
const ROOM = 8;

/** Says everything about a task. */
export function describeTask(task: Task): DescribedTask {
  const { name, summary, definition, source, schema } = taskNamed(task.name);
  const { vocabularySize, shortestLength, chance } = task;
  const { tokens, questions } = taskBatch(task, { batch: 1, length: shortestLength + ROOM, seed: 0, step: 0 });
  const example = Array.from(tokens, (token) => task.symbols[token]!);
  const values = new Map(Object.entries(task.settings));
  const knobs = Object.entries(schema.shape)
    .filter(([knob]) => knob !== "name")
    .map(([knob, value]) => {
      const { description = "" } = value as { readonly description?: string };
      return { knob, value: values.get(knob), about: description };
    });
  const answers = questions[0]!.map(({ target, count }) => {
    return { place: target + 1, symbols: example.slice(target + 1, target + 1 + count) };
  });
  return { name, summary, definition, source, vocabularySize, shortestLength, chance, knobs, example, answers };
}
