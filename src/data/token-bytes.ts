/** Decoding as the joining of byte strings: each token stands for some bytes, and text is what the bytes spell. */
import { DataError } from "../utils/errors.ts";
import type { TokenStreamDecoder } from "./tokenizer.ts";

/**
 * The bytes that one token contributes to the text.
 *
 * @param token a token id
 * @param first whether the token begins the text; tokenizers that mark the starts of words drop the leading space there
 * @throws DataError if the token is not in the vocabulary
 */
export type TokenBytes = (token: number, first: boolean) => Uint8Array;

/**
 * A UTF-8 decoder that replaces what is not UTF-8 and keeps a byte order mark, so that decoding loses no byte of valid text.
 *
 * @returns a decoder for one stream
 */
export function utf8Decoder(): TextDecoder {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}

/**
 * Decodes a stream of tokens into whole characters.
 *
 * @param bytesOf the bytes of each token
 */
export function tokenStreamDecoder(bytesOf: TokenBytes): TokenStreamDecoder {
  const decoder = utf8Decoder();
  let first = true;
  return {
    push(token) {
      const bytes = bytesOf(token, first);
      first = false;
      return decoder.decode(bytes, { stream: true });
    },
    flush() {
      first = true;
      return decoder.decode();
    },
  };
}

/**
 * Decodes a whole sequence of tokens.
 *
 * @param tokens token ids, shape [tokens]
 * @param bytesOf the bytes of each token
 */
export function decodeTokens(tokens: ArrayLike<number>, bytesOf: TokenBytes): string {
  const stream = tokenStreamDecoder(bytesOf);
  const parts: string[] = [];
  for (let t = 0; t < tokens.length; t++) parts.push(stream.push(tokens[t]!));
  parts.push(stream.flush());
  return parts.join("");
}

/**
 * The error for a token id outside the vocabulary.
 *
 * @param name the tokenizer's name
 * @param token the id that was given
 * @param vocabularySize the number of ids there are
 */
export function unknownToken(name: string, token: number, vocabularySize: number): DataError {
  return new DataError(`the tokenizer "${name}" has no token ${token}; its tokens are 0 to ${vocabularySize - 1}`);
}
