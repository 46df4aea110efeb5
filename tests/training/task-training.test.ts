/** Training on tasks: answers alone count, lengths follow the curriculum, runs resume exactly. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  detached,
  key,
  liveTensors,
  namedLeaves,
  readSync,
  release,
  scope,
  startEngine,
} from "../../src/array/index.ts";
import { openTask, type TokenWindows, taskBatch, taskSchema } from "../../src/data/index.ts";
import {
  countTargets,
  loadCheckpoint,
  type RunLayer,
  readMetrics,
  resumeRun,
  type StepMetrics,
  segmentsOf,
  startRun,
  type TrainingState,
  taskWindows,
  train,
  trainRun,
  type ValidationMetrics,
} from "../../src/training/index.ts";
import { openRunTask } from "../../src/training/training-data.ts";
import { EnginePrograms } from "../../src/training/window-programs.ts";
import { ConfigError, DataError } from "../../src/utils/index.ts";
import { tinyConfig, tinyModel } from "./tiny.ts";

const knobs = { name: "recall", pairs: 2, queries: 2, keys: 4, values: 4 };
const openRecall = (more: object = {}) => openTask(taskSchema.parse({ ...knobs, ...more }));
const model = tinyModel({ vocabularySize: 9 });

function bitsOf(state: TrainingState): string {
  return [...namedLeaves(state.params).values(), ...namedLeaves(state.optimizer).values()]
    .map((leaf) => Buffer.from(readSync(leaf).buffer as ArrayBuffer).toString("base64"))
    .join();
}

describe("weights of targets", () => {
  test("are cut with the segments, and counted", async () => {
    const windows = taskBatch(await openRecall(), { batch: 3, length: 16, seed: 1, step: 0 });
    expect(countTargets(windows)).toBe(6);
    const observed = Float32Array.from({ length: 48 }, (_, t) => t);
    const segments = segmentsOf({ ...windows, observed }, 8);
    const cuts = [
      [segments.map(({ weights }) => [...readSync(weights)]), windows.weights],
      [segments.map((segment) => [...readSync(segment.observed!)]), observed],
    ] as const;
    release(segments);
    for (const [cut, wanted] of cuts)
      for (let row = 0; row < 3; row++) {
        const whole = [...wanted.subarray(row * 16, (row + 1) * 16)];
        expect(cut.flatMap((segment) => segment.slice(row * 8, (row + 1) * 8))).toEqual(whole);
      }
  });

  test("leave out everything but answers from the loss and its gradient; predictions are the largest logits", async () => {
    const engine = await startEngine("wasm");
    const programs = new EnginePrograms(engine, model, 8);
    const params = detached(() => scope(() => model.init(key(1))));
    const windows = taskBatch(await openRecall(), { batch: 2, length: 16, seed: 1, step: 0 });
    // The oracle reads whole rows at once and takes logarithms in float64.
    const logits = scope(() => {
      const inputs = { ...windows, weights: windows.weights.map(() => 1) };
      const [whole] = segmentsOf(inputs, 16);
      const [outputs] = model.step(params, model.initialState(params, 2), whole!.tokens);
      return Float64Array.from(readSync(outputs));
    });
    let expected = 0;
    const predicted = Array.from({ length: 32 }, (_, t) => {
      const z = [...logits.subarray(t * 9, (t + 1) * 9)];
      const target = windows.tokens[Math.floor(t / 16) * 17 + (t % 16) + 1]!;
      const nats = Math.log(z.reduce((sum, each) => sum + Math.exp(each), 0)) - z[target]!;
      expected += windows.weights[t]! * nats;
      return z.indexOf(Math.max(...z)) === target ? 1 : 0;
    });
    const answers = await programs.answers(params, windows);
    expect([...answers.right]).toEqual(predicted);
    expect(answers.loss / expected).toBeCloseTo(1, 5);
    expect((await programs.loss(params, windows)) / expected).toBeCloseTo(1, 5);

    // What does not count may be anything: the target after the last answer is nobody's input.
    const changed: TokenWindows = { ...windows, weights: windows.weights.map((w, t) => (t % 16 < 8 ? w : 0)) };
    const other = { ...changed, tokens: changed.tokens.map((token, i) => (i % 17 > 8 ? (token + 1) % 9 : token)) };
    const [one, two] = [await programs.gradients(params, [changed], 1), await programs.gradients(params, [other], 1)];
    const second = [...namedLeaves(two.gradients).values()];
    for (const [i, leaf] of [...namedLeaves(one.gradients).values()].entries()) {
      const others = readSync(second[i]!);
      readSync(leaf).forEach((g, n) => {
        expect(g).toBeCloseTo(others[n]!, 6);
      });
    }
    release(params, one.gradients, two.gradients);
  });
});

describe("a task that is learned from whole", () => {
  const learner = tinyModel({
    architecture: "hope-attention",
    vocabularySize: 9,
    continuum: { periods: [4, 8], stepSize: 0.3 },
  });
  const open = () => openRecall({ learnFrom: "everything" });

  test("marks every target as known and its answers alone as asked, and others mark nothing", async () => {
    const options = { batch: 3, length: 16, seed: 1, step: 0 };
    const [whole, asked] = [taskBatch(await open(), options), taskBatch(await openRecall(), options)];
    expect(whole.weights).toEqual(asked.weights);
    expect(whole.tokens).toEqual(asked.tokens);
    expect([...whole.observed!]).toEqual(Array.from({ length: 48 }, () => 1));
    expect(asked.observed).toBeUndefined();
  });

  test("trains on all targets and validates on answers, and says which a loss is of", async () => {
    const source = taskWindows(await open());
    const config = tinyConfig({ steps: 1, evaluateEvery: 1, warmupSteps: 0 });
    expect([...source.trainingWindows(config, 0, 0).weights!]).toEqual(Array.from({ length: 32 }, () => 1));
    expect(countTargets(source.validationWindows(config, 0).windows)).toBe(4);
    const said: object[] = [];
    const engine = await startEngine("wasm");
    const state = await train({
      engine,
      model: learner,
      data: source,
      config,
      onStep: (metrics) => void said.push(metrics),
      onValidation: (found) => void said.push(found),
    });
    release(state.params, state.optimizer);
    const [step, validation] = said;
    expect(step).toMatchObject({ bitsPerToken: expect.closeTo(Math.log2(9), 0) });
    expect(validation).toMatchObject({ bitsPerAnswerToken: expect.any(Number), answers: 8 });
    for (const name of ["bitsPerByte", "bitsPerAnswerToken"]) expect(step).not.toHaveProperty(name);
  });

  test("lets levels learn from all targets while the loss counts answers", async () => {
    const engine = await startEngine("wasm");
    const params = detached(() => scope(() => learner.init(key(1))));
    const windows = taskBatch(await open(), { batch: 2, length: 16, seed: 1, step: 0 });
    const [segment] = segmentsOf({ ...windows, weights: windows.weights.map(() => 1) }, 16);
    // The model's own learning, told of every target; the loss of its answers in float64.
    const logits = scope(() => {
      const { tokens, targets, weights } = segment!;
      const [outputs] = learner.learn!(params, learner.initialState(params, 2), tokens, { targets, weights });
      return Float64Array.from(readSync(outputs));
    });
    release(segment!);
    const lossOf = (z: readonly number[], target: number) =>
      Math.log(z.reduce((sum, each) => sum + Math.exp(each), 0)) - z[target]!;
    let expected = 0;
    windows.weights.forEach((weight, t) => {
      const target = windows.tokens[Math.floor(t / 16) * 17 + (t % 16) + 1]!;
      expected += weight * lossOf([...logits.subarray(t * 9, (t + 1) * 9)], target);
    });
    const programs = new EnginePrograms(engine, learner, 8);
    expect((await programs.loss(params, windows)) / expected).toBeCloseTo(1, 5);
    expect((await programs.answers(params, windows)).loss / expected).toBeCloseTo(1, 5);
    const fromAnswers = await programs.loss(
      params,
      taskBatch(await openRecall(), { batch: 2, length: 16, seed: 1, step: 0 }),
    );
    expect(Math.abs(fromAnswers / expected - 1)).toBeGreaterThan(1e-3);
    release(params);
  });
});

test("a training begins at the shorter lengths, reports what was right, and resumes with the same bits and rows", async () => {
  const engine = await startEngine("wasm");
  const data = taskWindows(await openRecall({ lengths: [8, 16], lengthsShare: 0.5 }));
  const config = tinyConfig({ steps: 8, length: 32, evaluateEvery: 8, evaluationTokens: 128 });
  const run = async (from?: TrainingState, until?: number) => {
    const [steps, validations]: [StepMetrics[], ValidationMetrics[]] = [[], []];
    const controller = new AbortController();
    const state = await train({
      engine,
      model,
      data,
      config,
      ...(from ? { from } : {}),
      signal: controller.signal,
      onStep(metrics) {
        steps.push(metrics);
        if (metrics.step === until) controller.abort();
      },
      onValidation: (found) => void validations.push(found),
    });
    return { state, steps, validations };
  };
  const before = liveTensors();
  const whole = await run();
  expect(whole.steps.map(({ tokens }) => tokens / config.batch)).toEqual([8, 8, 16, 16, 32, 32, 32, 32]);
  // Nearly uniform over nine symbols at first.
  expect(whole.steps[0]!.bitsPerAnswerToken).toBeCloseTo(Math.log2(9), 0);
  expect(whole.steps[0]).not.toHaveProperty("bitsPerByte");
  const [found] = whole.validations;
  expect(found).toMatchObject({ step: 8, answers: 8, bitsPerAnswerToken: expect.any(Number) });
  expect(found!.tokenAccuracy).toBe(found!.answerAccuracy);
  const half = await run(undefined, 3);
  const rest = await run(half.state);
  expect([...half.steps, ...rest.steps]).toEqual(whole.steps);
  expect(bitsOf(rest.state)).toBe(bitsOf(whole.state));
  for (const { state } of [whole, rest]) release(state.params, state.optimizer);
  expect(liveTensors()).toBe(before);
});

test("lengths may be mixed to the end, the same in every run; validations are always at the full length", async () => {
  const source = taskWindows(await openRecall({ lengths: [8, 16], mixedLengths: true }));
  const config = tinyConfig({ steps: 40, length: 32 });
  const lengths = Array.from({ length: 40 }, (_, step) => source.trainingWindows(config, step, 0).length);
  expect(lengths).toEqual(lengths.map((_, step) => source.trainingWindows(config, step, 1).length));
  for (const length of [8, 16, 32]) expect(lengths.slice(20)).toContain(length);
  expect(source.validationWindows(config, 0).windows.length).toBe(32);
  expect(() => source.check(tinyConfig({ length: 32, segment: 16 }))).toThrow(/task.lengths has 8/);
});

describe("a run on a task", () => {
  const folder = mkdtempSync(join(tmpdir(), "task-run-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const layer: RunLayer = {
    preset: "lmm-tiny",
    engine: "wasm",
    task: knobs,
    training: { steps: 4, length: 32, evaluateEvery: 2, checkpointEvery: 2, evaluationTokens: 128 },
  };
  const start = (more: RunLayer, name: string) =>
    startRun({ layers: [layer, more], where: "test", out: join(folder, name) });
  const resume = (name: string, more: RunLayer = {}) =>
    resumeRun({ path: join(folder, name), layers: [more], where: "test", allowEngineChange: false });
  const metricsOf = async (name: string) =>
    (await readMetrics(join(folder, name, "metrics.jsonl"))).map(({ seconds: _, ...line }) => line);

  test("takes its vocabulary from the task, keeps the task in its checkpoints, and resumes exactly", async () => {
    const whole = await trainRun(await start({}, "whole"));
    expect(whole).toMatchObject({ complete: true, validationBitsPerByte: null, trainingBitsPerByte: null });
    expect(whole.validation).toMatchObject({ step: 4, answers: 8, answerAccuracy: expect.any(Number) });
    const { meta, tokenizer, params } = await loadCheckpoint(whole.checkpoint);
    release(params);
    expect(meta).toMatchObject({ corpus: "task:recall", task: knobs, model: { vocabularySize: 9 } });
    expect(tokenizer.decode([0, 1, 5])).toBe("_ k0 v0");

    const controller = new AbortController();
    await trainRun(await start({}, "halves"), {
      signal: controller.signal,
      onStep: ({ step }) => step === 3 && controller.abort(),
    });
    await trainRun(await resume("halves"));
    expect(await metricsOf("halves")).toEqual(await metricsOf("whole"));
  });

  test("is refused in a sentence where something does not fit", async () => {
    await expect(start({ corpus: "moby-dick" }, "a")).rejects.toThrow(/a run on a task has no corpus/);
    await expect(start({ tokenizer: "bytes" }, "a")).rejects.toThrow(ConfigError);
    await expect(start({ task: { pairs: 16 } }, "a")).rejects.toThrow(/keys: 16 pairs need as many keys/);
    await expect(start({ task: { pairs: 16, keys: 16, queries: 16 } }, "a")).rejects.toThrow(
      /needs rows of at least 63 tokens with these settings, not 32/,
    );
    await expect(resume("whole", { task: { pairs: 3 } })).rejects.toThrow(/task.pairs is 2 in the checkpoint, not 3/);
    await expect(resume("whole", { corpus: "moby-dick" })).rejects.toThrow(ConfigError);
  });
});

test("a task whose tokens were renamed is not taken for the one that a checkpoint knows", async () => {
  const settings = taskSchema.parse(knobs);
  const { tokenizer } = await openRunTask(settings);
  await expect(openRunTask(taskSchema.parse({ ...knobs, values: 5 }), tokenizer.describe())).rejects.toThrow(DataError);
});
