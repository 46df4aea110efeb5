/** Streams of associations that change, or of which some are wrong. */
import { z } from "zod";
import { countKnob } from "./knobs.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

const source = "MIRAS (arXiv:2504.13173), made small: what retention and robust objectives are for";

/** Values change while the stream goes on. */
export const drift = defineTask({
  name: "drift",
  summary: "the values of some keys change while a stream goes on; asked is the latest value of each",
  definition:
    "A stream of pairs: each of `keys` keys once, then random ones of them until there are `observations` pairs. A key that comes again has another value with probability `change`, else the one that it had. After blanks every key " +
    "comes once more, in random order, behind a question mark; its latest value is the answer, and its last pair the fact.",
  source,
  example: "task.change=0.9",
  knobs: {
    keys: countKnob(1, 4, "Keys of the stream."),
    values: countKnob(2, 16, "Symbols that values are drawn from."),
    observations: countKnob(1, 16, "Pairs of the stream; at least `keys`."),
    change: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe("Probability that a key that comes again has another value."),
  },
  problem({ keys, observations }) {
    if (observations >= keys) return undefined;
    return { knob: "observations", sentence: `${keys} keys need as many observations; there are ${observations}` };
  },
  rules({ keys, values, observations, change }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      question: "?",
      keys: numbered("k", keys),
      values: numbered("v", values),
    });
    const least = 2 * observations + 3 * keys;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / values,
      row(random, length) {
        const writer = new RowWriter();
        const known = new Map<number, { value: number; place: number }>();
        const first = random.sample(ids.keys);
        for (let i = 0; i < observations; i++) {
          const key = first[i] ?? random.pick(ids.keys);
          const before = known.get(key)?.value;
          const isNew = before === undefined || random.unit() < change;
          const value = isNew ? random.pick(ids.values.filter((other) => other !== before)) : before;
          known.set(key, { value, place: writer.write(key, value) });
        }
        writer.repeat(ids.blank, length + 1 - least);
        for (const key of random.sample(ids.keys)) {
          const { value, place } = known.get(key)!;
          writer.write(ids.question, key);
          writer.answer([value], place);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});

/** Some observations are wrong. */
export const outliers = defineTask({
  name: "outliers",
  summary: "every key is shown several times, sometimes with a wrong value; asked is the value of the majority",
  definition:
    "Each of `keys` keys has one value. A stream shows every key `repeats` times, all in random order; `corrupted` of a key's pairs show another value, drawn freely. After blanks every key comes once more, in random order, " +
    "behind a question mark, followed by its own value, which is the answer. More than half of a key's pairs are right. The fact is the last of those.",
  source,
  example: "task.corrupted=2",
  knobs: {
    keys: countKnob(1, 4, "Keys of the stream."),
    values: countKnob(2, 16, "Symbols that values are drawn from."),
    repeats: countKnob(1, 5, "Pairs of each key."),
    corrupted: countKnob(0, 1, "Pairs of each key that are wrong; fewer than half of `repeats`."),
  },
  problem({ repeats, corrupted }) {
    if (2 * corrupted < repeats) return undefined;
    return { knob: "corrupted", sentence: `fewer than half of ${repeats} pairs may be wrong` };
  },
  rules({ keys, values, repeats, corrupted }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      question: "?",
      keys: numbered("k", keys),
      values: numbered("v", values),
    });
    const least = 2 * keys * repeats + 3 * keys;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / values,
      row(random, length) {
        const writer = new RowWriter();
        const truth = new Map(ids.keys.map((key) => [key, random.pick(ids.values)]));
        const pairs = ids.keys.flatMap((key) =>
          Array.from({ length: repeats }, (_, i) => ({ key, isWrong: i < corrupted })),
        );
        const places = new Map<number, number>();
        for (const { key, isWrong } of random.sample(pairs)) {
          const value = truth.get(key)!;
          if (isWrong) writer.write(key, random.pick(ids.values.filter((other) => other !== value)));
          else places.set(key, writer.write(key, value));
        }
        writer.repeat(ids.blank, length + 1 - least);
        for (const key of random.sample(ids.keys)) {
          writer.write(ids.question, key);
          writer.answer([truth.get(key)!], places.get(key)!);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});
