/** What arrives in order and must not be forgotten: classes one after another, domains one after another. */
import type { RandomStream } from "../random-stream.ts";
import { askedKnob, countKnob } from "./knobs.ts";
import { RowWriter, randomGaps } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

function differences(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, level, i) => sum + (level === b[i] ? 0 : 1), 0);
}

/** Patterns that differ from each other in at least so many features. */
function distantPatterns(random: RandomStream, count: number, draw: () => number[], apart: number): number[][] {
  const found: number[][] = [];
  while (found.length < count) {
    const pattern = draw();
    if (found.every((other) => differences(other, pattern) >= apart)) found.push(pattern);
    // A crowded start may leave no room for the others.
    else if (random.below(1000) === 0) found.length = 0;
  }
  return found;
}

/** Classes that arrive one after another. */
export const classIncremental = defineTask({
  name: "class-incremental",
  summary: "classes arrive one after another, some noisy examples each; at the end, new examples of any of them",
  definition:
    "A class is a pattern of `features` levels, of the row's own. Its example is the pattern with `noise` features drawn anew, followed by the class's label. All `examples` of the first class come first, then those of the " +
    "second, and so on. After blanks `queries` of the classes, in random order, are shown once more: a question mark, a new example, and the label, which is the answer. Patterns differ in more than 4 `noise` features, " +
    "so that the nearest example always has the right label. The fact is the class's last example.",
  source: "class-incremental learning as in Nested Learning (arXiv:2512.24695), made small",
  example: "task.classes=6",
  knobs: {
    classes: countKnob(2, 4, "Classes of a row."),
    examples: countKnob(1, 2, "Examples of each class."),
    queries: askedKnob("Classes that are asked for; null for all."),
    features: countKnob(2, 8, "Features of an example; a token each."),
    levels: countKnob(2, 8, "Values of a feature."),
    noise: countKnob(0, 1, "Features of an example that are drawn anew."),
  },
  problem({ classes, queries, features, levels, noise }) {
    if (queries !== null && queries > classes)
      return { knob: "queries", sentence: `${queries} queries need as many classes; there are ${classes}` };
    // What two random patterns have in common is about one feature in `levels`.
    if (features * (1 - 1 / levels) >= 4 * noise + 1) return undefined;
    return { knob: "noise", sentence: `patterns of ${features} features cannot be told apart with so much noise` };
  },
  rules({ classes, examples, queries: asked, features, levels, noise }) {
    const queries = asked ?? classes;
    const { symbols, ids } = vocabulary({
      blank: "_",
      question: "?",
      levels: numbered("x", levels),
      labels: numbered("class", classes),
    });
    const least = classes * examples * (features + 1) + queries * (features + 2);
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / classes,
      row(random, length) {
        const draw = () => Array.from({ length: features }, () => random.pick(ids.levels));
        const patterns = distantPatterns(random, classes, draw, 4 * noise + 1);
        const example = (pattern: readonly number[]) => {
          const changed = new Set(random.sample([...pattern.keys()], noise));
          return pattern.map((level, i) => (changed.has(i) ? random.pick(ids.levels) : level));
        };
        const writer = new RowWriter();
        const taught = random.sample(ids.labels).map((label, i) => {
          const pattern = patterns[i]!;
          let place = 0;
          for (let n = 0; n < examples; n++) place = writer.write(...example(pattern), label);
          return { label, pattern, place };
        });
        writer.repeat(ids.blank, length + 1 - least);
        for (const { label, pattern, place } of random.sample(taught, queries)) {
          writer.write(ids.question, ...example(pattern));
          writer.answer([label], place);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});

/** Domains that give the same keys other values. */
export const domainStream = defineTask({
  name: "domain-stream",
  summary: "several domains, one after another, that give the same keys other values; then questions about all of them",
  definition:
    "Each of `domains` domains begins with its name, followed by `pairs` pairs of a key and its value in that domain; all domains have the same keys. After them come `queries` questions at random places among blanks: the " +
    "domain's name, a key, and its value there, which is the answer. Earlier domains are forgotten by a memory that later ones overwrite.",
  source: "continual learning of domains as in Nested Learning (arXiv:2512.24695), made small",
  example: "task.domains=5",
  knobs: {
    domains: countKnob(2, 3, "Domains of a row."),
    pairs: countKnob(1, 5, "Pairs of each domain."),
    queries: countKnob(1, 6, "Questions; at most `domains` times `pairs`."),
    keys: countKnob(1, 8, "Symbols that keys are drawn from; at least `pairs`."),
    values: countKnob(2, 16, "Symbols that values are drawn from."),
  },
  problem({ domains, pairs, queries, keys }) {
    if (pairs > keys) return { knob: "keys", sentence: `${pairs} pairs need as many keys; there are ${keys}` };
    if (queries <= domains * pairs) return undefined;
    return { knob: "queries", sentence: `there are ${domains * pairs} pairs to ask for, not ${queries}` };
  },
  rules({ domains, pairs, queries, keys, values }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      domains: numbered("domain", domains),
      keys: numbered("k", keys),
      values: numbered("v", values),
    });
    const least = domains * (1 + 2 * pairs) + 3 * queries;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / values,
      row(random, length) {
        const writer = new RowWriter();
        const shared = random.sample(ids.keys, pairs);
        const taught = random.sample(ids.domains).flatMap((domain) => {
          writer.write(domain);
          return random.sample(shared).map((key) => {
            const value = random.pick(ids.values);
            return { domain, key, value, place: writer.write(key, value) };
          });
        });
        const gaps = randomGaps(random, queries, length + 1 - least);
        random.sample(taught, queries).forEach(({ domain, key, value, place }, i) => {
          writer.repeat(ids.blank, gaps[i]!);
          writer.write(domain, key);
          writer.answer([value], place);
        });
        return writer.row(length, ids.blank);
      },
    };
  },
});
