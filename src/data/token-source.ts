/** Token sequences with random access: what training samples from and evaluation walks along. */
import { DataError } from "../utils/errors.ts";
import type { ByteStore } from "./byte-store.ts";
import type { TextSource } from "./text-source.ts";

/** A long sequence of tokens, read range by range. */
export interface TokenSource {
  /** The name shown to people. */
  readonly name: string;
  /** The number of tokens. */
  readonly length: number;
  /**
   * Reads a range of tokens. It is synchronous and cheap: training reads a few windows at random places every step.
   *
   * @param start the first token
   * @param count how many tokens
   * @returns a new array of shape [count]
   * @throws DataError if the range is not within the source
   */
  read(start: number, count: number): Int32Array;
  /** Gives back what the source itself holds open; the text it was made from stays open. */
  close(): void;
}

/**
 * The bytes of a text as tokens, without a copy of the text.
 *
 * @param text the text
 */
export function byteTokens(text: TextSource): TokenSource {
  return {
    name: text.name,
    length: text.byteLength,
    read: (start, count) => Int32Array.from(text.read(start, count)),
    close() {},
  };
}

/**
 * Tokens in memory.
 *
 * @param tokens token ids, shape [tokens], used as they are
 * @param name the name shown to people
 */
export function memoryTokens(tokens: Int32Array, name = "tokens"): TokenSource {
  return {
    name,
    length: tokens.length,
    read(start, count) {
      checkTokenRange(name, tokens.length, start, count);
      return tokens.slice(start, start + count);
    },
    close() {},
  };
}

/** The typed array that a store keeps tokens in: two bytes a token where the vocabulary allows, otherwise four. */
export type TokenWidth = typeof Uint16Array | typeof Int32Array;

/**
 * Tokens kept as bytes in a store, in this machine's byte order.
 *
 * @param name the name shown to people
 * @param store the bytes; closed with the source
 * @param width how a token is kept
 */
export function storedTokens(name: string, store: ByteStore, width: TokenWidth): TokenSource {
  const size = width.BYTES_PER_ELEMENT;
  const length = store.byteLength / size;
  return {
    name,
    length,
    read(start, count) {
      checkTokenRange(name, length, start, count);
      // A view of a typed array must be aligned; the copy always is.
      const bytes = new Uint8Array(store.read(start * size, count * size));
      return Int32Array.from(new width(bytes.buffer, 0, count));
    },
    close: () => store.close(),
  };
}

function checkTokenRange(name: string, length: number, start: number, count: number): void {
  if (Number.isInteger(start) && Number.isInteger(count) && start >= 0 && count >= 0 && start + count <= length) return;
  throw new DataError(`tokens ${start} to ${start + count} are not within "${name}", which has ${length} tokens`);
}
