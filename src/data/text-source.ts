/** Texts as ranges of UTF-8 bytes with random access, and their split into training and validation parts. */
import { ConfigError, DataError } from "../utils/errors.ts";
import { type ByteStore, memoryBytes } from "./byte-store.ts";

/** A range of UTF-8 text, read piece by piece: one document, or several with an empty line between them. */
export interface TextSource {
  /** The name shown to people. */
  readonly name: string;
  readonly byteLength: number;
  /** The offsets at which documents begin, ascending. A part that begins inside a document does not list that document. */
  readonly documents: readonly number[];
  /**
   * Reads a range of bytes. The result may be a view: do not write to it.
   *
   * @param start the first byte
   * @param count how many bytes
   * @returns `count` bytes
   * @throws DataError if the range is not within the text, or if the file behind it has changed
   */
  read(start: number, count: number): Uint8Array;
  /**
   * A part of this text, without copying it.
   *
   * @param start the first byte
   * @param end one past the last byte
   * @throws DataError if the range is not within the text
   */
  slice(start: number, end: number): TextSource;
}

/**
 * A text source over a store of bytes.
 *
 * @param name the name shown to people
 * @param store the bytes
 * @param documents where documents begin, ascending
 */
export function storedText(name: string, store: ByteStore, documents: readonly number[]): TextSource {
  return rangeOf(name, store, documents, 0, store.byteLength);
}

/**
 * A text source over a text in memory, as one document.
 *
 * @param text the text, or its UTF-8 bytes
 * @param name the name shown to people
 */
export function textSource(text: string | Uint8Array, name = "text"): TextSource {
  return storedText(name, memoryBytes(typeof text === "string" ? new TextEncoder().encode(text) : text), [0]);
}

function rangeOf(name: string, store: ByteStore, documents: readonly number[], from: number, to: number): TextSource {
  const byteLength = to - from;
  const check = (start: number, end: number) => {
    if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= byteLength) return;
    throw new DataError(`bytes ${start} to ${end} are not within "${name}", which has ${byteLength} bytes`);
  };
  return {
    name,
    byteLength,
    documents: documents.filter((offset) => offset >= from && offset < to).map((offset) => offset - from),
    read(start, count) {
      check(start, start + count);
      return store.read(from + start, count);
    },
    slice(start, end) {
      check(start, end);
      return rangeOf(name, store, documents, from + start, from + end);
    },
  };
}

/** The two parts of a split text. */
export interface Splits {
  readonly train: TextSource;
  readonly validation: TextSource;
}

/**
 * Splits a text by position: the beginning is for training, the end for validation. Nothing is shuffled and nothing is left out.
 *
 * The cut is meant to lie at byte floor((1 - v) N) of the N bytes, v being the validation share. If a document begins within v N / 5 bytes of
 * that, the cut is moved to the nearest such beginning (the earlier of two equally near), so that no document is in both parts. Otherwise
 * it is moved back to the beginning of the character it falls into, by at most 3 bytes. A text of documents in the order of their years is
 * therefore validated on the latest years.
 *
 * @param text the text to split
 * @param options `validation`: the share of the bytes to validate on, between 0 and 1
 * @returns the two parts, views of `text`
 * @throws ConfigError if the share is not between 0 and 1
 * @throws DataError if a part would be empty
 */
export function splits(text: TextSource, options: { readonly validation: number }): Splits {
  const { validation } = options;
  if (!(validation > 0 && validation < 1)) {
    throw new ConfigError(`the validation share must be between 0 and 1, such as 0.1; it is ${validation}`);
  }
  const wanted = Math.floor((1 - validation) * text.byteLength);
  const cut = nearestDocument(text, wanted, (validation * text.byteLength) / 5) ?? characterStart(text, wanted);
  if (cut === 0) {
    throw new DataError(
      `"${text.name}" is too short to split: with ${text.byteLength} bytes and a validation share of ${validation}, a part would be empty`,
    );
  }
  return { train: text.slice(0, cut), validation: text.slice(cut, text.byteLength) };
}

function nearestDocument(text: TextSource, wanted: number, reach: number): number | undefined {
  let best: number | undefined;
  for (const offset of text.documents) {
    const distance = Math.abs(offset - wanted);
    if (offset > 0 && distance <= reach && (best === undefined || distance < Math.abs(best - wanted))) best = offset;
  }
  return best;
}

function characterStart(text: TextSource, offset: number): number {
  const back = Math.min(3, offset);
  const bytes = text.read(offset - back, Math.min(back + 1, text.byteLength - offset + back));
  // Bytes 10xxxxxx continue a character. Four in a row are not UTF-8, and then any place is as good.
  const start = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  return start === -1 ? offset : offset - back + start;
}
