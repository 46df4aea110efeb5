/** Where the windows of a training come from: drawn from a text, or made by a task. */
import {
  type AnswerScore,
  checkTaskLength,
  counterRandom,
  evaluationSeed,
  sampleWindows,
  scoreAnswers,
  symbolTokenizer,
  type Task,
  type Tokenizer,
  type TokenSource,
  type TokenWindows,
  taskBatch,
} from "../data/index.ts";
import { ConfigError, DataError } from "../utils/index.ts";
import type { TrainingConfig } from "./config.ts";
import type { LossUnit } from "./loss-entry.ts";
import { countTargets } from "./segments.ts";

/** Windows to validate with. */
export interface ValidationWindows {
  readonly windows: TokenWindows;
  /** Counts right answers, where something is asked: from 1 or 0 for each target, [batch, length]. */
  score?(right: ArrayLike<number>): AnswerScore;
}

/** What a training reads. All windows are pure functions of the configuration and the number of the draw. */
export interface WindowSource {
  readonly tokenizer: Tokenizer;
  /** What losses of steps are counted in, and those of validations. */
  readonly trainingUnit: LossUnit;
  readonly validationUnit: LossUnit;
  /** The windows of micro-batch `micro` of the step after `step` steps. */
  trainingWindows(config: TrainingConfig, step: number, micro: number): TokenWindows;
  /** The windows of round `round` of every validation: the same ones at every step and in every run. */
  validationWindows(config: TrainingConfig, round: number): ValidationWindows;
  /** How many units the targets of windows stand for. */
  unitsOf(windows: TokenWindows): number;
  /**
   * Finds out whether a training can read it.
   *
   * @throws ConfigError or DataError if not
   */
  check(config: TrainingConfig): void;
}

/** Text to train on. */
export interface TrainingData {
  readonly tokenizer: Tokenizer;
  readonly training: TokenSource;
  readonly validation: TokenSource;
}

/** Which windows of a text validations read. */
const VALIDATION_SEED = 20_501_663;

/** Windows at random places of a text, every target of which counts. */
export function textWindows({ tokenizer, training, validation }: TrainingData): WindowSource {
  return {
    tokenizer,
    trainingUnit: "byte",
    validationUnit: "byte",
    trainingWindows({ batch, length, accumulate, seed }, step, micro) {
      return sampleWindows(training, { batch, length, seed, step: step * accumulate + micro });
    },
    validationWindows({ batch, length }, round) {
      return { windows: sampleWindows(validation, { batch, length, seed: VALIDATION_SEED, step: round }) };
    },
    unitsOf: (windows) => tokenizer.byteLength(targetsOf(windows)),
    check({ length }) {
      for (const [part, source] of Object.entries({ training, validation })) {
        if (source.length > length) continue;
        throw new DataError(
          `the ${part} part of "${source.name}" has ${source.length} tokens, and training.length ${length} needs one more than that; ` +
            "use a longer text or make training.length smaller",
        );
      }
    },
  };
}

/** The rows of a task, of which answers alone count, or in training everything; validations ask what no training asks. */
export function taskWindows(task: Task): WindowSource {
  const isWhole = task.settings.learnFrom === "everything";
  return {
    tokenizer: symbolTokenizer(taskCorpus(task.name), task.symbols),
    trainingUnit: isWhole ? "token" : "answer token",
    validationUnit: "answer token",
    trainingWindows(config, step, micro) {
      const { batch, accumulate, seed } = config;
      const windows = taskBatch(task, {
        batch,
        length: lengthAt(task, config, step),
        seed,
        step: step * accumulate + micro,
      });
      return isWhole ? { ...windows, weights: windows.observed! } : windows;
    },
    validationWindows({ batch, length }, round) {
      const windows = taskBatch(task, { batch, length, seed: evaluationSeed(0), step: round });
      return { windows, score: (right) => scoreAnswers(windows, right) };
    },
    unitsOf: countTargets,
    check({ length, segment }) {
      for (const each of [length, ...task.settings.lengths]) {
        checkTaskLength(task, each);
        if (each % segment === 0) continue;
        throw new ConfigError(`task.lengths has ${each}, which is no whole multiple of training.segment (${segment})`);
      }
    },
  };
}

/** How a task is named where a text would be. */
export function taskCorpus(name: string): string {
  return `task:${name}`;
}

/** Distinguishes the draw of a length from those of rows. */
const LENGTH_DRAW = -1;

/** The length of a step's rows. */
function lengthAt({ settings }: Task, { length, steps, seed }: TrainingConfig, step: number): number {
  const { lengths, lengthsShare, mixedLengths } = settings;
  if (mixedLengths) {
    const all = [...lengths, length];
    return all[Math.floor(counterRandom(seed, step, LENGTH_DRAW) * all.length)]!;
  }
  const early = lengthsShare * steps;
  return step < early ? (lengths[Math.floor((step / early) * lengths.length)] ?? length) : length;
}

/** The tokens of a batch that are predicted. */
function targetsOf({ tokens, length, targets }: TokenWindows): Int32Array {
  const rows = targets.map((count, row) => tokens.subarray(row * (length + 1) + 1, row * (length + 1) + 1 + count));
  const all = new Int32Array(rows.reduce((total, row) => total + row.length, 0));
  rows.reduce((at, row) => {
    all.set(row, at);
    return at + row.length;
  }, 0);
  return all;
}
