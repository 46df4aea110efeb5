/** Handwritten digits whose pixels are shuffled, every domain in a way of its own. */
import { ConfigError } from "../../utils/errors.ts";
import { askedKnob, countKnob } from "./knobs.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask, type TaskPart } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** Pixels that one token stands for, and those of a picture. */
const [TOKEN_PIXELS, PIXELS] = [4, 64];
const PICTURE_TOKENS = PIXELS / TOKEN_PIXELS;
const DIGITS = [...Array(10).keys()];
/** Pictures that are looked at for one that is like no other digit's. */
const DRAWS = 50;
/** The share of each digit's pictures, at their end, that only evaluation sees. */
const EVALUATION_SHARE = 0.2;

/** Continual learning over domains that differ in where a pixel went. */
export const permutedPixels = defineTask({
  name: "permuted-pixels",
  summary: "handwritten digits whose pixels are shuffled, in every domain otherwise; then new pictures of any domain",
  definition:
    `A picture has ${PIXELS} black and white pixels, ${TOKEN_PIXELS} of them a token. Each of \`domains\` domains begins with its name and shuffles the pixels of all its pictures in one way, of the row's own. It shows \`examples\` ` +
    "pictures of each of `classes` digits, in random order, each followed by the label that its digit has in this row, in all domains. Then `queries` new pictures of any digit in any domain are shown: a question mark, the " +
    "domain's name, the picture, and the label, which is the answer. They are drawn so that the most similar picture of the domain has the right label; where that seems impossible, a picture is shown again. The fact is the last picture of the digit in the domain. Evaluation draws from other pictures than training.",
  source:
    "permuted MNIST, the usual test of continual learning over domains; pictures from the package mnist, made small",
  example: "task.domains=3",
  knobs: {
    domains: countKnob(1, 2, "Ways to shuffle the pixels; one after another."),
    classes: countKnob(2, 2, `Digits of a row; at most ${DIGITS.length}.`),
    examples: countKnob(1, 2, "Pictures of each digit in each domain."),
    queries: askedKnob("Pictures that are asked for; null for one of each digit in each domain."),
  },
  problem({ domains, classes, queries }) {
    if (classes > DIGITS.length)
      return { knob: "classes", sentence: `there are ${DIGITS.length} digits, not ${classes}` };
    if (queries === null || queries <= domains * classes) return undefined;
    return {
      knob: "queries",
      sentence: `there are ${domains * classes} digits in all domains to ask for, not ${queries}`,
    };
  },
  rules({ domains, classes, examples, queries: asked }, { pictures }) {
    if (pictures === undefined) throw new ConfigError("permuted-pixels needs pictures; open it with openTask");
    const queries = asked ?? domains * classes;
    const { symbols, ids } = vocabulary({
      blank: "_",
      question: "?",
      domains: numbered("domain", domains),
      pixels: Array.from({ length: 2 ** TOKEN_PIXELS }, (_, bits) => bits.toString(2).padStart(TOKEN_PIXELS, "0")),
      labels: numbered("class", classes),
    });
    const least = domains * (1 + classes * examples * (PICTURE_TOKENS + 1)) + queries * (PICTURE_TOKENS + 3);
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / classes,
      row(random, length, part) {
        const draw = (digit: number) => random.pick(partOf(pictures[digit]!, part));
        const digits = random.sample(DIGITS, classes);
        const labels = random.sample(ids.labels);
        const writer = new RowWriter();
        const show = (pixels: Uint8Array, order: readonly number[]) =>
          writer.copy(tokensOf(pixels, order).map((bits) => ids.pixels[bits]!));
        const taught = random.sample(ids.domains).flatMap((domain) => {
          writer.write(domain);
          const order = random.sample([...Array(PIXELS).keys()]);
          const shown = random.sample(digits.flatMap((digit) => Array<number>(examples).fill(digit))).map((digit) => {
            const pixels = draw(digit);
            show(pixels, order);
            return { digit, pixels, place: writer.write(labels[digits.indexOf(digit)]!) };
          });
          return digits.map((digit) => ({ domain, order, shown, digit }));
        });
        writer.repeat(ids.blank, length + 1 - least);
        for (const { domain, order, shown, digit } of random.sample(taught, queries)) {
          writer.write(ids.question, domain);
          show(clearPicture(shown, digit, draw), order);
          const fact = shown.findLast((one) => one.digit === digit)!.place;
          writer.answer([labels[digits.indexOf(digit)]!], fact);
        }
        return writer.row(length, ids.blank);
      },
    };
  },
});

/** A digit's pictures of one part; no picture is in both. */
function partOf(all: readonly Uint8Array[], part: TaskPart): readonly Uint8Array[] {
  const border = Math.floor(all.length * (1 - EVALUATION_SHARE));
  return part === "training" ? all.slice(0, border) : all.slice(border);
}

/** A picture as numbers below 2^4, its pixels in a new order. */
function tokensOf(pixels: Uint8Array, order: readonly number[]): number[] {
  return Array.from({ length: PICTURE_TOKENS }, (_, token) =>
    order.slice(token * TOKEN_PIXELS, (token + 1) * TOKEN_PIXELS).reduce((bits, pixel) => 2 * bits + pixels[pixel]!, 0),
  );
}

interface Shown {
  readonly digit: number;
  readonly pixels: Uint8Array;
}

/** A new picture of a digit that is more like one of its pictures than like any other's. */
function clearPicture(shown: readonly Shown[], digit: number, draw: (digit: number) => Uint8Array): Uint8Array {
  const nearest = (pixels: Uint8Array, some: readonly Shown[]) =>
    Math.min(...some.map((one) => one.pixels.reduce((sum, pixel, i) => sum + (pixel === pixels[i] ? 0 : 1), 0)));
  const own = shown.filter((one) => one.digit === digit);
  const others = shown.filter((one) => one.digit !== digit);
  for (let i = 0; i < DRAWS; i++) {
    const pixels = draw(digit);
    if (nearest(pixels, own) < nearest(pixels, others)) return pixels;
  }
  return own[0]!.pixels;
}
