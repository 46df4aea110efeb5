/** Every task is decided by its row, and by nothing less: plain programs answer all, a guesser of what usually follows answers none. */
import { describe, expect, it, test } from "vitest";
import {
  evaluationSeed,
  openCorpus,
  openTask,
  scoreAnswers,
  symbolTokenizer,
  type Task,
  type TaskBatch,
  type TaskSettings,
  taskBatch,
  taskNamed,
  taskNames,
  taskSchema,
  tokenizerFromDescription,
} from "../../../src/data/index.ts";
import { ConfigError, parseConfig } from "../../../src/utils/index.ts";
import { type Asked, bookSolver, solvers } from "./solvers.ts";

const settingsOf = (knobs: Record<string, unknown>): TaskSettings => parseConfig(taskSchema, knobs, "test");
const open = (name: string, knobs: Record<string, unknown> = {}) => openTask(settingsOf({ name, ...knobs }));

/** Questions of a batch as a program sees them, with what is right. */
function* asked(task: Task, batch: TaskBatch) {
  for (const [row, questions] of batch.questions.entries()) {
    const start = row * (batch.length + 1);
    const names = Array.from(batch.tokens.subarray(start, start + batch.length + 1), (id) => task.symbols[id]!);
    for (const question of questions) {
      const place = question.target + 1;
      const answer = names.slice(place, place + question.count);
      yield { seen: names.slice(0, place), count: question.count, answer, question };
    }
  }
}

function expectSolved(
  task: Task,
  batch: TaskBatch,
  solve: (asked: Asked) => { answer: readonly string[]; fact: number },
) {
  let questions = 0;
  for (const { seen, count, answer, question } of asked(task, batch)) {
    const said = solve({ seen, count });
    expect(said.answer, seen.join(" ")).toEqual(answer);
    expect(said.fact, seen.join(" ")).toBe(question.fact);
    expect(question.distance).toBe(seen.length - said.fact);
    expect(question.depth).toBeCloseTo(said.fact / seen.length, 12);
    questions++;
  }
  expect(questions).toBeGreaterThanOrEqual(batch.batch);
}

/** Guesses what most often followed the token before the answer in other rows: knows the question's last token and no fact. */
function guesser(task: Task, batch: TaskBatch) {
  const counts = new Map<string, Map<string, number>>();
  for (const { seen, answer } of asked(task, batch)) {
    const row = counts.get(seen.at(-1)!) ?? new Map<string, number>();
    row.set(answer[0]!, (row.get(answer[0]!) ?? 0) + 1);
    counts.set(seen.at(-1)!, row);
  }
  return (seen: readonly string[]) =>
    [...(counts.get(seen.at(-1)!) ?? [])].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0] as const)[0];
}

