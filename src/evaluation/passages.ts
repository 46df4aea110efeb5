/** Chooses the passages of a text that are shown and traced. */
import type { TokenSource } from "../data/index.ts";

const NEWLINE = 10;
const SPACE = 32;
/** How far a place is moved to begin with a paragraph. */
const REACH = 4096;

/**
 * Bytes of a text from the beginning of a paragraph on.
 *
 * @param source a text as bytes
 * @param share where to look for it, from 0 (the text's beginning) to 1
 * @param length bytes wanted; fewer where the text is shorter
 */
export function passageAt(source: TokenSource, share: number, length: number): Uint8Array {
  const latest = Math.max(0, source.length - length);
  const near = Math.min(latest, Math.floor(share * source.length));
  const ahead = source.read(near, Math.min(REACH, source.length - near));
  const start = near + beginning(ahead, latest - near);
  return Uint8Array.from(source.read(start, Math.min(length, source.length - start)));
}

/** The first place at most `latest` ahead where a paragraph begins, failing that a word, failing that a character. */
function beginning(bytes: Int32Array, latest: number): number {
  const places = [...bytes.keys()].slice(1, latest + 1);
  const paragraph = places.find((at) => bytes[at]! > SPACE && bytes[at - 1] === NEWLINE && isEmptyLine(bytes, at - 1));
  const word = places.find((at) => bytes[at]! > SPACE && bytes[at - 1]! <= SPACE);
  // Bytes 10xxxxxx continue a character.
  return paragraph ?? word ?? [0, ...places].find((at) => (bytes[at]! & 0xc0) !== 0x80) ?? 0;
}

/** Whether the line that a newline ends is empty, with line ends of one byte or two. */
function isEmptyLine(bytes: Int32Array, newline: number): boolean {
  const before = bytes[newline - 1] === 13 ? newline - 2 : newline - 1;
  return bytes[before] === NEWLINE;
}

/** The longest beginning of a passage of at most `length` bytes that ends with a word. */
export function promptOf(passage: Uint8Array, length: number): string {
  const part = passage.subarray(0, length);
  const end = part.lastIndexOf(SPACE);
  return new TextDecoder().decode(end > 0 ? part.subarray(0, end) : part);
}
