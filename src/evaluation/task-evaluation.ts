/** How well a model answers the questions of a task, and whether it needs its memory for that. */
import { type Engine, release } from "../array/index.ts";
import { type AnswerScore, evaluationSeed, type Question, type Task, taskBatch } from "../data/index.ts";
import type { LanguageModel, ModelParams } from "../models/index.ts";
import { segmentsOf } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { addAnswers, answersOf, type BinnedScore, byDepth, byDistance, joinBins, noAnswers } from "./answer-bins.ts";
import { type MemoryCondition, readConditions } from "./condition-answers.ts";
import { addLosses, type ChunkLosses, ConditionReader, noLosses } from "./condition-reader.ts";
import { addWrites, type MemoryWrites, noWrites } from "./memory-writes.ts";

/** How a task was answered. */
export interface TaskEvaluation {
  readonly task: string;
  /** Targets of a row. */
  readonly length: number;
  readonly rows: number;
  /** Tokens that are read at a time: between these the controls change memories. */
  readonly segment: number;
  /** Share of answer tokens that the best guess gets right. */
  readonly chance: number;
  /** All questions, memory on. */
  readonly all: AnswerScore;
  /** Questions whose fact lies in an earlier segment than their answer, under each condition; left out for a model without a memory. */
  readonly carried?: Readonly<Record<MemoryCondition, AnswerScore>>;
  /** Memory on, by where the fact stands among the tokens before the answer: tenths, those without a question left out. */
  readonly byDepth: readonly BinnedScore[];
  /** Memory on, by tokens from the fact to the answer: powers of two, those without a question left out. */
  readonly byDistance: readonly BinnedScore[];
  /** Memory on; rows that fill up the last batch included. */
  readonly writes: MemoryWrites;
  /** How much less the associative loss of a chunk is after it was written, and forgotten from, than before: the mean over chunks; `null` without a memory. */
  readonly lossDrop: number | null;
  /** The same as a share of the loss before; `null` also where that is not above 0. */
  readonly lossDropShare: number | null;
}

/** What is asked, and how it is read. */
export interface TaskEvaluationOptions {
  /** Targets of a row; a multiple of `segment`. */
  readonly length: number;
  /** Rows whose answers are counted. */
  readonly rows: number;
  /** Rows side by side, 16 by default. The last batch is filled up with rows that are read and not counted. */
  readonly batch?: number;
  /** Tokens that are read at a time, a multiple of the model's `chunkSize`: by default that, or 64 of a model without a memory. */
  readonly segment?: number;
  /** Which rows, from 1, which is the default: those of 0 are the validations' of trainings. */
  readonly seed?: number;
  /** Whether the model is one that is not to write; of others a memory that never wrote is an error. */
  readonly withoutWrites?: boolean;
  /** Stops after a segment. */
  readonly signal?: AbortSignal;
  /** Told after every segment how much is read, in tokens of a row over all batches; waited for. */
  onProgress?(done: number, total: number): unknown;
}

type Sizes = Required<Pick<TaskEvaluationOptions, "length" | "rows" | "batch" | "segment" | "seed">>;

const BATCH = 16;
/** Tokens that models without a memory read at a time, where that fits. */
const SEGMENT = 64;

/** Evaluates a model on a task once; see `TaskEvaluator`, which keeps its programs. */
export async function evaluateTask(
  engine: Engine,
  model: LanguageModel,
  params: ModelParams,
  task: Task,
  options: TaskEvaluationOptions,
): Promise<TaskEvaluation> {
  return new TaskEvaluator(engine, model).evaluate(params, task, options);
}

/** Evaluates a model on tasks: the same compiled programs serve all lengths. */
export class TaskEvaluator {
  private readonly reader: ConditionReader;

  constructor(engine: Engine, model: LanguageModel) {
    this.reader = new ConditionReader(engine, model);
  }

  /**
   * Finds out whether rows can be made, read and compared, before any of them is read.
   *
   * @returns all sizes, those left out as they are by default
   * @throws ConfigError if not
   */
  check(task: Task, options: TaskEvaluationOptions): Sizes {
    const { model } = this.reader;
    const { length, rows, segment = defaultSegment(model, options), seed = 1 } = options;
    const { batch = Math.min(BATCH, Math.max(2, rows)) } = options;
    const sizes = { length, rows, batch, segment, seed };
    checkSizes(model, task, sizes);
    if (model.memoryBlocks.length > 0) checkCarried(model, task, sizes);
    return sizes;
  }

