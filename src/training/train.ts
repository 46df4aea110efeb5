/** The training loop: batches, gradients, optimiser steps, validation, and when to save. Knows nothing of files. */
import { detached, type Engine, key, release, scope, type Tree } from "../array/index.ts";
import { sampleWindows, type Tokenizer, type TokenSource, type TokenWindows } from "../data/index.ts";
import { continuumOf, type LanguageModel, type ModelParams } from "../models/index.ts";
import { warmupCosine } from "../optim/index.ts";
import { ConfigError, DataError } from "../utils/index.ts";
import type { TrainingConfig } from "./config.ts";
import { nonFiniteError } from "./non-finite.ts";
import { optimizerOf } from "./optimizer-choice.ts";
import { compileUpdate } from "./optimizer-update.ts";
import { windowPrograms } from "./replicas.ts";
import { countTargets } from "./segments.ts";
import type { WindowPrograms } from "./window-programs.ts";

/** What a run is at a step: all it needs to go on from there. */
export interface TrainingState {
  /** Optimiser steps taken. */
  readonly step: number;
  readonly params: ModelParams;
  /** What the optimiser keeps of earlier steps. */
  readonly optimizer: Tree;
}

/** What happened in one step. */
export interface StepMetrics {
  /** 1 for the first. */
  readonly step: number;
  /** Training loss, in bits a byte of text. */
  readonly bitsPerByte: number;
  /** Global norm of the gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens trained on in this step. */
  readonly tokens: number;
}

/** What a validation found. */
export interface ValidationMetrics {
  readonly step: number;
  /** Validation loss, in bits a byte of text. */
  readonly bitsPerByte: number;
}

/** Text to train on. */
export interface TrainingData {
  readonly tokenizer: Tokenizer;
  readonly training: TokenSource;
  readonly validation: TokenSource;
}

/** A training run from code. */
export interface TrainOptions {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly data: TrainingData;
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

/** Which windows validations read: the same ones at every step and in every run. */
const VALIDATION_SEED = 20_501_663;

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
 * Each step draws `batch` windows of `length` tokens by (seed, step), so that a resumed run sees what the uninterrupted one would have.
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
    return await trainWith(programs, options);
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

async function trainWith(programs: WindowPrograms, options: TrainOptions): Promise<TrainingState> {
  const { engine, model, data, config, signal } = options;
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
    const { loss, bytes, gradients, tokens } = await stepGradients(programs, state, data, config);
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
    await options.onStep?.({ step, bitsPerByte: loss / Math.LN2 / bytes, gradientNorm, learningRate, tokens });

    const isLast = step === config.steps;
    if (options.onValidation && (isLast || step % config.evaluateEvery === 0)) {
      const bitsPerByte = await validate(programs, state.params, data, config);
      await options.onValidation({ step, bitsPerByte }, state);
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
  data: TrainingData,
  config: TrainingConfig,
) {
  const { batch, length, accumulate, seed } = config;
  const batches = Array.from({ length: accumulate }, (_, i) =>
    sampleWindows(data.training, { batch, length, seed, step: state.step * accumulate + i }),
  );
  const tokens = batches.reduce((total, windows) => total + countTargets(windows), 0);
  const bytes = batches.reduce((total, windows) => total + data.tokenizer.byteLength(targetsOf(windows)), 0);
  return { ...(await programs.gradients(state.params, batches, 1 / tokens)), bytes, tokens };
}

/** Validation loss in bits a byte over windows spread over the validation text: the same ones every time. */
async function validate(
  programs: WindowPrograms,
  params: ModelParams,
  data: TrainingData,
  config: TrainingConfig,
): Promise<number> {
  const { batch, length, evaluationTokens } = config;
  const rounds = Math.max(1, Math.floor(evaluationTokens / (batch * length)));
  let loss = 0;
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const windows = sampleWindows(data.validation, { batch, length, seed: VALIDATION_SEED, step: round });
    loss += await programs.loss(params, windows);
    bytes += data.tokenizer.byteLength(targetsOf(windows));
    await eventLoopTurn();
  }
  return loss / Math.LN2 / bytes;
}

/** Signals are heard, and lines drawn, only when the event loop turns; an engine that computes on this thread never lets it. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
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

/**
 * Checks that a model, a training configuration and texts can work together.
 *
 * @throws ConfigError if segments do not fit the memory's chunks, or the tokenizer has more tokens than the model
 * @throws DataError if a text is shorter than a window
 */
export function checkTraining(model: LanguageModel, config: TrainingConfig, data: TrainingData): void {
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
  for (const part of ["training", "validation"] as const) {
    if (data[part].length > config.length) continue;
    throw new DataError(
      `the ${part} part of "${data[part].name}" has ${data[part].length} tokens, and training.length ${config.length} needs one more than that; ` +
        "use a longer text or make training.length smaller",
    );
  }
}
