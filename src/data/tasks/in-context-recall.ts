/** Recall of a dictionary that is told again and again: the first three tasks of the MAD suite. */
import { z } from "zod";
import type { RandomStream } from "../random-stream.ts";
import { countKnob } from "./knobs.ts";
import { RowWriter, randomGaps } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

const source = "MAD (arXiv:2403.17844)";

/** A key and its value, in one token each or in several. */
interface Entry {
  readonly key: readonly number[];
  readonly value: readonly number[];
}

/** Writes entries and asks for the value wherever the key has stood before. */
class Recital {
  readonly writer = new RowWriter();
  private readonly told = new Map<Entry, number>();

  tell(entry: Entry): void {
    const before = this.told.get(entry);
    this.told.set(entry, this.writer.write(...entry.key));
    if (before === undefined) this.writer.write(...entry.value);
    else this.writer.answer(entry.value, before);
  }
}

const dictionaryKnobs = {
  keys: countKnob(1, 8, "Keys of the dictionary."),
  values: countKnob(2, 8, "Symbols that values are drawn from."),
};

function dictionary(random: RandomStream, keys: readonly number[], values: readonly number[]): Entry[] {
  return keys.map((key) => ({ key: [key], value: [random.pick(values)] }));
}

/** Keys and values in turn, without an end. */
export const inContextRecall = defineTask({
  name: "in-context-recall",
  summary:
    "keys and values in turn, from a dictionary of the row's own: every value whose key came before is an answer",
  definition:
    "Every row has a dictionary of its own, which gives each of `keys` keys one value. The row is filled with its entries, drawn at random with repetition. The value is an answer " +
    "wherever the key has stood in the row before; the fact is its last appearance.",
  source,
  example: "task.keys=16",
  knobs: dictionaryKnobs,
  rules({ keys, values }) {
    const { symbols, ids } = vocabulary({ blank: "_", keys: numbered("k", keys), values: numbered("v", values) });
    return {
      symbols,
      // One pair more than there are keys: one of them stands twice.
      shortestLength: 2 * keys + 1,
      chance: 1 / values,
      row(random, length) {
        const entries = dictionary(random, ids.keys, ids.values);
        const recital = new Recital();
        for (let i = 0; i < Math.floor((length + 1) / 2); i++) recital.tell(random.pick(entries));
        return recital.writer.row(length, ids.blank);
      },
    };
  },
});

/** The same with noise between the pairs. */
export const noisyRecall = defineTask({
  name: "noisy-recall",
  summary: "in-context recall with tokens that mean nothing between the pairs",
  definition:
    "As in-context-recall, but a share `noise` of the row, spread at random between the pairs, are symbols of an alphabet of their own that say nothing and are never asked for.",
  source,
  example: "task.noise=0.6",
  knobs: {
    ...dictionaryKnobs,
    noise: z.number().min(0).max(0.9).default(0.2).describe("Share of the row's tokens that are noise."),
    noiseSymbols: countKnob(1, 8, "Symbols of the noise."),
  },
  rules({ keys, values, noise, noiseSymbols }) {
    const { symbols, ids } = vocabulary({
      keys: numbered("k", keys),
      values: numbered("v", values),
      noise: numbered("n", noiseSymbols),
    });
    const pairsOf = (tokens: number) => Math.floor((tokens * (1 - noise)) / 2);
    let shortest = 2 * keys + 1;
    while (pairsOf(shortest + 1) <= keys) shortest++;
    return {
      symbols,
      shortestLength: shortest,
      chance: 1 / values,
      row(random, length) {
        const entries = dictionary(random, ids.keys, ids.values);
        const recital = new Recital();
        const pairs = pairsOf(length + 1);
        const makeNoise = (count: number) => {
          for (let i = 0; i < count; i++) recital.writer.write(random.pick(ids.noise));
        };
        const gaps = randomGaps(random, pairs, length + 1 - 2 * pairs);
        for (let i = 0; i < pairs; i++) {
          makeNoise(gaps[i]!);
          recital.tell(random.pick(entries));
        }
        makeNoise(gaps[pairs]!);
        return recital.writer.row(length, ids.noise[0]!);
      },
    };
  },
});

/** The same with keys and values of several tokens. */
export const fuzzyRecall = defineTask({
  name: "fuzzy-recall",
  summary: "in-context recall with keys and values of one to several tokens each",
  definition:
    "As in-context-recall, but every row has `pairs` keys and values that are words: one to `longest` symbols, of an alphabet of keys and one of values. Keys are distinct words, and one " +
    "may be the beginning of another. All tokens of the value are answers wherever the key has stood before.",
  source,
  example: "task.longest=2",
  knobs: {
    pairs: countKnob(1, 6, "Pairs of the dictionary."),
    longest: countKnob(1, 3, "Tokens of the longest keys and values."),
    keySymbols: countKnob(2, 8, "Alphabet of the keys."),
    valueSymbols: countKnob(2, 8, "Alphabet of the values."),
  },
  problem({ pairs, longest, keySymbols }) {
    // Half of the words that exist, so that distinct ones are found quickly.
    const words = Array.from({ length: longest }, (_, i) => keySymbols ** (i + 1)).reduce((sum, n) => sum + n, 0);
    if (2 * pairs <= words) return undefined;
    return { knob: "keySymbols", sentence: `${pairs} distinct keys need more symbols or longer words` };
  },
  rules({ pairs, longest, keySymbols, valueSymbols }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      keys: numbered("k", keySymbols),
      values: numbered("v", valueSymbols),
    });
    const word = (random: RandomStream, alphabet: readonly number[]) =>
      Array.from({ length: 1 + random.below(longest) }, () => random.pick(alphabet));
    return {
      symbols,
      shortestLength: 2 * longest * (pairs + 1) - 1,
      chance: 1 / valueSymbols,
      row(random, length) {
        const entries = new Map<string, Entry>();
        while (entries.size < pairs) {
          const key = word(random, ids.keys);
          if (!entries.has(key.join())) entries.set(key.join(), { key, value: word(random, ids.values) });
        }
        const all = [...entries.values()];
        const recital = new Recital();
        for (;;) {
          const entry = random.pick(all);
          if (recital.writer.place + entry.key.length + entry.value.length > length + 1) break;
          recital.tell(entry);
        }
        return recital.writer.row(length, ids.blank);
      },
    };
  },
});
