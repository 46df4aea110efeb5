/** The training loop: batches, gradients, optimiser steps, validation, and when to save. Knows nothing of files. */
import { detached, type Engine, key, release, scope, type Tree } from "../array/index.ts";
import type { AnswerScore, TokenWindows } from "../data/index.ts";
import { continuumOf, type LanguageModel, type ModelParams } from "../models/index.ts";
import { warmupCosine } from "../optim/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { TrainingConfig } from "./config.ts";
import { type LossEntry, lossEntry } from "./loss-entry.ts";
import { nonFiniteError } from "./non-finite.ts";
import { optimizerOf } from "./optimizer-choice.ts";
import { compileUpdate } from "./optimizer-update.ts";
import { windowPrograms } from "./replicas.ts";
import { countTargets } from "./segments.ts";
import type { WindowPrograms } from "./window-programs.ts";
import { type TrainingData, textWindows, type WindowSource } from "./window-source.ts";

/** What a run is at a step: all it needs to go on from there. */
export interface TrainingState {
  /** Optimiser steps taken. */
  readonly step: number;
  readonly params: ModelParams;
  /** What the optimiser keeps of earlier steps. */
  readonly optimizer: Tree;
}

/** What happened in one step. The loss is that of training. */
export type StepMetrics = LossEntry & {
  /** 1 for the first. */
  readonly step: number;
  /** Global norm of the gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens read in this step. */
  readonly tokens: number;
};

/** What a validation found. */
export type ValidationMetrics = LossEntry & { readonly step: number } & Partial<AnswerAccuracy>;

/** How often a model answered rightly; found by validations where something is asked. */
export interface AnswerAccuracy {
  /** Share of the answers' tokens that were predicted. */
  readonly tokenAccuracy: number;
  /** Share of the answers all of whose tokens were predicted. */
  readonly answerAccuracy: number;
  /** Answers there were. */
  readonly answers: number;
}

/** A training run from code. */
export interface TrainOptions {
  readonly engine: Engine;
  readonly model: LanguageModel;
  /** A text, or another source of windows. */
  readonly data: TrainingData | WindowSource;
  readonly config: TrainingConfig;
  /** Where to go on from; a fresh start by default. The run takes over its arrays. */
  readonly from?: TrainingState;
  /** Called after each step. */
  onStep?(metrics: StepMetrics): void | Promise<void>;
  /** Called after a validation, with the state it was made with (borrowed). */
  onValidation?(metrics: ValidationMetrics, state: TrainingState): void | Promise<void>;
  /** Saves a state (borrowed); returns where, for messages. */
  save?(state: TrainingState): Promise<string>;
  /** Told, in a sentence each, what makes the run's numbers mean something else than they seem to. Nothing by default. */
  onNote?(sentence: string): void;
  /** Stops after the current step, which is then saved. */
  readonly signal?: AbortSignal;
}

const NOT_CAUSAL =
  'model.read is "segmentEndNonCausal": the model sees the tokens it is asked to predict, so its loss says nothing about predicting; use "tokenExact"';

/** The fresh state of a run; the caller releases it. */
export function initialTrainingState(model: LanguageModel, config: TrainingConfig): TrainingState {
  const optimizer = optimizerOf(config);
  return detached(() => {
    const params = scope(() => model.init(key(config.seed)));
    return { step: 0, params, optimizer: scope(() => optimizer.init(params)) };
  });
}

/**
 * Trains a language model.
 *
 * ```ts
 * const state = await train({ engine, model, data, config, onStep: ({ step, bitsPerByte }) => console.log(step, bitsPerByte) });
 * ```
 *
 * Each step draws `batch` windows of `length` tokens by (seed, step), so that a resumed run sees what the uninterrupted one would have. With
 * `data: taskWindows(await openTask(settings))` it trains on a task.
 *
 * @returns the state after the last step (or after the step in which `signal` was raised); the caller releases it
 * @throws NonFiniteError at the first loss or gradient that is not finite, before it reaches the weights
 * @throws ConfigError if the configuration does not fit the model, or the engine cannot compute it
 */
export async function train(options: TrainOptions): Promise<TrainingState> {
  const { engine, model, data, config } = options;
  checkTraining(model, config, data);
  checkOuterGradient(model, engine);
  if (!model.causal) options.onNote?.(NOT_CAUSAL);
  const programs = windowPrograms(engine, model, config, options.onNote?.bind(options));
  try {
    return await trainWith(programs, windowSource(data), options);
  } finally {
    await programs.close();
  }
}

/** The array library's WebAssembly kernels get some gradients of gradients wrong; see ARCHITECTURE.md, "The array room". */
function checkOuterGradient(model: LanguageModel, engine: Engine): void {
  if (engine.name === "wasm" && continuumOf(model.config)?.outerGradient === "exact")
    throw new ConfigError(
      'model.continuum.outerGradient is "exact", which the wasm engine computes wrongly; use the native engine, or "firstOrder"',
    );
}