describe.each(taskNames)("%s", (name) => {
  test("is the same for the same seed and step, and another for others", async () => {
    const task = await open(name);
    const length = task.shortestLength + 60;
    const draw = (seed: number, step: number) => taskBatch(task, { batch: 2, length, seed, step });
    expect(draw(1, 2)).toEqual(draw(1, 2));
    expect(
      new Set([draw(1, 2), draw(1, 3), draw(2, 2), draw(evaluationSeed(1), 2)].map((b) => b.tokens.join())).size,
    ).toBe(4);
  });

  test("has tokens of its vocabulary, and weights on its answers and nothing else", async () => {
    const task = await open(name);
    for (const length of [task.shortestLength, task.shortestLength + 37]) {
      const batch = taskBatch(task, { batch: 8, length, seed: 3, step: 0 });
      expect(batch.tokens).toHaveLength(8 * (length + 1));
      expect(batch.tokens.every((token) => token >= 0 && token < task.vocabularySize)).toBe(true);
      const answers = new Set(
        batch.questions.flatMap((row, r) =>
          row.flatMap(({ target, count }) => Array.from({ length: count }, (_, i) => r * length + target + i)),
        ),
      );
      batch.weights.forEach((weight, t) => {
        expect(weight).toBe(answers.has(t) ? 1 : 0);
      });
      expect(batch.questions.every((row) => row.length > 0)).toBe(true);
    }
    expect(() => taskBatch(task, { batch: 1, length: task.shortestLength - 1, seed: 0, step: 0 })).toThrow(ConfigError);
  });

  test("cannot be guessed without the facts", async () => {
    const task = await open(name);
    const draw = (seed: number) => taskBatch(task, { batch: 400, length: task.shortestLength, seed, step: 0 });
    const guess = guesser(task, draw(1));
    const found = [...asked(task, draw(2))];
    const right = found.filter(({ seen, answer }) => guess(seen) === answer[0]).length / found.length;
    if (name === "memorization") return expect(right).toBe(1);
    const deviation = Math.sqrt((task.chance * (1 - task.chance)) / found.length);
    expect(right).toBeLessThan(task.chance + 5 * deviation);
    // In translation the token before the answer does not say the language, which halves it.
    expect(right).toBeGreaterThan(task.chance / 2 - 5 * deviation);
  });

  it.skipIf(name === "memorization")("is solved by a plain program", async () => {
    const task = await open(name);
    for (const [seed, longer] of [
      [1, 0],
      [evaluationSeed(0), 101],
    ] as const) {
      const batch = taskBatch(task, { batch: 40, length: task.shortestLength + longer, seed, step: 5 });
      expectSolved(task, batch, solvers[name]!);
    }
  });
});

test.each<[string, Record<string, unknown>]>([
  ["recall", { pairs: 16, queries: 4 }],
  ["fuzzy-recall", { pairs: 20, longest: 2 }],
  ["noisy-recall", { noise: 0.8, keys: 3 }],
  ["number-needle", { needles: 4, depth: 1 }],
  ["word-needle", { needles: 8, alphabet: 26 }],
  ["facts", { supporting: 2, statements: 12 }],
  ["facts", { supporting: 2, statements: 2, persons: 2 }],
  ["class-incremental", { classes: 6, examples: 3, queries: 6 }],
  ["domain-stream", { domains: 5, queries: 25 }],
  ["permuted-pixels", { domains: 3, classes: 4, examples: 3, queries: 5 }],
  ["translation", { languages: 1, repeats: 2 }],
  ["drift", { change: 1 }],
  ["outliers", { repeats: 7, corrupted: 3 }],
])("%s with %j is solved by a plain program", async (name, knobs) => {
  const task = await open(name, knobs);
  const batch = taskBatch(task, { batch: 40, length: task.shortestLength + 50, seed: 9, step: 1 });
  expectSolved(task, batch, solvers[name]!);
});

test.each(["passkey", "number-needle", "word-needle"])(
  "%s hides in a book, whose end only evaluation sees",
  async (name) => {
    const task = await open(name, { text: "moby-dick" });
    const late = await open(name, { text: "moby-dick", depth: 1 });
    for (const seed of [1, evaluationSeed(1)])
      expectSolved(task, taskBatch(task, { batch: 4, length: 1000, seed, step: 0 }), bookSolver);
    const corpus = await openCorpus("moby-dick");
    const book = Buffer.from(corpus.read(0, corpus.byteLength)).toString("latin1");
    corpus.close();
    const placeOf = (seed: number) => {
      const { tokens } = taskBatch(late, { batch: 1, length: 1000, seed, step: 0 });
      return book.indexOf(Buffer.from(Uint8Array.from(tokens.subarray(0, 700))).toString("latin1")) / book.length;
    };
    for (let seed = 0; seed < 20; seed++) {
      expect(placeOf(seed)).toBeGreaterThanOrEqual(0);
      expect(placeOf(seed)).toBeLessThan(0.9);
      expect(placeOf(evaluationSeed(seed))).toBeGreaterThan(0.899);
    }
  },
);

test.each([0, 0.5, 1])("a needle stands at the depth %d that is asked for", async (depth) => {
  const task = await open("passkey", { depth });
  const { questions } = taskBatch(task, { batch: 3, length: 1000, seed: 0, step: 0 });
  for (const [question] of questions) expect(question!.depth).toBeCloseTo(depth, 1);
});

