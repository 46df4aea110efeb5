/** Everything that is measured of a trained model on the validation text, and how much of the text that takes. */
import type { Engine } from "../array/index.ts";
import type { Tokenizer, TokenSource, TokenWindows } from "../data/index.ts";
import type { LanguageModel, ModelParams } from "../models/index.ts";
import type { TrainingConfig } from "../training/index.ts";
import { type MemoryControls, memoryControls } from "./memory-controls.ts";
import { bitsPerByte, type PairedDifference, pairedDifference } from "./paired-scores.ts";
import type { FinalValidation } from "./report-data.ts";
import { spreadWindows } from "./spread-windows.ts";
import { WindowReader, type WindowsRead } from "./window-reader.ts";

/** How much is read. In tokens; more is slower and surer. */
export interface MeasureBudget {
  /** Tokens scored to compare models. */
  readonly validationTokens: number;
  /** Tokens scored under each control. */
  readonly controlTokens: number;
}

/** Windows read at a time. */
const BATCH = 16;

/** A model in training or after it, and the text to measure it on. */
export interface Measured {
  readonly engine: Engine;
  readonly model: LanguageModel;
  readonly training: TrainingConfig;
  readonly params: ModelParams;
  readonly tokenizer: Tokenizer;
  readonly validation: TokenSource;
}

/** What was measured. */
export interface Measurements {
  readonly final: FinalValidation;
  readonly withoutWrites?: FinalValidation & PairedDifference;
  readonly controls?: MemoryControls;
}

/**
 * Scores a model, the same model trained without writes, and the controls of its memory.
 *
 * @param measured the trained model
 * @param withoutWrites parameters of the same model trained with step size 0, if there are any
 */
export async function measureModel(
  measured: Measured,
  withoutWrites: ModelParams | undefined,
  budget: MeasureBudget,
): Promise<Measurements> {
  const { engine, model, training, params, tokenizer, validation } = measured;
  const { length, segment } = training;
  const reader = new WindowReader(engine, model, segment);
  const windows = validationWindows(validation, length, budget.validationTokens);
  const own = await reader.readWindows(params, windows, tokenizer, { write: true });
  const control = withoutWrites && (await reader.readWindows(withoutWrites, windows, tokenizer, { write: false }));
  const controls = await controlsOf(reader, measured, budget);
  return {
    final: finalOf(own, length),
    ...(control
      ? { withoutWrites: { ...finalOf(control, length), ...pairedDifference(control.scores, own.scores) } }
      : {}),
    ...(controls ? { controls } : {}),
  };
}

async function controlsOf(
  reader: WindowReader,
  { model, training, params, tokenizer, validation }: Measured,
  budget: MeasureBudget,
): Promise<MemoryControls | undefined> {
  if (model.memoryBlocks.length === 0) return undefined;
  const windows = controlWindows(training, validation, budget.controlTokens);
  return memoryControls(reader, params, windows, tokenizer);
}

/** Windows of an even number of segments, as long as those of training where that is possible. */
function controlWindows({ length, segment }: TrainingConfig, validation: TokenSource, scored: number): TokenWindows[] {
  const half = segment * Math.max(1, Math.floor(length / segment / 2));
  return spreadWindows(validation, { batch: BATCH, length: 2 * half, targets: 2 * scored });
}

/**
 * Finds out whether a text is long enough to measure a model on, before one is trained.
 *
 * @throws DataError if it is not
 */
export function checkMeasurable(training: TrainingConfig, validation: TokenSource): void {
  spreadWindows(validation, { batch: 2, length: training.length, targets: 1 });
  controlWindows(training, validation, 1);
}

/** Windows of the validation text to compare models on: the same for all models. */
export function validationWindows(validation: TokenSource, length: number, targets: number): TokenWindows[] {
  return spreadWindows(validation, { batch: BATCH, length, targets });
}

/** What windows that were read from fresh memories came to. */
export function finalOf({ scores, writes }: WindowsRead, length: number): FinalValidation {
  return {
    bitsPerByte: bitsPerByte(scores),
    windows: scores.bits.length,
    length,
    bytes: scores.bytes.reduce((total, n) => total + n, 0),
    writes,
  };
}
