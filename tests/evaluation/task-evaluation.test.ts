import { beforeAll, describe, expect, it } from "vitest";
import {
  detached,
  type Engine,
  jit,
  liveTensors,
  mapTree,
  np,
  readSync,
  scope,
  startEngine,
  type Tensor,
} from "../../src/array/index.ts";
import { evaluationSeed, openTask, type Question, scoreAnswers, type Task, taskBatch } from "../../src/data/index.ts";
import { memoryConditions, type TaskEvaluationOptions, TaskEvaluator } from "../../src/evaluation/index.ts";
import {
  type LanguageModel,
  type ModelInput,
  type ModelParams,
  type ModelState,
  standingStill,
} from "../../src/models/index.ts";
import type { NeuralMemoryState } from "../../src/titans/index.ts";
import { AnswerPrograms, segmentsOf } from "../../src/training/index.ts";
import { CHUNK, freshState, paramsOf, row, smallModel } from "./small-model.ts";

const ROWS = 10;
const BATCH = 4;
const LENGTH = 6 * CHUNK;

let engine: Engine;
let task: Task;
beforeAll(async () => {
  engine = await startEngine("wasm");
  task = await openTask({ name: "recall", pairs: 6, queries: 6, keys: 6, values: 3 } as never);
});

const modelOf = (memory: ModelInput["memory"] = {}, others: Partial<ModelInput> = {}) =>
  smallModel({ chunkSize: CHUNK, ...memory }, { vocabularySize: task.vocabularySize, ...others });

/** Fresh parameters whose answers hang on the memory: what it says is made louder, and what it holds at the start too. */
function loudParams(model: LanguageModel): ModelParams {
  const louder = (leaf: Tensor, name: string) =>
    np.multiply(leaf, name.endsWith("mixer.output") || name.endsWith("memory.output") ? 40 : 1);
  return detached(() => scope(() => mapTree(paramsOf(model, 1), louder)));
}

const questionsOf = () => {
  const batches = [0, 1, 2].map((step) =>
    taskBatch(task, { batch: BATCH, length: LENGTH, seed: evaluationSeed(1), step }),
  );
  return batches.flatMap(({ tokens, questions }, b) =>
    questions.map((asked, i) => ({
      batch: b,
      place: i,
      tokens: tokens.slice(i * (LENGTH + 1), (i + 1) * (LENGTH + 1)),
      asked,
    })),
  );
};

/** The token that each target is predicted to be, by single calls of `model.step` on one row: [length]. */
type Guesses = number[];

/** All rows read one at a time, with the memory that `before` gives each before each segment. */
function guess(
  model: LanguageModel,
  params: ModelParams,
  rows: readonly Int32Array[],
  before: (own: ModelState, row: number, segment: number) => ModelState,
  write: boolean,
): { guesses: Guesses[]; states: ModelState[][] } {
  const step = jit((p: ModelParams, state: ModelState, tokens: Tensor, storeMask: Tensor) => {
    const [logits, next] = model.step(p, state, tokens, { storeMask });
    return { best: np.argmax(logits, -1), state: next };
  });
  const states: ModelState[][] = [];
  const guesses = rows.map((tokens, r) => {
    let state = freshState(model, params);
    states.push([]);
    return Array.from({ length: LENGTH / CHUNK }, (_, s) => {
      states[r]!.push(state);
      const storeMask = detached(() => np.full([1, CHUNK], write ? 1 : 0, { dtype: "float32" }));
      const found = step(params, before(state, r, s), row(tokens.slice(s * CHUNK, (s + 1) * CHUNK)), storeMask);
      state = found.state;
      return [...readSync(found.best)];
    }).flat();
  });
  return { guesses, states };
}

/** The memories of one state among everything else of another. */
function withMemory(own: ModelState, memory: (block: NeuralMemoryState, b: number) => Partial<NeuralMemoryState>) {
  return {
    blocks: own.blocks.map((block, b) => ({
      ...(block as NeuralMemoryState),
      ...memory(block as NeuralMemoryState, b),
    })),
  };
}

