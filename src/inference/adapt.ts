/** Adapts a deployed model to a text: it reads it once, in order, with its memories on. */
import type { Tokenizer, TokenSource } from "../data/index.ts";
import { type Score, type ScoreOptions, scoreText, tokenLoss } from "./score.ts";
import type { Session } from "./session.ts";

/** Tokens read in one call. */
const PIECE = 1024;

/** How a text is adapted to. */
export interface AdaptOptions extends ScoreOptions {
  /** Tokens of the text that the session has read already. */
  readonly from?: number;
}

/**
 * Reads a text from beginning to end, predicting every token before it is learned from.
 *
 * Unlike `scoreText` it reads the last token too, so that another text may follow in the same stream.
 *
 * @param session one stream; left at the text's end
 * @param source the text's tokens
 * @param options `from` goes on where an earlier call was stopped; `write: false` is the control that neither writes nor learns
 * @returns the score of each piece: its tokens but for the text's first one
 */
export async function* adaptTo(
  session: Session,
  tokenizer: Tokenizer,
  source: TokenSource,
  { from = 0, signal, ...reading }: AdaptOptions = {},
): AsyncGenerator<Score, void, undefined> {
  for (let at = from; at < source.length && !signal?.aborted; at += PIECE) {
    const tokens = source.read(at, Math.min(PIECE + 1, source.length - at));
    const targets = tokens.slice(1);
    const { data, shape } = await session.read(tokens.slice(0, PIECE), reading);
    const vocabulary = shape.at(-1)!;
    let nats = 0;
    for (const [t, target] of targets.entries())
      nats += tokenLoss(data.subarray(t * vocabulary, (t + 1) * vocabulary), target);
    yield { bits: nats / Math.LN2, bytes: tokenizer.byteLength(targets), tokens: targets.length };
  }
}

/**
 * How well a model predicts a text as it is now: on a copy of its state, and without learning from the text, so that being asked teaches it nothing.
 *
 * @param session is left as it is
 */
export async function probeText(
  session: Session,
  tokenizer: Tokenizer,
  source: TokenSource,
  signal?: AbortSignal,
): Promise<Score> {
  const copy = session.fork();
  let score: Score = { bits: 0, bytes: 0, tokens: 0 };
  try {
    for await (const next of scoreText(copy, tokenizer, source, { learn: false, ...(signal && { signal }) }))
      score = next;
  } finally {
    copy.close();
  }
  return score;
}
