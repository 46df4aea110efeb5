/** Sequences of vectors as batches to train on: labelled ones for classifiers, windows of a series for forecasters. */
import { detached, type Tensor, tensor } from "../array/index.ts";
import { type Block, padTokens, sliceTokens } from "../common/index.ts";
import type { ClassifierConfig } from "../models/index.ts";
import { DataError, ShapeError } from "../utils/index.ts";
import type { Segment } from "./segment-programs.ts";

/** A batch of sequences side by side: what `Segment` holds, for all tokens and as host numbers. */
export interface SequenceBatch {
  /** [batch, tokens, features] */
  readonly tokens: Block;
  /** [batch, tokens, ...] */
  readonly targets: Block;
  /** [batch, tokens]; 0 leaves a target out of the loss. */
  readonly weights: Block;
  /** 1 where a slot holds a token: [batch, tokens]. All slots by default. */
  readonly mask?: Block;
}

/** A sequence and its class. */
export interface LabelledSequence {
  /** Row by row: tokens * features numbers. */
  readonly vectors: Float32Array;
  /** A whole number from 0. */
  readonly label: number;
}

/**
 * Cuts a batch into segments; the caller releases them. A last segment that is not full is padded with slots that count for nothing.
 *
 * @param segment tokens a segment; a multiple of the model's `chunkSize`
 */
export function cutSegments(batch: SequenceBatch, segment: number): Segment[] {
  const tokens = batch.tokens.shape[1]!;
  return Array.from({ length: Math.ceil(tokens / segment) }, (_, s) => {
    const piece = (block: Block): Tensor => {
      const { data, shape } = padTokens(sliceTokens(block, s * segment, Math.min(tokens, (s + 1) * segment)), segment);
      return tensor(data, shape);
    };
    const { targets, weights, mask } = batch;
    return detached(() => ({
      tokens: piece(batch.tokens),
      targets: piece(targets),
      weights: piece(weights),
      ...(mask && { mask: piece(mask) }),
    }));
  });
}

/**
 * Labelled sequences of any lengths, padded at the right to the longest: each is asked for its class at its own last token.
 *
 * @param sequences at least one
 * @param shape numbers of a token and number of classes, as the configuration of a classifier holds them
 * @returns tokens [batch, longest, features], targets int32 [batch, longest], weights and mask [batch, longest]
 * @throws DataError if a sequence is empty or not a whole number of tokens, or its label is no class
 */
export function labelledBatch(
  sequences: readonly LabelledSequence[],
  { features, classes }: Pick<ClassifierConfig, "features" | "classes">,
): SequenceBatch {
  const lengths = sequences.map(({ vectors, label }, row) => {
    const length = vectors.length / features;
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new DataError(`sequence ${row} has the label ${label}; labels are whole numbers from 0 to ${classes - 1}`);
    }
    if (length > 0 && Number.isInteger(length)) return length;
    throw new DataError(
      `sequence ${row} has ${vectors.length} numbers, which is not one or more tokens of ${features} features; give whole tokens`,
    );
  });
  const longest = Math.max(...lengths);
  const shape = [sequences.length, longest];
  const [vectors, labels, weights, mask] = [
    new Float32Array(sequences.length * longest * features),
    new Int32Array(sequences.length * longest),
    new Float32Array(sequences.length * longest),
    new Float32Array(sequences.length * longest),
  ];
  for (const [row, sequence] of sequences.entries()) {
    const [from, length] = [row * longest, lengths[row]!];
    vectors.set(sequence.vectors, from * features);
    labels.fill(sequence.label, from, from + length);
    weights[from + length - 1] = 1;
    mask.fill(1, from, from + length);
  }
  return {
    tokens: { data: vectors, shape: [...shape, features] },
    targets: { data: labels, shape },
    weights: { data: weights, shape },
    mask: { data: mask, shape },
  };
}

/** Which windows of a series are read, and what of each is forecast. */
export interface ForecastWindows {
  /** Where each window starts, from 0. */
  readonly starts: readonly number[];
  /** Tokens of a window. */
  readonly length: number;
  /** Tokens that follow each token and are to be forecast. */
  readonly horizon: number;
  /** The first token of a window whose forecast counts; those before it are only read. 0 by default. */
  readonly from?: number;
}

/**
 * Windows of a series, each token of which is asked for the tokens that follow it.
 *
 * @param series [1, tokens, channels]
 * @returns tokens [batch, length, channels], targets [batch, length, horizon, channels], weights [batch, length]
 * @throws DataError if a window, with what is to be forecast after it, does not lie in the series
 * @throws ShapeError if there is more than one series
 */
export function forecastBatch(series: Block, { starts, length, horizon, from = 0 }: ForecastWindows): SequenceBatch {
  const [rows, tokens, channels] = series.shape as [number, number, number];
  if (series.shape.length !== 3 || rows !== 1) {
    throw new ShapeError(`the series has shape [${series.shape}]; it must be [1, tokens, channels]`);
  }
  const wrong = starts.find((start) => start < 0 || start + length + horizon > tokens);
  if (wrong !== undefined) {
    throw new DataError(
      `a window of ${length} tokens from ${wrong} on, and the ${horizon} after it, do not lie in a series of ${tokens} tokens`,
    );
  }
  const numbers = Float32Array.from(series.data);
  const inputs = new Float32Array(starts.length * length * channels);
  const targets = new Float32Array(starts.length * length * horizon * channels);
  const weights = new Float32Array(starts.length * length);
  for (const [row, start] of starts.entries()) {
    inputs.set(numbers.subarray(start * channels, (start + length) * channels), row * length * channels);
    for (let t = 0; t < length; t++) {
      const next = (start + t + 1) * channels;
      targets.set(numbers.subarray(next, next + horizon * channels), (row * length + t) * horizon * channels);
      weights[row * length + t] = t >= from ? 1 : 0;
    }
  }
  const batch = starts.length;
  return {
    tokens: { data: inputs, shape: [batch, length, channels] },
    targets: { data: targets, shape: [batch, length, horizon, channels] },
    weights: { data: weights, shape: [batch, length] },
  };
}
