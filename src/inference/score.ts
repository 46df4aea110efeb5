/** Scores text of any length in one stream: bits per byte at constant memory. */
import type { Tokenizer, TokenSource } from "../data/index.ts";
import type { ReadOptions, Session } from "./session.ts";

/** Tokens read in one call. */
const PIECE = 1024;

/** A score so far. */
export interface Score {
  /** Bits over all predicted tokens. */
  readonly bits: number;
  /** UTF-8 bytes of all predicted tokens. */
  readonly bytes: number;
  /** Tokens predicted. */
  readonly tokens: number;
}

/** How a text is read. */
export interface ScoreOptions extends ReadOptions {
  /** Stops early. */
  readonly signal?: AbortSignal;
}

/**
 * How well a model predicts a text, read once from beginning to end with its memory carried along.
 *
 * $$\text{bits per byte} = \frac{-\sum_t \log_2 p(x_t \mid x_{<t})}{\sum_t \text{bytes}(x_t)}$$
 *
 * @param session one stream; left at the text's end
 * @param source the text's tokens; the first is read, not predicted
 * @returns the score after each piece read: the last one is the whole text's
 */
export async function* scoreText(
  session: Session,
  tokenizer: Tokenizer,
  source: TokenSource,
  options: ScoreOptions = {},
): AsyncGenerator<Score, void, undefined> {
  let score: Score = { bits: 0, bytes: 0, tokens: 0 };
  for (let at = 0; at + 1 < source.length && !options.signal?.aborted; at += PIECE) {
    const tokens = source.read(at, Math.min(PIECE + 1, source.length - at));
    const targets = tokens.subarray(1);
    const { data, shape } = await session.read(tokens.slice(0, -1), options);
    const vocabulary = shape.at(-1)!;
    const losses = [...targets].map((target, t) =>
      tokenLoss(data.subarray(t * vocabulary, (t + 1) * vocabulary), target),
    );
    score = {
      bits: score.bits + losses.reduce((sum, loss) => sum + loss, 0) / Math.LN2,
      bytes: score.bytes + tokenizer.byteLength(targets),
      tokens: score.tokens + targets.length,
    };
    yield score;
  }
}

/**
 * Negative log-likelihood of a token, in double precision.
 *
 * $$-\log p(x) = \log \sum_i e^{z_i} - z_x$$
 *
 * @param logits z: [vocabulary]
 * @param target x
 * @returns nats
 */
export function tokenLoss(logits: ArrayLike<number>, target: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return largest + Math.log(sum) - logits[target]!;
}
