/** Numbers on the host side with their shape, cut and joined along the token axis. */
import type { TensorData } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";

/** Host numbers in row-major order: [batch, tokens, ...features]. */
export interface Block {
  readonly data: TensorData;
  readonly shape: readonly number[];
}

function like(data: TensorData, length: number): TensorData {
  return new (data.constructor as new (n: number) => TensorData)(length);
}

function featuresOf(block: Block): number {
  return block.shape.slice(2).reduce((product, n) => product * n, 1);
}

/** A block of no tokens. */
export function emptyBlock(batch: number): Block {
  return { data: new Float32Array(0), shape: [batch, 0] };
}

/** Tokens `from` to `to` (exclusive) of every sequence. */
export function sliceTokens(block: Block, from: number, to: number): Block {
  const [batch, tokens, ...rest] = block.shape as [number, number, ...number[]];
  if (from === 0 && to === tokens) return block;
  const features = featuresOf(block);
  const data = like(block.data, batch * (to - from) * features);
  for (let row = 0; row < batch; row++) {
    data.set(
      block.data.subarray((row * tokens + from) * features, (row * tokens + to) * features),
      row * (to - from) * features,
    );
  }
  return { data, shape: [batch, to - from, ...rest] };
}

/**
 * One token of each sequence.
 *
 * @param tokens which one, from 0, a sequence
 * @returns [batch, ...features]
 * @throws ShapeError if a sequence has no such token
 */
export function pickTokens(block: Block, tokens: readonly number[]): Block {
  const [batch, length, ...rest] = block.shape as [number, number, ...number[]];
  const features = featuresOf(block);
  const data = like(block.data, batch * features);
  for (let row = 0; row < batch; row++) {
    const token = tokens[row];
    if (token === undefined || !Number.isInteger(token) || token < 0 || token >= length) {
      throw new ShapeError(
        `sequence ${row} has no token ${token}: the block has tokens 0 to ${length - 1}, name one a sequence`,
      );
    }
    const from = (row * length + token) * features;
    data.set(block.data.subarray(from, from + features), row * features);
  }
  return { data, shape: [batch, ...rest] };
}

/** The same sequences one after the other. */
export function concatenateTokens(blocks: readonly Block[]): Block {
  // A block without tokens does not know how many features the others have.
  const filled = blocks.filter((block) => block.shape[1] !== 0);
  const first = filled[0] ?? blocks[0]!;
  if (filled.length <= 1) return first;
  const [batch, , ...rest] = first.shape as [number, number, ...number[]];
  const features = featuresOf(first);
  const tokens = filled.reduce((total, block) => total + block.shape[1]!, 0);
  const data = like(first.data, batch * tokens * features);
  let done = 0;
  for (const block of filled) {
    const width = block.shape[1]! * features;
    for (let row = 0; row < batch; row++) {
      data.set(block.data.subarray(row * width, (row + 1) * width), row * tokens * features + done);
    }
    done += width;
  }
  return { data, shape: [batch, tokens, ...rest] };
}

/** The same sequences with zeros appended up to `tokens` slots. */
export function padTokens(block: Block, tokens: number): Block {
  const [batch, present, ...rest] = block.shape as [number, number, ...number[]];
  if (present === tokens) return block;
  const padding: Block = {
    data: like(block.data, batch * (tokens - present) * featuresOf(block)),
    shape: [batch, tokens - present, ...rest],
  };
  return concatenateTokens([block, padding]);
}
