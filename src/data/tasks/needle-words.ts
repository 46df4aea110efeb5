/** How needles, questions and haystacks are said: in symbols, or in sentences within a book. */
import type { RandomStream } from "../random-stream.ts";
import type { TaskPart, TaskText } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** The kinds of needles. */
export type NeedleKind = "passkey" | "number" | "word";

/** A way to say needles. Tokens only; nothing is random but what takes a stream. */
export interface NeedleWords {
  readonly symbols: readonly string[];
  /** What secrets are made of. */
  readonly characters: readonly number[];
  /** How many keys there are. */
  readonly keys: number;
  longestNeedle(size: number): number;
  readonly longestQuestion: number;
  needle(key: number, secret: readonly number[]): readonly number[];
  question(key: number): readonly number[];
  hay(random: RandomStream, count: number, part: TaskPart): Int32Array;
}

/** How many there are of what a row is made of. */
export interface NeedleCounts {
  readonly keys: number;
  readonly filler: number;
  readonly alphabet: number;
}

const DIGITS = Array.from({ length: 10 }, (_, i) => String(i));
const LETTERS = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));

/** The share of a text, at its end, that only evaluation sees. */
const EVALUATION_SHARE = 0.1;

function charactersOf(kind: NeedleKind, alphabet: number): string[] {
  return kind === "word" ? LETTERS.slice(0, alphabet) : DIGITS;
}

/** One symbol for everything. */
export function symbolWords(kind: NeedleKind, { keys, filler, alphabet }: NeedleCounts): NeedleWords {
  const named = kind === "passkey" ? [] : numbered("k", keys);
  const { symbols, ids } = vocabulary({
    needle: "!",
    question: "?",
    characters: charactersOf(kind, alphabet),
    hay: numbered("h", filler),
    keys: named,
  });
  const key = (number: number) => ids.keys.slice(number, number + 1);
  const frame = named.length > 0 ? 2 : 1;
  return {
    symbols,
    characters: ids.characters,
    keys,
    longestNeedle: (size) => frame + size,
    longestQuestion: frame,
    needle: (number, secret) => [ids.needle, ...key(number), ...secret],
    question: (number) => [ids.question, ...key(number)],
    hay(random, count) {
      const sentence = random.sample(ids.hay);
      const repeated = kind === "passkey";
      return Int32Array.from({ length: count }, (_, i) =>
        repeated ? sentence[i % sentence.length]! : random.pick(ids.hay),
      );
    },
  };
}

/** Keys of needles in a book: words that a book rarely has two of. */
const KEY_WORDS =
  "anvil basket candle drum eagle feather garlic hammer inkwell jacket kettle lantern mirror needle oyster pepper quilt ribbon saddle thimble umbrella violin walnut yarn zither apron bucket cradle dagger easel fiddle goblet".split(
    " ",
  );

/** Sentences of bytes in the bytes of a book. */
export function textWords(kind: NeedleKind, { keys, alphabet }: NeedleCounts, text: TaskText): NeedleWords {
  const bytes = (words: string) => [...new TextEncoder().encode(words)];
  const subject = (key: number) => (kind === "passkey" ? "pass key" : `${kind} of the ${KEY_WORDS[key]}`);
  const needle = (key: number, secret: readonly number[]) => [
    ...bytes(` The ${subject(key)} is `),
    ...secret,
    ...bytes(". "),
  ];
  const question = (key: number) => bytes(` What is the ${subject(key)}? The ${subject(key)} is `);
  const all = Array.from({ length: keys }, (_, key) => key);
  const border = Math.floor(text.byteLength * (1 - EVALUATION_SHARE));
  return {
    symbols: Array.from({ length: 256 }, (_, byte) => byteName(byte)),
    characters: bytes(charactersOf(kind, alphabet).join("")),
    keys,
    longestNeedle: (size) => Math.max(...all.map((key) => needle(key, []).length)) + size,
    longestQuestion: Math.max(...all.map((key) => question(key).length)),
    needle,
    question,
    hay(random, count, part) {
      const [from, to] = part === "training" ? [0, border] : [border, text.byteLength];
      const most = Math.min(count, to - from);
      const start = from + random.below(to - from - most + 1);
      const piece = text.read(start, most);
      // A haystack that is longer than the book begins it again.
      return Int32Array.from({ length: count }, (_, i) => piece[i % most]!);
    },
  };
}

/** Names of bytes: themselves where they can be seen. */
function byteName(byte: number): string {
  return byte > 32 && byte < 127 ? String.fromCharCode(byte) : `x${byte.toString(16).padStart(2, "0").toUpperCase()}`;
}
