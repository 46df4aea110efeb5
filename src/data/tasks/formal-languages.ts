/** Strings that belong to a formal language or not, or that are counted. */
import type { RandomStream } from "../random-stream.ts";
import { countKnob } from "./knobs.ts";
import { RowWriter } from "./row-writer.ts";
import { defineTask, type TaskFamily, type TaskRules } from "./task.ts";
import { vocabulary } from "./vocabulary.ts";

const source = "Irie et al. 2023 (arXiv:2310.16076), after Bhattamishra et al. 2020 (arXiv:2009.11264)";

const lengthKnobs = {
  shortest: countKnob(1, 2, "Symbols of the shortest strings."),
  longest: countKnob(1, 30, "Symbols of the longest strings; a row holds as many strings as fit."),
};

/** A string of letters, by number, and its answer, by number. */
interface Judged {
  readonly letters: readonly number[];
  readonly answer: number;
}

/** Rows of strings, each between a mark that begins it and a question that the answer follows. */
function stringRules(
  alphabet: readonly string[],
  answers: readonly string[],
  { longest }: { readonly longest: number },
  draw: (random: RandomStream) => Judged,
): TaskRules {
  const { symbols, ids } = vocabulary({ blank: "_", begin: "^", question: "?", letters: alphabet, answers });
  return {
    symbols,
    shortestLength: longest + 2,
    chance: 1 / answers.length,
    row(random, length) {
      const writer = new RowWriter();
      for (;;) {
        const { letters, answer } = draw(random);
        if (writer.place + letters.length + 3 > length + 1) break;
        const fact = writer.write(ids.begin);
        writer.write(...letters.map((letter) => ids.letters[letter]!), ids.question);
        writer.answer([ids.answers[answer]!], fact);
      }
      return writer.row(length, ids.blank);
    },
  };
}

const lengthProblem = ({ shortest, longest }: { readonly shortest: number; readonly longest: number }) =>
  shortest <= longest
    ? undefined
    : { knob: "longest", sentence: `the longest strings have ${longest} symbols, the shortest ${shortest}` };

/** A length from the shortest to the longest whose remainder is right. */
function lengthWith(
  random: RandomStream,
  { shortest, longest }: { readonly shortest: number; readonly longest: number },
  modulus: number,
  isRight: (remainder: number) => boolean,
): number {
  const lengths = Array.from({ length: longest - shortest + 1 }, (_, i) => shortest + i);
  return random.pick(lengths.filter((n) => isRight(n % modulus)));
}

const yesNo = ["no", "yes"];

const multiple = (modulus: number, lengths: { readonly shortest: number; readonly longest: number }) => {
  const problem = lengthProblem(lengths);
  if (problem || lengths.longest - lengths.shortest + 1 >= modulus) return problem;
  return {
    knob: "longest",
    sentence: `lengths must reach over at least ${modulus} numbers, so that both answers occur`,
  };
};

/** Whether there is an odd number of ones. */
export const parity = defineTask({
  name: "parity",
  summary: "bits, then: is the number of ones odd",
  definition:
    "A row holds strings of `shortest` to `longest` random bits. Each begins with `^` and ends with `?`, which is followed by the answer: `yes` if the number of ones is odd. The fact is the string's beginning.",
  source,
  example: "task.longest=60",
  knobs: lengthKnobs,
  problem: lengthProblem,
  rules: (knobs) =>
    stringRules(["0", "1"], yesNo, knobs, (random) => {
      const letters = Array.from({ length: lengthWith(random, knobs, 1, () => true) }, () => random.below(2));
      return { letters, answer: letters.reduce((sum, bit) => sum + bit, 0) % 2 };
    }),
});

/** How many there are, up to multiples of a number. */
export const modularCounting = defineTask({
  name: "modular-counting",
  summary: "letters, then: how many of them are a, modulo a number",
  definition:
    "As parity, with random strings of `a` and `b`. The number of `a` is drawn first, each remainder as likely as the others, and the answer is that number modulo `modulus`.",
  source,
  example: "task.modulus=3",
  knobs: {
    modulus: countKnob(2, 5, "What is counted modulo."),
    ...lengthKnobs,
    shortest: countKnob(1, 5, "Symbols of the shortest strings."),
  },
  problem: (knobs) =>
    knobs.shortest >= knobs.modulus - 1
      ? lengthProblem(knobs)
      : {
          knob: "shortest",
          sentence: `strings need at least ${knobs.modulus - 1} symbols, so that every answer occurs`,
        },
  rules: (knobs) =>
    stringRules(
      ["a", "b"],
      Array.from({ length: knobs.modulus }, (_, i) => `=${i}`),
      knobs,
      (random) => {
        const length = lengthWith(random, knobs, 1, () => true);
        const answer = random.below(knobs.modulus);
        const counts = Array.from({ length: length + 1 }, (_, n) => n).filter((n) => n % knobs.modulus === answer);
        const chosen = new Set(random.sample([...Array(length).keys()], random.pick(counts)));
        return { letters: Array.from({ length }, (_, i) => (chosen.has(i) ? 0 : 1)), answer };
      },
    ),
});