const isCarried = ({ fact, target }: Question) => Math.floor(fact! / CHUNK) < Math.floor(target / CHUNK);

function count(rows: readonly { asked: readonly Question[]; tokens: Int32Array; guesses: Guesses }[]) {
  const asked = rows.flatMap(({ asked, tokens, guesses }) =>
    asked.map((question) => ({ question, right: guesses[question.target] === tokens[question.target + 1] })),
  );
  return (isAsked: (asked: Question) => boolean) => {
    const chosen = asked.filter(({ question }) => isAsked(question));
    const right = chosen.filter((one) => one.right).length;
    return { tokens: chosen.length, rightTokens: right, answers: chosen.length, rightAnswers: right };
  };
}

describe("a task's evaluation", () => {
  it("equals single calls of model.step on one row at a time, under every condition, and counts by hand", async () => {
    const model = modelOf();
    const params = loudParams(model);
    const told: number[] = [];
    const found = await new TaskEvaluator(engine, model).evaluate(params, task, {
      length: LENGTH,
      rows: ROWS,
      batch: BATCH,
      onProgress: (done, total) => told.push(done / total),
    });
    const rows = questionsOf();
    const tokens = rows.map((one) => one.tokens);
    const start = freshState(model, params);
    const pick = ({ memory, surprise }: NeuralMemoryState) => ({ memory, surprise });
    const zero = <T extends object>(tree: T) =>
      detached(() => scope(() => mapTree(tree as never, (leaf: Tensor) => np.zerosLike(leaf)))) as T;
    const on = guess(model, params, tokens, (own) => own, true);
    const next = (r: number) => Math.floor(r / BATCH) * BATCH + ((r + 1) % BATCH);
    // Shuffled rows are read from where their own reading stood.
    const shuffled = guess(
      model,
      params,
      tokens,
      (_, r, s) =>
        withMemory(on.states[r]![s]!, (_block, b) => pick(on.states[next(r)]![s]!.blocks[b] as NeuralMemoryState)),
      true,
    );
    const guesses = {
      on: on.guesses,
      off: guess(model, params, tokens, (own) => withMemory(own, (block) => zero(pick(block))), false).guesses,
      shuffled: shuffled.guesses,
      frozen: guess(
        model,
        params,
        tokens,
        (own) => withMemory(own, (_, b) => pick(start.blocks[b] as NeuralMemoryState)),
        false,
      ).guesses,
    };
    const counted = (of: Guesses[]) => count(rows.slice(0, ROWS).map((one, r) => ({ ...one, guesses: of[r]! })));
    for (const condition of memoryConditions)
      expect(found.carried![condition], condition).toEqual(counted(guesses[condition])(isCarried));
    expect(found.all).toEqual(counted(guesses.on)(() => true));
    expect(found.carried!.on.answers).toBeLessThan(found.all.answers);
    // What conditions do shows: no two of them are answered alike.
    const distinct = new Set(memoryConditions.map((condition) => found.carried![condition].rightAnswers));
    expect(distinct.size).toBe(4);

    const byOn = counted(guesses.on);
    for (const bin of found.byDepth) {
      const { from, to, ...score } = bin;
      expect(score).toEqual(byOn(({ depth }) => depth! >= from && depth! < to));
    }
    for (const bin of found.byDistance) {
      const { from, to, ...score } = bin;
      expect(score).toEqual(byOn(({ distance }) => distance! >= from && distance! < to));
    }
    for (const bins of [found.byDepth, found.byDistance])
      expect(bins.reduce((sum, { answers }) => sum + answers, 0)).toBe(found.all.answers);
    const slots = 3 * BATCH * LENGTH * 2 * 2;
    expect(found.writes).toMatchObject({ writes: slots, slots });
    expect(told).toHaveLength(18);
    expect(told.at(-1)).toBe(1);
  });

  it("finds nothing that memories do to a model that does not hear them", async () => {
    const model = modelOf();
    const params = loudParams(model);
    const deaf = detached(() =>
      scope(() => mapTree(params, (leaf, name) => (name.endsWith("mixer.output") ? np.zerosLike(leaf) : leaf))),
    );
    const evaluator = new TaskEvaluator(engine, model);
    const options = { length: 2 * CHUNK, rows: 4, batch: 4 };
    const short = await openTask({ name: "recall", pairs: 4, queries: 4, keys: 6, values: 3 } as never);
    const before = liveTensors();
    const { carried, writes } = await evaluator.evaluate(deaf, short, options);
    expect(liveTensors()).toBe(before);
    for (const condition of memoryConditions) expect(carried![condition]).toEqual(carried!.on);
    expect(writes.writes).toBe(writes.slots);
  });

  it("calls a memory that never wrote an error, unless it was not to write", async () => {
    const dead = modelOf({ maxStepSize: 0 }, { layers: 1 });
    const params = paramsOf(dead);
    const options = { length: LENGTH, rows: 2 };
    const evaluator = new TaskEvaluator(engine, dead);
    await expect(evaluator.evaluate(params, task, options)).rejects.toThrow(/never wrote: none of its 192 step sizes/);
    const found = await evaluator.evaluate(params, task, { ...options, withoutWrites: true });
    expect(found.writes).toEqual({ writes: 0, slots: 2 * LENGTH * 2, meanStepSize: 0 });
  });

  it("scores a model without memory, and one whose levels learn while it reads, as a validation does", async () => {
    const transformer = modelOf({}, { architecture: "transformer" });
    const learning = modelOf({}, { layers: 1, continuum: { periods: [CHUNK], stepSize: 2 } });
    const whole = await openTask({ ...task.settings, learnFrom: "everything" });
    const rights: number[] = [];
    for (const [model, read] of [
      [transformer, task],
      [learning, task],
      [learning, whole],
    ] as const) {
      const params = paramsOf(model);
      const windows = taskBatch(read, { batch: BATCH, length: LENGTH, seed: evaluationSeed(2), step: 0 });
      const { right } = await new AnswerPrograms(engine, model).read(params, segmentsOf(windows, CHUNK));
      const options = { length: LENGTH, rows: BATCH, segment: CHUNK, seed: 2 };
      const found = await new TaskEvaluator(engine, model).evaluate(params, read, options);
      rights.push(found.all.rightTokens);
      expect(found.all).toEqual(scoreAnswers(windows, right));
      expect(found.carried === undefined).toBe(model === transformer);
      if (model === transformer) continue;
      // Under the controls nothing is learned: as if the levels stood still.
      const still = await new TaskEvaluator(engine, standingStill(model)).evaluate(params, read, options);
      expect(found.carried!.off).toEqual(still.carried!.off);
      expect(found.carried!.frozen).toEqual(still.carried!.frozen);
      expect(found.all).not.toEqual(still.all);
    }
    expect(rights[2]).not.toBe(rights[1]);
  });

  it("refuses what cannot be read or compared, and says what can", () => {
    const evaluator = new TaskEvaluator(engine, modelOf());
    const refusal = (options: Partial<TaskEvaluationOptions>, of = task) => {
      return () => evaluator.check(of, { length: LENGTH, rows: 4, ...options });
    };
    expect(refusal({})).not.toThrow();
    expect(refusal({ batch: 1 })).toThrow(/no other row whose memory/);
    expect(refusal({ seed: 0 })).toThrow(/those of validations/);
    expect(refusal({ length: LENGTH + 1 })).toThrow(/multiple of 8/);
    expect(refusal({ segment: 12 })).toThrow(/multiple of 8/);
    expect(refusal({ segment: LENGTH })).toThrow(/segments of 8, or rows of 96 tokens or more/);
    expect(refusal({ length: CHUNK })).toThrow(/at least 23 tokens/);
    expect(refusal({}, { ...task, vocabularySize: 99 })).toThrow(/99 symbols with these settings, the model 10/);
  });

  it("stops when it is told to", async () => {
    const model = modelOf({}, { layers: 1 });
    const controller = new AbortController();
    const stopped = new TaskEvaluator(engine, model).evaluate(paramsOf(model), task, {
      length: LENGTH,
      rows: 2,
      signal: controller.signal,
      onProgress: (done) => done === 2 * CHUNK && controller.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/);
  });
});
