/** What has to be learned by heart, in the weights: the last task of the MAD suite. */
import { randomStream } from "../random-stream.ts";
import { countKnob } from "./knobs.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** One dictionary for all rows. */
export const memorization = defineTask({
  name: "memorization",
  summary: "one dictionary for all rows, to be learned by heart: nothing in a row says what its values are",
  definition:
    "A dictionary that is the same in all rows, of training and evaluation, gives each of `keys` keys one of `values` values, every value to as many keys as far as that is possible. A " +
    "row shows keys in random order, none twice, each followed by its value, which is the answer. No fact is in the row: the answer follows from other rows.",
  source: "MAD (arXiv:2403.17844)",
  example: "task.keys=256",
  knobs: {
    keys: countKnob(2, 64, "Keys of the dictionary."),
    values: countKnob(2, 16, "Values of the dictionary; at most `keys`."),
    dictionary: countKnob(0, 0, "Which dictionary: a seed."),
  },
  problem({ keys, values }) {
    if (values <= keys) return undefined;
    return { knob: "values", sentence: `${values} values need as many keys; there are ${keys}` };
  },
  rules({ keys, values, dictionary }) {
    const { symbols, ids } = vocabulary({ blank: "_", keys: numbered("k", keys), values: numbered("v", values) });
    const order = randomStream(dictionary).sample([...ids.keys.keys()]);
    const dictionaryOf = new Map(order.map((key, i) => [ids.keys[key]!, ids.values[i % values]!]));
    return {
      symbols,
      shortestLength: 1,
      chance: Math.ceil(keys / values) / keys,
      row(random, length) {
        const writer = new RowWriter();
        const pairs = Math.min(keys, Math.floor((length + 1) / 2));
        for (const key of random.sample(ids.keys, pairs)) {
          writer.write(key);
          writer.answer([dictionaryOf.get(key)!], null);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});