/** (aa)* */
export const evenLength = defineTask({
  name: "aa",
  summary: "strings of a, then: is the string in (aa)*, that is, of even length",
  definition:
    "As parity, with strings of `a` alone: the answer is `yes` if the string is of even length. Both answers are as likely.",
  source,
  example: "task.longest=60",
  knobs: lengthKnobs,
  problem: (knobs) => multiple(2, knobs),
  rules: (knobs) =>
    stringRules(["a"], yesNo, knobs, (random) => {
      const answer = random.below(2);
      const length = lengthWith(random, knobs, 2, (remainder) => remainder === 1 - answer);
      return { letters: Array(length).fill(0), answer };
    }),
});

/** (abab)* */
export const abab = defineTask({
  name: "abab",
  summary: "strings of a and b, then: is the string in (abab)*",
  definition:
    "As parity, with strings of `a` and `b`: the answer is `yes` if the string is `abab` some times over. Half of the others are `abab...` of a length that is no multiple of 4; in the rest, of any length, one or two " +
    "letters are changed. Both answers are as likely.",
  source,
  example: "task.longest=60",
  knobs: { ...lengthKnobs, shortest: countKnob(1, 4, "Symbols of the shortest strings.") },
  problem: (knobs) => multiple(4, knobs),
  rules: (knobs) =>
    stringRules(["a", "b"], yesNo, knobs, (random) => {
      const kind = random.pick(["member", "member", "length", "letters"] as const);
      const isRight = (remainder: number) => (kind === "length" ? remainder !== 0 : remainder === 0);
      const length = lengthWith(random, knobs, 4, isRight);
      const wrong = kind === "letters" ? random.sample([...Array(length).keys()], 1 + random.below(2)) : [];
      const letters = Array.from({ length }, (_, i) => (wrong.includes(i) ? 1 - (i % 2) : i % 2));
      return { letters, answer: kind === "member" ? 1 : 0 };
    }),
});

/** A balanced string of brackets: at each step one is opened or closed, closed where there is no room left to close it later. */
function balanced(random: RandomStream, length: number, kinds: number, deepest: number): number[] {
  const open: number[] = [];
  return Array.from({ length }, (_, i) => {
    const mustClose = open.length === length - i || open.length === deepest;
    if (open.length > 0 && (mustClose || random.below(2) === 0)) return 2 * open.pop()! + 1;
    open.push(random.below(kinds));
    return 2 * open.at(-1)!;
  });
}

/** Whether every bracket is closed by its own kind, in order. */
export function isBalanced(letters: readonly number[]): boolean {
  const open: number[] = [];
  for (const letter of letters) {
    if (letter % 2 === 0) open.push(letter);
    else if (open.pop() !== letter - 1) return false;
  }
  return open.length === 0;
}

function dyck<const N extends string>(name: N, brackets: readonly string[]): TaskFamily & { readonly name: N } {
  const kinds = brackets.length / 2;
  return defineTask({
    name,
    summary: `strings of ${brackets.join(" ")}, then: is every bracket closed in order`,
    definition:
      `As parity, with brackets ${brackets.join(" ")}: the answer is \`yes\` if the string is balanced, with at most \`deepest\` brackets open at once. The others are balanced strings in which one bracket or two were ` +
      "changed so that they are no more. All lengths are even, and both answers as likely.",
    source,
    example: "task.deepest=3",
    knobs: { deepest: countKnob(1, 4, "Brackets that are open at once, at most."), ...lengthKnobs },
    problem: (knobs) => multiple(2, knobs),
    rules: (knobs) =>
      stringRules(brackets, yesNo, knobs, (random) => {
        const answer = random.below(2);
        const letters = balanced(
          random,
          lengthWith(random, knobs, 2, (r) => r === 0),
          kinds,
          knobs.deepest,
        );
        if (answer === 1) return { letters, answer };
        for (;;) {
          const changed = [...letters];
          for (const place of random.sample([...letters.keys()], 1 + random.below(2)))
            changed[place] = random.below(brackets.length);
          if (!isBalanced(changed)) return { letters: changed, answer };
        }
      }),
  });
}

/** Brackets of one kind. */
export const dyck1 = dyck("dyck1", ["(", ")"]);
/** Brackets of two kinds. */
export const dyck2 = dyck("dyck2", ["(", ")", "[", "]"]);
