/** Multi-query associative recall. */
import { askedKnob, countKnob } from "./knobs.ts";
import { RowWriter, randomGaps } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** Pairs first, then questions about them at random distances. */
export const recall = defineTask({
  name: "recall",
  summary: "multi-query associative recall: several pairs, then their keys, each to be answered by its value",
  definition:
    "A row begins with `pairs` pairs of a key and a value, keys distinct, values drawn freely. After them `queries` of the keys come again, each once, in random order and at " +
    "random places between blanks, and each is followed by its value, which is the answer.",
  source: "Zoology (arXiv:2312.04927)",
  example: "task.pairs=8",
  knobs: {
    pairs: countKnob(1, 8, "Pairs to remember."),
    queries: askedKnob("Pairs that are asked for; null for all."),
    keys: countKnob(1, 32, "Symbols that keys are drawn from; at least `pairs`."),
    values: countKnob(2, 31, "Symbols that values are drawn from."),
  },
  problem({ pairs, queries, keys }) {
    if (queries !== null && queries > pairs)
      return { knob: "queries", sentence: `${queries} queries need as many pairs; there are ${pairs}` };
    if (pairs > keys) return { knob: "keys", sentence: `${pairs} pairs need as many keys; there are ${keys}` };
    return undefined;
  },
  rules({ pairs, queries: asked, keys, values }) {
    const queries = asked ?? pairs;
    const { symbols, ids } = vocabulary({ blank: "_", keys: numbered("k", keys), values: numbered("v", values) });
    const least = 2 * (pairs + queries);
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / values,
      row(random, length) {
        const writer = new RowWriter();
        const shown = random.sample(ids.keys, pairs).map((key) => {
          const value = random.pick(ids.values);
          return { key, value, place: writer.write(key, value) };
        });
        const gaps = randomGaps(random, queries, length + 1 - least);
        random.sample(shown, queries).forEach(({ key, value, place }, i) => {
          writer.repeat(ids.blank, gaps[i]!);
          writer.write(key);
          writer.answer([value], place);
        });
        return writer.row(length, ids.blank);
      },
    };
  },
});
