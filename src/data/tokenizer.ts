/** What a tokenizer is: text to numbers and back, with enough known about bytes to stream and to score. */
import { DataError } from "../utils/errors.ts";

/** Turns one stream of tokens back into text, a token at a time. */
export interface TokenStreamDecoder {
  /**
   * Takes the next token of the stream.
   *
   * @returns the characters that are complete by now: possibly none, never a part of one
   * @throws DataError if the token is not in the vocabulary
   */
  push(token: number): string;
  /**
   * Ends the stream; the decoder is then ready for another one.
   *
   * @returns U+FFFD if the stream stopped inside a character, otherwise nothing
   */
  flush(): string;
}

/** Everything needed to rebuild a tokenizer, as plain JSON. Checkpoints hold one. */
export interface TokenizerDescription {
  readonly kind: "bytes" | "hugging-face" | "symbols";
  readonly name: string;
  readonly vocabularySize: number;
  readonly fingerprint: string;
  /** The contents of `tokenizer.json`; present for the kind `hugging-face` only. */
  readonly tokenizer?: unknown;
  /** What the tokens are called; present for the kind `symbols` only. */
  readonly symbols?: readonly string[];
}

/** Text to token ids and back. Ids run from 0 to `vocabularySize` - 1. */
export interface Tokenizer {
  /** The name shown to people. Two tokenizers may share one: compare fingerprints. */
  readonly name: string;
  readonly vocabularySize: number;
  /** Equal for two tokenizers exactly if they encode and decode alike. */
  readonly fingerprint: string;
  /**
   * Encodes a text, adding no begin or end tokens.
   *
   * @returns token ids, shape [tokens]
   * @throws DataError if a part of the text has no token
   */
  encode(text: string): Int32Array;
  /**
   * Decodes a whole text. Bytes that are not UTF-8 become U+FFFD.
   *
   * @throws DataError if a token is not in the vocabulary
   */
  decode(tokens: ArrayLike<number>): string;
  /**
   * The number of UTF-8 bytes that tokens from inside a text stand for, the divisor of bits per byte.
   *
   * $$\text{bits per byte} = \frac{-\sum_t \log_2 p(x_t \mid x_{<t})}{\sum_t \text{bytes}(x_t)}$$
   *
   * Tokens add up: the length of a sequence is the sum over any cut of it, also where a cut falls inside a character.
   *
   * @throws DataError if a token is not in the vocabulary
   */
  byteLength(tokens: ArrayLike<number>): number;
  /**
   * Starts decoding one stream. Joined, what it returns equals `decode` of all the tokens. To continue a prompt, push the prompt's tokens
   * first and drop what comes back: a prompt may end inside a character, and some tokenizers write a text's first token without its space.
   */
  streamDecoder(): TokenStreamDecoder;
  /** The JSON value that `tokenizerFromDescription` turns back into this tokenizer. */
  describe(): TokenizerDescription;
}

/**
 * Refuses a tokenizer that is not the one a model was trained with.
 *
 * @param tokenizer the tokenizer at hand
 * @param expected the description of the model's own tokenizer
 * @throws DataError if the two encode differently
 */
export function assertTokenizerFits(
  tokenizer: Tokenizer,
  expected: Pick<TokenizerDescription, "name" | "vocabularySize" | "fingerprint">,
): void {
  if (tokenizer.fingerprint === expected.fingerprint) return;
  throw new DataError(
    `the tokenizer "${tokenizer.name}" (${tokenizer.vocabularySize} tokens) does not fit: the model was trained with ` +
      `"${expected.name}" (${expected.vocabularySize} tokens); use that tokenizer or train a new model`,
  );
}
