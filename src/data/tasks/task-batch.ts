/** Batches of a task, as windows whose answers alone count. */
import { ConfigError } from "../../utils/errors.ts";
import { randomStream } from "../random-stream.ts";
import type { TokenWindows } from "../windows.ts";
import type { Question, Task } from "./task.ts";

/** Rows of a task side by side. */
export interface TaskBatch extends TokenWindows {
  /** 1 for the targets that are answers, else 0: [batch, length]. */
  readonly weights: Float32Array;
  /** The questions of each row, in order: [batch]. */
  readonly questions: readonly (readonly Question[])[];
}

/** Seeds of runs are below this, seeds of evaluations are not. */
const FIRST_EVALUATION_SEED = 2 ** 32;

/**
 * A seed that no training draws from.
 *
 * @param number which one, from 0
 */
export function evaluationSeed(number: number): number {
  return FIRST_EVALUATION_SEED + number;
}

/**
 * Makes rows of a task.
 *
 * The result is a pure function of the task's settings and the options: a resumed run sees what the uninterrupted one would have.
 *
 * @param options `batch`: rows; `length`: targets of a row; `seed`: below 2^32 for training, of `evaluationSeed` for evaluation; `step`: which draw
 * @throws ConfigError if a number cannot be used, or rows are too short for the task
 */
export function taskBatch(
  task: Task,
  options: { readonly batch: number; readonly length: number; readonly seed: number; readonly step: number },
): TaskBatch {
  const { batch, length, seed, step } = options;
  for (const [name, value] of Object.entries(options)) {
    const least = name === "batch" || name === "length" ? 1 : 0;
    if (!Number.isSafeInteger(value) || value < least)
      throw new ConfigError(`${name} must be a whole number of at least ${least}; it is ${value}`);
  }
  checkTaskLength(task, length);
  const part = seed < FIRST_EVALUATION_SEED ? "training" : "evaluation";
  const rows = Array.from({ length: batch }, (_, row) => task.row(randomStream(seed, step, row), length, part));
  const tokens = new Int32Array(batch * (length + 1));
  const weights = new Float32Array(batch * length);
  rows.forEach((row, i) => {
    tokens.set(row.tokens, i * (length + 1));
    for (const { target, count } of row.questions) weights.fill(1, i * length + target, i * length + target + count);
  });
  return {
    tokens,
    weights,
    ...(task.settings.learnFrom === "everything" && { observed: new Float32Array(batch * length).fill(1) }),
    batch,
    length,
    starts: rows.map(() => 0),
    targets: rows.map(() => length),
    questions: rows.map(({ questions }) => questions),
  };
}

/**
 * Refuses a length that the task does not fit into.
 *
 * @throws ConfigError with the least length
 */
export function checkTaskLength({ name, shortestLength }: Task, length: number): void {
  if (length >= shortestLength) return;
  throw new ConfigError(
    `the task "${name}" needs rows of at least ${shortestLength} tokens with these settings, not ${length}; make rows longer or the task smaller`,
  );
}

/** How many answers were right, token by token and as wholes. */
export interface AnswerScore {
  readonly tokens: number;
  readonly rightTokens: number;
  readonly answers: number;
  readonly rightAnswers: number;
}

/**
 * Counts right answers.
 *
 * @param right 1 where a target was predicted, else 0: [batch, length]
 */
export function scoreAnswers(
  { questions, length }: Pick<TaskBatch, "questions" | "length">,
  right: ArrayLike<number>,
): AnswerScore {
  let [tokens, rightTokens, answers, rightAnswers] = [0, 0, 0, 0];
  questions.forEach((ofRow, row) => {
    for (const { target, count } of ofRow) {
      let found = 0;
      for (let i = 0; i < count; i++) found += right[row * length + target + i]!;
      tokens += count;
      rightTokens += found;
      answers += 1;
      rightAnswers += found === count ? 1 : 0;
    }
  });
  return { tokens, rightTokens, answers, rightAnswers };
}