async function trainWith(
  programs: WindowPrograms,
  source: WindowSource,
  options: TrainOptions,
): Promise<TrainingState> {
  const { engine, model, config, signal } = options;
  const update = compileUpdate<ModelParams, Tree>(engine, optimizerOf(config), config.clipNorm);
  const learningRateAt = warmupCosine({
    peak: config.learningRate,
    floor: config.learningRate * config.finalFraction,
    warmupSteps: config.warmupSteps,
    totalSteps: config.steps,
  });
  let state = options.from ?? initialTrainingState(model, config);
  let savedAt: { step: number; where: string } | undefined;

  while (state.step < config.steps && !signal?.aborted) {
    const { loss, units, gradients, tokens } = await stepGradients(programs, state, source, config);
    const learningRate = learningRateAt(state.step);
    const { next, gradientNorm } = await update(state, gradients, learningRate);
    const step = state.step + 1;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      const error = await nonFiniteError(step, loss, { weight: state.params, gradient: gradients }, savedAt?.where);
      release(gradients, next.params, next.optimizer, state.params, state.optimizer);
      throw error;
    }
    release(gradients, state.params, state.optimizer);
    state = { step, ...next };
    const cost = lossEntry(loss / Math.LN2 / units, source.trainingUnit);
    await options.onStep?.({ step, ...cost, gradientNorm, learningRate, tokens });

    const isLast = step === config.steps;
    if (options.onValidation && (isLast || step % config.evaluateEvery === 0)) {
      const found = await validate(programs, state.params, source, config);
      await options.onValidation({ step, ...found }, state);
    }
    // Before the save, so that the step that a signal stops after is saved.
    await eventLoopTurn();
    if (options.save && (isLast || signal?.aborted || step % config.checkpointEvery === 0)) {
      savedAt = { step, where: await options.save(state) };
    }
  }
  return state;
}

/** Draws a step's batches, and their gradient. */
async function stepGradients(
  programs: WindowPrograms,
  state: TrainingState,
  source: WindowSource,
  config: TrainingConfig,
) {
  const batches = Array.from({ length: config.accumulate }, (_, micro) =>
    source.trainingWindows(config, state.step, micro),
  );
  const sumOf = (measure: (windows: TokenWindows) => number) =>
    batches.reduce((total, windows) => total + measure(windows), 0);
  const gradients = await programs.gradients(state.params, batches, 1 / sumOf(countTargets));
  const tokens = sumOf(({ targets }) => targets.reduce((total, n) => total + n, 0));
  return { ...gradients, units: sumOf((windows) => source.unitsOf(windows)), tokens };
}

/** Validation loss, and right answers where something is asked. */
async function validate(
  programs: WindowPrograms,
  params: ModelParams,
  source: WindowSource,
  config: TrainingConfig,
): Promise<LossEntry & Partial<AnswerAccuracy>> {
  const { batch, length, evaluationTokens } = config;
  const rounds = Math.max(1, Math.floor(evaluationTokens / (batch * length)));
  const scores: AnswerScore[] = [];
  let loss = 0;
  let units = 0;
  for (let round = 0; round < rounds; round++) {
    const { windows, score } = source.validationWindows(config, round);
    if (score === undefined) loss += await programs.loss(params, windows);
    else {
      const answers = await programs.answers(params, windows);
      loss += answers.loss;
      scores.push(score(answers.right));
    }
    units += source.unitsOf(windows);
    await eventLoopTurn();
  }
  return { ...lossEntry(loss / Math.LN2 / units, source.validationUnit), ...accuracyOf(scores) };
}

function accuracyOf(scores: readonly AnswerScore[]): Partial<AnswerAccuracy> {
  if (scores.length === 0) return {};
  const sumOf = (part: keyof AnswerScore) => scores.reduce((total, score) => total + score[part], 0);
  const answers = sumOf("answers");
  return {
    tokenAccuracy: sumOf("rightTokens") / sumOf("tokens"),
    answerAccuracy: sumOf("rightAnswers") / answers,
    answers,
  };
}

/** Signals are heard, and lines drawn, only when the event loop turns; an engine that computes on this thread never lets it. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function windowSource(data: TrainingData | WindowSource): WindowSource {
  return "trainingWindows" in data ? data : textWindows(data);
}

/**
 * Checks that a model, a training configuration and data can work together.
 *
 * @throws ConfigError if segments do not fit the memory's chunks, the tokenizer has more tokens than the model, or a task does not fit into a row
 * @throws DataError if a text is shorter than a window
 */
export function checkTraining(model: LanguageModel, config: TrainingConfig, data: TrainingData | WindowSource): void {
  if (config.segment % model.chunkSize !== 0) {
    throw new ConfigError(
      `training.segment is ${config.segment}, but the model reads ${model.chunkSize} tokens at a time (memory.chunkSize; contextSegment in titans-mac); make training.segment a multiple of it`,
    );
  }
  const { vocabularySize } = data.tokenizer;
  if (vocabularySize > model.config.vocabularySize) {
    throw new ConfigError(
      `the tokenizer has ${vocabularySize} tokens, the model knows ${model.config.vocabularySize}; set model.vocabularySize to ${vocabularySize}`,
    );
  }
  windowSource(data).check(config);
}