test("both answers of a formal language are as likely, and strings are as long as asked", async () => {
  for (const name of ["parity", "aa", "abab", "dyck1", "dyck2"]) {
    const task = await open(name, { shortest: 6, longest: 20 });
    const found = [...asked(task, taskBatch(task, { batch: 100, length: 400, seed: 4, step: 0 }))];
    const yes = found.filter(({ answer }) => answer[0] === "yes").length / found.length;
    expect(Math.abs(yes - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / found.length));
    // Between the mark and the question: the distance less both.
    const lengths = found.map(({ question }) => question.distance! - 2);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(20);
  }
});

test("the dictionary to memorise is the task's, whatever the seed", async () => {
  const pairsOf = async (dictionary: number, seed: number) => {
    const task = await open("memorization", { dictionary });
    const batch = taskBatch(task, { batch: 1, length: 2 * 64, seed, step: 0 });
    return [...asked(task, batch)].map(({ seen, answer }) => `${seen.at(-1)} ${answer}`).sort();
  };
  expect(await pairsOf(0, 1)).toEqual(await pairsOf(0, evaluationSeed(7)));
  expect(await pairsOf(1, 1)).not.toEqual(await pairsOf(0, 1));
});

test("an answer is right if all of its tokens are", () => {
  const question = { fact: 0, distance: 1, depth: 0 };
  const questions = [[{ ...question, target: 1, count: 2 }], [{ ...question, target: 0, count: 1 }]];
  const right = [1, 1, 0, 0, 1, 1];
  expect(scoreAnswers({ questions, length: 3 }, right)).toEqual({
    tokens: 3,
    rightTokens: 1,
    answers: 2,
    rightAnswers: 0,
  });
  expect(
    scoreAnswers(
      { questions, length: 3 },
      right.map((r) => 1 - r),
    ),
  ).toEqual({ tokens: 3, rightTokens: 2, answers: 2, rightAnswers: 1 });
});

describe("what is written wrongly is refused in a sentence", () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ name: "recal" }, /did you mean "recall"/],
    [{ name: "recall", pair: 3 }, /unknown key "pair".*did you mean "pairs"/],
    [{ name: "recall", pairs: 40 }, /keys: 40 pairs need as many keys; there are 32/],
    [{ name: "recall", pairs: 0 }, /pairs must be at least 1, not 0/],
    [{ name: "outliers", corrupted: 3 }, /fewer than half of 5 pairs may be wrong/],
    [{ name: "passkey", text: "mobydick" }, /did you mean "moby-dick"/],
  ])("%j", (settings, message) => {
    expect(() => settingsOf(settings)).toThrow(message);
  });

  it("a name", () => {
    expect(() => taskNamed("context-recall")).toThrow(
      /unknown task "context-recall"; did you mean "in-context-recall"/,
    );
    expect(() => taskNamed("constructor")).toThrow(ConfigError);
  });
});

test("symbols are words with spaces between them, and are rebuilt from their description", async () => {
  const { name, symbols } = await open("facts");
  const tokenizer = symbolTokenizer(name, symbols);
  const text = "person0 went place1";
  const rebuilt = await tokenizerFromDescription(JSON.parse(JSON.stringify(tokenizer.describe())));
  expect(rebuilt.decode(rebuilt.encode(` ${text}\n`))).toBe(text);
  expect(rebuilt.fingerprint).toBe(tokenizer.fingerprint);
  const stream = rebuilt.streamDecoder();
  expect([...tokenizer.encode(text)].map((token) => stream.push(token)).join("")).toBe(text);
  expect(() => tokenizer.encode("person0 wen")).toThrow(/"wen" is no symbol of "facts"; did you mean "went"/);
  expect(() => tokenizer.byteLength([symbols.length])).toThrow(/has no token/);
  expect(() => symbolTokenizer("twice", ["a", "b", "a"])).toThrow(/distinct/);
});
