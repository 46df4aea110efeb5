/** Measures trained models as experiments ask, and gives flat metrics with the details they come from (Node only). */
import { type Engine, release } from "../../array/index.ts";
import {
  type AnswerScore,
  assertTokenizerFits,
  openTask,
  symbolTokenizer,
  type Tokenizer,
  type TokenizerDescription,
  taskSchema,
} from "../../data/index.ts";
import {
  type LanguageModel,
  type ModelParams,
  mayWrite,
  nextTokenLoss,
  type StackedLevels,
  stackLevels,
} from "../../models/index.ts";
import { openTrainingData, type RunConfig, SegmentPrograms, segmentsOf } from "../../training/index.ts";
import { ConfigError, parseConfig } from "../../utils/index.ts";
import type { Measure, TaskMeasure, TextMeasure } from "../experiments/experiment.ts";
import { at } from "../experiments/figure.ts";
import type { MemoryWrites } from "../memory-writes.ts";
import { bitsPerByte } from "../paired-scores.ts";
import { spreadWindows } from "../spread-windows.ts";
import { type TaskEvaluation, TaskEvaluator } from "../task-evaluation.ts";
import { WindowReader } from "../window-reader.ts";

/** Windows of a text that are read at a time. */
const BATCH = 8;

/** Metrics by name. */
export type Metrics = Record<string, number>;

/** What reading a text at one length gave. */
export interface TextEvaluation {
  readonly length: number;
  readonly bitsPerByte: number;
  /** Absent where the model learns while it reads, whose writes are not counted. */
  readonly writes?: MemoryWrites;
}

/** Where metrics come from. */
export interface MeasuredDetails {
  readonly tasks: readonly TaskEvaluation[];
  readonly texts: readonly TextEvaluation[];
}

/** A trained model. */
export interface TrainedModel {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly params: ModelParams;
  readonly tokenizer: Tokenizer;
  /** What the model's tokens are called. */
  readonly tokens: TokenizerDescription;
  readonly config: RunConfig;
  /** Stops the measuring. */
  readonly signal?: AbortSignal;
}

/**
 * Measures a trained model.
 *
 * @throws the signal's reason, once it is raised
 * @throws ConfigError if two measures give metrics of one name, or a task has other tokens than the trained one
 */
export async function measureTrained(
  trained: TrainedModel,
  measures: readonly Measure[],
): Promise<{ readonly metrics: Metrics; readonly details: MeasuredDetails }> {
  const metrics: Metrics = {};
  const tasks: TaskEvaluation[] = [];
  const texts: TextEvaluation[] = [];
  const add = (measure: Measure, found: Metrics) => {
    for (const [name, value] of Object.entries(found)) {
      const whole = measure.as === undefined ? name : `${measure.as}.${name}`;
      if (whole in metrics && name !== "chance")
        throw new ConfigError(`the metric ${whole} is measured twice; give one of the measures a name with "as"`);
      metrics[whole] = value;
    }
  };
  for (const measure of measures) {
    const measured = measure.stacked === undefined ? trained : withLevels(trained, measure.stacked);
    if (measure.kind === "task") {
      for (const evaluation of await onTask(measured, measure)) {
        tasks.push(evaluation);
        add(measure, taskMetrics(evaluation));
      }
    } else {
      for (const evaluation of await onText(measured, measure)) {
        texts.push(evaluation);
        add(measure, textMetrics(evaluation));
      }
    }
  }
  return { metrics, details: { tasks, texts } };
}

/** The same model, whose feed-forward networks learn while it reads. Its parameters are the arrays of the original. */
function withLevels(trained: TrainedModel, levels: StackedLevels): TrainedModel {
  const stacked = stackLevels({ config: trained.model.config, params: trained.params }, levels);
  return { ...trained, ...stacked, config: { ...trained.config, model: stacked.model.config } };
}

async function onTask({ engine, model, params, tokens, config, signal }: TrainedModel, measure: TaskMeasure) {
  const { lengths, rows, batch, segment } = measure;
  const asked = parseConfig(taskSchema, { ...config.task, ...measure.task }, "the task of a measure");
  const task = await openTask(asked);
  assertTokenizerFits(symbolTokenizer(`task:${task.name}`, task.symbols), tokens);
  const evaluator = new TaskEvaluator(engine, model);
  const found: TaskEvaluation[] = [];
  for (const length of lengths) {
    const options = {
      length,
      rows,
      ...(batch === undefined ? {} : { batch }),
      ...(segment === undefined ? {} : { segment }),
      ...(signal && { signal }),
      ...(mayWrite(config.model) ? {} : { withoutWrites: true }),
    };
    found.push(await evaluator.evaluate(params, task, options));
  }
  return found;
}

/** The metrics of a task at one length. */
export function taskMetrics(evaluation: TaskEvaluation): Metrics {
  const { length, all, carried, byDistance, writes, lossDropShare, chance } = evaluation;
  const metrics: Metrics = { chance, [at("accuracy", length)]: share(all), [at("answers", length)]: answersShare(all) };
  for (const [condition, score] of Object.entries(carried ?? {}))
    if (score.tokens > 0) metrics[at(condition, length)] = share(score);
  for (const bin of byDistance) if (bin.tokens > 0) metrics[at(`distance${bin.from}`, length)] = share(bin);
  if (writes.slots > 0) metrics[at("writes", length)] = writes.writes / writes.slots;
  if (lossDropShare !== null) metrics[at("lossDrop", length)] = lossDropShare;
  return metrics;
}

function textMetrics({ length, bitsPerByte: bits, writes }: TextEvaluation): Metrics {
  return {
    [at("bits", length)]: bits,
    ...(writes && writes.slots > 0 ? { [at("writes", length)]: writes.writes / writes.slots } : {}),
  };
}

async function onText(
  { engine, model, params, tokenizer, config, signal }: TrainedModel,
  { lengths, tokens, corpus = config.corpus }: TextMeasure,
): Promise<TextEvaluation[]> {
  const { segment } = config.training;
  const data = await openTrainingData(corpus, tokenizer);
  // A model that learns while it reads learns from the text it is scored on, as it does in training: another program.
  const learning = model.learn && new SegmentPrograms(engine, model, nextTokenLoss);
  const reader = learning ? undefined : new WindowReader(engine, model, segment);
  const found: TextEvaluation[] = [];
  try {
    for (const length of lengths) {
      signal?.throwIfAborted();
      const batches = spreadWindows(data.validation, { batch: BATCH, length, targets: tokens });
      if (reader !== undefined) {
        const { scores, writes } = await reader.readWindows(params, batches, tokenizer, { write: true });
        found.push({ length, bitsPerByte: bitsPerByte(scores), writes });
        continue;
      }
      let nats = 0;
      let bytes = 0;
      for (const windows of batches) {
        const segments = segmentsOf(windows, segment);
        nats += await learning!.loss(params, segments);
        release(segments);
        for (let row = 0; row < windows.batch; row++) {
          const first = row * (length + 1) + 1;
          bytes += tokenizer.byteLength(windows.tokens.subarray(first, first + length));
        }
      }
      found.push({ length, bitsPerByte: nats / Math.LN2 / bytes });
    }
  } finally {
    data.close();
  }
  return found;
}

function share({ tokens, rightTokens }: AnswerScore): number {
  return rightTokens / tokens;
}

function answersShare({ answers, rightAnswers }: AnswerScore): number {
  return rightAnswers / answers;
}
