/** Tasks of the MAD suite in which all of something has to be kept: selective copying, compression. */
import { countKnob } from "./knobs.ts";
import { RowWriter, randomGaps } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

const source = "MAD (arXiv:2403.17844)";

/** Tokens between blanks, to be said again in order. */
export const selectiveCopying = defineTask({
  name: "selective-copying",
  summary: "tokens scattered among blanks, to be repeated in their order at the end",
  definition:
    "`copied` symbols, drawn freely, stand at random places among blanks. Then comes a marker, and after it the symbols again in their order: one answer of `copied` tokens. The fact is the " +
    "first of them. Earlier tokens of the answer can be seen while later ones are predicted.",
  source,
  example: "task.copied=16",
  knobs: {
    copied: countKnob(1, 8, "Symbols to copy."),
    alphabet: countKnob(2, 14, "Symbols they are drawn from."),
  },
  rules({ copied, alphabet }) {
    const { symbols, ids } = vocabulary({ blank: "_", marker: "!", letters: numbered("s", alphabet) });
    const least = 2 * copied + 1;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / alphabet,
      row(random, length) {
        const writer = new RowWriter();
        const copiedSymbols = Array.from({ length: copied }, () => random.pick(ids.letters));
        const gaps = randomGaps(random, copied, length + 1 - least);
        copiedSymbols.forEach((symbol, i) => {
          writer.repeat(ids.blank, gaps[i]!);
          writer.write(symbol);
        });
        const first = gaps[0]!;
        writer.repeat(ids.blank, gaps[copied]!);
        writer.write(ids.marker);
        writer.answer(copiedSymbols, first);
        return writer.row(length, ids.blank);
      },
    };
  },
});

/** A sequence that has to be known place by place. */
export const compression = defineTask({
  name: "compression",
  summary: "a random sequence, then the question what stood at each of its places, in random order",
  definition:
    "`content` symbols, drawn freely, then blanks, a marker, and for every place of the content, in random order, the place's number followed by the symbol that stood there, which is the " +
    "answer. The MAD suite asks a decoder for the same of one token's vector; here the model answers itself, from its state.",
  source,
  example: "task.content=32",
  knobs: {
    content: countKnob(1, 16, "Symbols to know."),
    alphabet: countKnob(2, 16, "Symbols they are drawn from."),
  },
  rules({ content, alphabet }) {
    const { symbols, ids } = vocabulary({
      blank: "_",
      marker: "!",
      letters: numbered("s", alphabet),
      places: numbered("@", content),
    });
    const least = 3 * content + 1;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / alphabet,
      row(random, length) {
        const writer = new RowWriter();
        const letters = ids.places.map(() => random.pick(ids.letters));
        writer.write(...letters);
        writer.repeat(ids.blank, length + 1 - least);
        writer.write(ids.marker);
        for (const place of random.sample([...letters.keys()])) {
          writer.write(ids.places[place]!);
          writer.answer([letters[place]!], place);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});
