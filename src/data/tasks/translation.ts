/** Languages that are new in every row, taught one after another, then translated into. */
import { z } from "zod";
import { countKnob } from "./knobs.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** The protocol of continual translation of a novel language, made small. */
export const translation = defineTask({
  name: "translation",
  summary: "two languages are taught one after another, word by word; then sentences are translated into each of them",
  definition:
    "All languages have words for the same `words` meanings, and which word means what is new in every row. The lesson of a language is its name and, `repeats` times over in random order, every meaning with its word. " +
    "All lessons come first, one language after another; after blanks, `sentences` sentences for each language, in random order: a question mark, the language's name, `sentence` meanings, an equals sign, and the " +
    "translation, which is the answer. Every second language says sentences backwards if `reversed`. The fact is the oldest pair that is needed. With `languages` 1 one language is taught alone.",
  source: "continual translation of a novel language (CTNL), Nested Learning (arXiv:2512.24695)",
  example: "task.languages=1",
  knobs: {
    languages: countKnob(1, 2, "Languages that are taught."),
    words: countKnob(2, 8, "Meanings, and words of each language."),
    repeats: countKnob(1, 1, "How often a lesson shows each word."),
    sentences: countKnob(1, 2, "Sentences to translate into each language."),
    sentence: countKnob(1, 3, "Words of a sentence."),
    reversed: z.boolean().default(true).describe("Whether every second language says sentences backwards."),
  },
  rules({ languages, words, repeats, sentences, sentence, reversed }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      question: "?",
      equals: "=",
      languages: numbered("language", languages),
      meanings: numbered("m", words),
      words: Array.from({ length: languages }, (_, language) => numbered(`w${language}.`, words)).flat(),
    });
    const least = languages * (1 + 2 * words * repeats + sentences * (3 + 2 * sentence));
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / words,
      row(random, length) {
        const writer = new RowWriter();
        const lessons = ids.languages.map((language, number) => {
          const own = random.sample(ids.words.slice(number * words, (number + 1) * words));
          const wordOf = new Map(ids.meanings.map((meaning, i) => [meaning, own[i]!]));
          const places = new Map<number, number>();
          writer.write(language);
          for (let i = 0; i < repeats; i++)
            for (const meaning of random.sample(ids.meanings))
              places.set(meaning, writer.write(meaning, wordOf.get(meaning)!));
          return { language, wordOf, places, backwards: reversed && number % 2 === 1 };
        });
        writer.repeat(ids.blank, length + 1 - least);
        const exams = lessons.flatMap((lesson) => Array<(typeof lessons)[number]>(sentences).fill(lesson));
        for (const { language, wordOf, places, backwards } of random.sample(exams)) {
          const said = Array.from({ length: sentence }, () => random.pick(ids.meanings));
          writer.write(ids.question, language, ...said, ids.equals);
          const translated = said.map((meaning) => wordOf.get(meaning)!);
          const oldest = Math.min(...said.map((meaning) => places.get(meaning)!));
          writer.answer(backwards ? translated.reverse() : translated, oldest);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});