  /**
   * Reads rows of a task, each from a fresh memory, and counts right answers with the memory on, off, another row's, and as it was at the start.
   *
   * Another row's memory is written like the own one, and what a row reads within a segment is its own, so the conditions are compared on questions whose
   * fact lies in an earlier segment; those without a fact count from the second segment on. Levels of a continuum memory learn while the memory is on,
   * and stand still under the controls.
   *
   * @param params the model's
   * @throws ConfigError if the rows cannot be made, read or compared, or the memory never wrote
   * @throws DOMException called `AbortError` once the signal is raised
   */
  async evaluate(params: ModelParams, task: Task, options: TaskEvaluationOptions): Promise<TaskEvaluation> {
    const { model } = this.reader;
    const { signal } = options;
    const sizes = this.check(task, options);
    const { length, rows, batch, segment, seed } = sizes;
    const batches = Math.ceil(rows / batch);
    const parts: ReturnType<typeof scored>[] = [];
    let writes: MemoryWrites = noWrites;
    let losses: ChunkLosses = noLosses;
    for (let step = 0; step < batches; step++) {
      const windows = taskBatch(task, { batch, length, seed: evaluationSeed(seed), step });
      const questions = windows.questions.slice(0, rows - step * batch);
      const segments = segmentsOf(windows, segment);
      const found = await readConditions(this.reader, params, segments, async (done) => {
        await options.onProgress?.(step * length + done * segment, batches * length);
        signal?.throwIfAborted();
      }).finally(() => release(segments));
      parts.push(scored(found.right, { questions, length, segment }));
      writes = addWrites(writes, found.writes);
      losses = addLosses(losses, found.losses);
    }
    checkWrites(model, writes, options);
    const { chunks, before, after } = losses;
    const total = (of: (part: (typeof parts)[number]) => AnswerScore) => parts.map(of).reduce(addAnswers, noAnswers);
    const carried = (condition: MemoryCondition) => total((part) => part.carried[condition]);
    return {
      task: task.name,
      length,
      rows,
      segment,
      chance: task.chance,
      all: total(({ all }) => all),
      ...(model.memoryBlocks.length > 0 && {
        carried: { on: carried("on"), off: carried("off"), shuffled: carried("shuffled"), frozen: carried("frozen") },
      }),
      byDepth: joinBins(parts.map((part) => part.byDepth)),
      byDistance: joinBins(parts.map((part) => part.byDistance)),
      writes,
      lossDrop: chunks === 0 ? null : (before - after) / chunks,
      lossDropShare: before > 0 ? (before - after) / before : null,
    };
  }
}

/** A model without a memory may have a grid of single tokens, which would take a call each. */
function defaultSegment({ chunkSize, memoryBlocks, learn }: LanguageModel, { length }: TaskEvaluationOptions): number {
  const mayBeLonger = memoryBlocks.length === 0 && learn === undefined;
  return mayBeLonger && SEGMENT % chunkSize === 0 && length % SEGMENT === 0 ? SEGMENT : chunkSize;
}

/** Whether a question can be answered only with what was carried from an earlier segment. */
function isCarried({ fact, target }: Question, segment: number): boolean {
  return Math.floor(target / segment) > Math.floor((fact ?? 0) / segment);
}

/** The answers of one batch. */
function scored(
  right: Readonly<Record<MemoryCondition, Float32Array>>,
  {
    questions,
    length,
    segment,
  }: { readonly questions: readonly (readonly Question[])[]; readonly length: number; readonly segment: number },
) {
  const answered = (condition: MemoryCondition) => ({ length, questions, right: right[condition] });
  const carried = (condition: MemoryCondition) => answersOf(answered(condition), (asked) => isCarried(asked, segment));
  return {
    all: answersOf(answered("on"), () => true),
    carried: { on: carried("on"), off: carried("off"), shuffled: carried("shuffled"), frozen: carried("frozen") },
    byDepth: byDepth(answered("on")),
    byDistance: byDistance(answered("on")),
  };
}

function checkSizes(model: LanguageModel, task: Task, { length, rows, batch, segment, seed }: Sizes): void {
  const hasMemory = model.memoryBlocks.length > 0;
  for (const [name, value] of Object.entries({ rows, batch, segment, seed })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    const why = name === "seed" && value === 0 ? "; the rows of 0 are those of validations" : "";
    throw new ConfigError(`${name} must be a whole number of at least 1, not ${value}${why}`);
  }
  if (hasMemory && batch < 2)
    throw new ConfigError("a batch of 1 row has no other row whose memory it could get; use a batch of at least 2");
  const { vocabularySize } = model.config;
  if (task.vocabularySize !== vocabularySize) {
    throw new ConfigError(
      `the task "${task.name}" has ${task.vocabularySize} symbols with these settings, the model ${vocabularySize}; evaluate it on a task with the symbols it was trained on`,
    );
  }
  if (segment % model.chunkSize !== 0)
    throw new ConfigError(
      `a segment of ${segment} tokens is no multiple of ${model.chunkSize}, which the model reads at a time`,
    );
  if (model.learn && segment !== model.chunkSize) {
    throw new ConfigError(
      `levels of this model learn every ${model.chunkSize} tokens, so that is its segment, not ${segment}; leave the segment out`,
    );
  }
  if (length % segment !== 0)
    throw new ConfigError(
      `rows of ${length} tokens are no whole number of segments of ${segment}; use a multiple of ${segment}`,
    );
}

function checkCarried({ chunkSize }: LanguageModel, task: Task, { length, batch, segment, seed }: Sizes): void {
  const { questions } = taskBatch(task, { batch, length, seed: evaluationSeed(seed), step: 0 });
  if (questions.flat().some((asked) => isCarried(asked, segment))) return;
  const shorter = segment > chunkSize ? `segments of ${chunkSize}, or ` : "";
  throw new ConfigError(
    `rows of "${task.name}" with ${length} tokens ask for nothing that was carried from one segment of ${segment} tokens to another, so no memory is needed; ` +
      `use ${shorter}rows of ${2 * length} tokens or more`,
  );
}

function checkWrites(
  { memoryBlocks }: LanguageModel,
  { writes, slots }: MemoryWrites,
  options: TaskEvaluationOptions,
): void {
  if (memoryBlocks.length === 0 || options.withoutWrites || writes > 0) return;
  throw new ConfigError(
    `the memory never wrote: none of its ${slots} step sizes was above 0, so the answers say nothing about it; ` +
      "evaluate a model that was trained with writes (a maxStepSize above 0)",
  );
}
