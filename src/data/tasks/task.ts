/** What a task is: sequences made from random numbers, with questions whose answers follow from what stands before them. */
import { z } from "zod";
import type { RandomStream } from "../random-stream.ts";

/** A question of a row. A target is a token that is predicted: target t is token t + 1 of the row. */
export interface Question {
  /** Number of the answer's first target in the row. */
  readonly target: number;
  /** Tokens of the answer; its targets follow each other. */
  readonly count: number;
  /** Place in the row of the fact that the answer follows from, of several the oldest; `null` where it is not in the row. */
  readonly fact: number | null;
  /** Tokens from the fact to the answer's first token; `null` without a fact. */
  readonly distance: number | null;
  /** Where the fact stands among the tokens before the answer: 0 at their beginning, near 1 at their end; `null` without a fact. */
  readonly depth: number | null;
}

/** One generated sequence. */
export interface TaskRow {
  /** Token ids, shape [length + 1]. */
  readonly tokens: Int32Array;
  readonly questions: readonly Question[];
}

/** Training and evaluation draw from seeds, and texts, that have nothing in common. */
export type TaskPart = "training" | "evaluation";

/** What a family makes of its settings. */
export interface TaskRules {
  /** Names of the tokens; their places are the ids. */
  readonly symbols: readonly string[];
  /** The least number of targets of a row. */
  readonly shortestLength: number;
  /** Share of answer tokens that the best guess gets right without knowing the facts. */
  readonly chance: number;
  /** Makes a row of `length` + 1 tokens. */
  row(random: RandomStream, length: number, part: TaskPart): TaskRow;
}

/** A task with its settings. */
export interface Task extends TaskRules {
  readonly name: string;
  readonly settings: TaskSettings;
  readonly vocabularySize: number;
}

/** What may be learned from, in training and by a continuum memory while it reads: answers, or every next token. Answers alone are asked for. */
const lessons = ["answers", "everything"] as const;

/** Entries of every task beside its own knobs. */
const common = {
  lengths: z
    .array(z.int().min(1))
    .default([])
    .describe("Shorter lengths that training begins with, in this order; multiples of training.segment."),
  lengthsShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.4)
    .describe("Share of the steps, from the first on, that is trained at the shorter lengths."),
  mixedLengths: z
    .boolean()
    .default(false)
    .describe("Draws the length of every step from the shorter ones and training.length instead, to the end."),
  // Without a default, so that what was trained before this entry existed is still the same configuration.
  learnFrom: z
    .enum(lessons)
    .optional()
    .describe(
      "What training, and levels that learn while they read, learn from: everything, or answers, as where it is left out.",
    ),
};

/** The settings of a task as far as all tasks have them; its knobs are further entries. */
export interface TaskSettings {
  readonly name: string;
  readonly lengths: readonly number[];
  readonly lengthsShare: number;
  readonly mixedLengths: boolean;
  /** `answers` where it is absent. */
  readonly learnFrom?: (typeof lessons)[number] | undefined;
}

/** A book or another text that a task may hide things in. */
export interface TaskText {
  readonly byteLength: number;
  /** Reads a range of bytes. */
  read(start: number, count: number): Uint8Array;
}

/** What tasks are made of beside random numbers. */
export interface TaskSources {
  /** What the knob `text` names, where a task has one that names something. */
  readonly text?: TaskText;
  /** Pictures of 8 by 8 black and white pixels, by the digit that they show, for tasks that show some. */
  readonly pictures?: readonly (readonly Uint8Array[])[];
}

/** A kind of task, and how its settings are written. */
export interface TaskFamily {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** What a row looks like and what is asked. */
  readonly definition: string;
  /** Where the task comes from. */
  readonly source: string;
  /** Its name, knobs and the entries that all tasks have. */
  readonly schema: z.ZodObject;
  /** Knobs to try, as `--set` takes them. */
  readonly example: string;
  /**
   * The task with some settings.
   *
   * @param settings validated by `schema`
   */
  open(settings: TaskSettings, sources?: TaskSources): Task;
}

/** What keeps knobs from going together: the one to change, and a sentence. */
export interface KnobProblem {
  readonly knob: string;
  readonly sentence: string;
}

/** Makes a family; see `TaskFamily`. `problem` looks at all knobs together. */
export function defineTask<const N extends string, K extends z.ZodRawShape>(family: {
  readonly name: N;
  readonly summary: string;
  readonly definition: string;
  readonly source: string;
  readonly example: string;
  readonly knobs: K;
  problem?(knobs: z.output<z.ZodObject<K>>): KnobProblem | undefined;
  rules(knobs: z.output<z.ZodObject<K>>, sources: TaskSources): TaskRules;
}): TaskFamily & { readonly name: N } {
  const { knobs, problem, rules, ...about } = family;
  const schema = z.strictObject({ name: z.literal(family.name), ...knobs, ...common }).superRefine((value, context) => {
    const found = problem?.(value as z.output<z.ZodObject<K>>);
    if (found) context.addIssue({ code: "custom", path: [found.knob], message: found.sentence, input: value });
  });
  return {
    ...about,
    schema: schema as unknown as z.ZodObject,
    open(settings, sources = {}) {
      const made = rules(settings as unknown as z.output<z.ZodObject<K>>, sources);
      return { ...made, name: family.name, settings, vocabularySize: made.symbols.length };
    },
  };
}
