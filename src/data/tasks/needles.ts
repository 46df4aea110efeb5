/** Needles in a haystack: a pass key, numbers or words that are said once somewhere and asked for at the end. */
import { z } from "zod";
import { bundledCorpora } from "../corpus-files.ts";
import type { RandomStream } from "../random-stream.ts";
import { countKnob } from "./knobs.ts";
import { type NeedleWords, symbolWords, textWords } from "./needle-words.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask, type TaskRules, type TaskText } from "./task.ts";

const source = "RULER (arXiv:2404.06654)";

const haystackKnobs = {
  filler: countKnob(1, 8, "Symbols of the haystack."),
  text: z
    .enum(["none", ...bundledCorpora])
    .default("none")
    .describe("A bundled text whose bytes are the haystack, instead of symbols; the last tenth is for evaluation."),
  depth: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .default(null)
    .describe("Where the needle that is asked for stands: 0 at the beginning, 1 at the end, null anywhere."),
};

const keyKnobs = {
  needles: countKnob(1, 1, "Needles, each with a key of its own; one of them is asked for."),
  keys: z.int().min(1).max(32).default(16).describe("Keys there are; at least `needles`."),
};

/** The knobs that make a haystack. */
interface Haystack {
  readonly needles: number;
  /** Characters of a needle. */
  readonly size: number;
  readonly depth: number | null;
}

function needleRules(words: NeedleWords, haystack: Haystack): TaskRules {
  const { needles, size, depth } = haystack;
  const secretOf = (random: RandomStream) => Array.from({ length: size }, () => random.pick(words.characters));
  // All needles and the question have the same size whatever they say, but for the keys.
  const least = needles * words.longestNeedle(size) + words.longestQuestion + size;
  return {
    symbols: words.symbols,
    shortestLength: least - 1,
    chance: 1 / words.characters.length,
    row(random, length, part) {
      const hidden = random.sample([...Array(words.keys).keys()], needles).map((key) => {
        const secret = secretOf(random);
        return { secret, key, tokens: words.needle(key, secret) };
      });
      const asked = hidden[0]!;
      const question = words.question(asked.key);
      const said = hidden.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const free = length + 1 - said - question.length - size;
      const hay = words.hay(random, free, part);
      const placed = hidden.map((needle) => {
        const chosen = needle === asked && depth !== null;
        return { ...needle, at: chosen ? Math.round(depth * free) : random.below(free + 1) };
      });
      const writer = new RowWriter();
      let used = 0;
      let fact = 0;
      for (const { key, tokens, at } of placed.sort((a, b) => a.at - b.at)) {
        writer.copy(hay.subarray(used, at));
        used = at;
        const place = writer.write(...tokens);
        if (key === asked.key) fact = place;
      }
      writer.copy(hay.subarray(used));
      writer.write(...question);
      writer.answer(asked.secret, fact);
      return writer.row(length, 0);
    },
  };
}

function wordsOf(text: TaskText | undefined, kind: "passkey" | "number" | "word", knobs: WordKnobs): NeedleWords {
  return text === undefined ? symbolWords(kind, knobs) : textWords(kind, knobs, text);
}

interface WordKnobs {
  readonly keys: number;
  readonly filler: number;
  /** Letters that words are made of. */
  readonly alphabet: number;
}

const enoughKeys = ({ needles, keys }: { readonly needles: number; readonly keys: number }) =>
  needles <= keys ? undefined : { knob: "keys", sentence: `${needles} needles need as many keys; there are ${keys}` };

/** One number in a haystack that repeats itself. */
export const passkey = defineTask({
  name: "passkey",
  summary: "a pass key of some digits is said once in a haystack that repeats itself, and asked for at the end",
  definition:
    "A haystack of `filler` symbols in an order of the row's own, over and over. Somewhere in it stands a marker with `digits` digits; the row ends with a question mark and these digits, which are " +
    "the answer. With `text` the haystack is a piece of a book, and needle and question are sentences.",
  source,
  example: "task.digits=5",
  knobs: { digits: countKnob(1, 5, "Digits of the pass key."), ...haystackKnobs },
  rules({ digits, filler, depth }, { text }) {
    const words = wordsOf(text, "passkey", { keys: 1, filler, alphabet: 0 });
    return needleRules(words, { needles: 1, size: digits, depth });
  },
});

/** Numbers with keys in a haystack without order. */
export const numberNeedle = defineTask({
  name: "number-needle",
  summary:
    "numbers, each with a key, are said once in a haystack without order; the key at the end asks for one of them",
  definition:
    "As passkey, but the haystack's symbols are drawn freely, `needles` numbers stand in it, each behind a key of its own, and the question names the key of one.",
  source,
  example: "task.needles=4",
  knobs: { digits: countKnob(1, 5, "Digits of a number."), ...keyKnobs, ...haystackKnobs },
  problem: enoughKeys,
  rules({ digits, needles, keys, filler, depth }, { text }) {
    const words = wordsOf(text, "number", { keys, filler, alphabet: 0 });
    return needleRules(words, { needles, size: digits, depth });
  },
});

/** The same with words. */
export const wordNeedle = defineTask({
  name: "word-needle",
  summary: "words of random letters, each with a key, are said once in a haystack; the key at the end asks for one",
  definition: "As number-needle, with words of `letters` letters, drawn freely from an alphabet, in place of numbers.",
  source,
  example: "task.needles=4",
  knobs: {
    letters: countKnob(1, 5, "Letters of a word."),
    alphabet: z.int().min(2).max(26).default(16).describe("Letters there are."),
    ...keyKnobs,
    ...haystackKnobs,
  },
  problem: enoughKeys,
  rules({ letters, alphabet, needles, keys, filler, depth }, { text }) {
    const words = wordsOf(text, "word", { keys, filler, alphabet });
    return needleRules(words, { needles, size: letters, depth });
  },
});
