import { expect, test } from "vitest";
import { liveTensors, mapTree, namedLeaves, np, readSync, release, scope, startEngine } from "../../src/array/index.ts";
import { initialTrainingState, type StepMetrics, type TrainingState, train } from "../../src/training/index.ts";
import { ConfigError, NonFiniteError } from "../../src/utils/index.ts";
import { tinyConfig, tinyData, tinyModel } from "./tiny.ts";

function bytesOf(state: TrainingState): string {
  return [...namedLeaves(state.params).values(), ...namedLeaves(state.optimizer).values()]
    .map((leaf) => Buffer.from(readSync(leaf).buffer as ArrayBuffer).toString("base64"))
    .join();
}

test("a run resumed from any step ends with the same bits", async () => {
  const engine = await startEngine("wasm");
  const [model, data, config] = [tinyModel(), tinyData(), tinyConfig()];
  const whole = await train({ engine, model, data, config });
  const controller = new AbortController();
  const half = await train({
    engine,
    model,
    data,
    config,
    signal: controller.signal,
    onStep: ({ step }) => {
      if (step === 2) controller.abort();
    },
  });
  expect(half.step).toBe(2);
  const resumed = await train({ engine, model, data, config, from: half });
  expect(resumed.step).toBe(config.steps);
  expect(bytesOf(resumed)).toBe(bytesOf(whole));
  release(whole.params, whole.optimizer, resumed.params, resumed.optimizer);
});

test("training lowers the loss of a predictable text, and leaks nothing", async () => {
  const engine = await startEngine("wasm");
  const [model, data] = [tinyModel(), tinyData()];
  const config = tinyConfig({ steps: 30, learningRate: 1e-2, evaluateEvery: 30 });
  const before = liveTensors();
  const steps: StepMetrics[] = [];
  const live: number[] = [];
  const validations: number[] = [];
  const state = await train({
    engine,
    model,
    data,
    config,
    onStep: (metrics) => {
      steps.push(metrics);
      live.push(liveTensors());
    },
    onValidation: ({ bitsPerByte }) => {
      validations.push(bitsPerByte!);
    },
  });
  expect(new Set(live).size).toBe(1);
  release(state.params, state.optimizer);
  expect(liveTensors()).toBe(before);
  // A fresh model of 256 tokens starts near 8 bits; the text needs less than one. Half way down is far beyond chance.
  expect(steps[0]!.bitsPerByte).toBeGreaterThan(7.5);
  expect(steps.at(-1)!.bitsPerByte).toBeLessThan(5.5);
  expect(validations).toHaveLength(1);
});

test("accumulated micro-batches take the step of their mean gradient", async () => {
  const engine = await startEngine("wasm");
  const [model, data] = [tinyModel(), tinyData()];
  const counts: number[] = [];
  const config = tinyConfig({ steps: 2, warmupSteps: 0, batch: 1, accumulate: 2 });
  const accumulated = await train({
    engine,
    model,
    data,
    config,
    onStep: ({ tokens }) => {
      counts.push(tokens);
    },
  });
  expect(counts).toEqual([2 * config.length, 2 * config.length]);
  const single = await train({ engine, model, data, config: tinyConfig({ steps: 2, warmupSteps: 0, batch: 1 }) });
  expect(bytesOf(single)).not.toBe(bytesOf(accumulated));
});

test("a number that is not finite stops the run with the step, the array and the last checkpoint", async () => {
  const engine = await startEngine("wasm");
  const [model, data] = [tinyModel(), tinyData()];
  const config = tinyConfig({ checkpointEvery: 1 });
  const good = await train({ engine, model, data, config: tinyConfig({ steps: 2 }) });
  const saved: number[] = [];
  const poisoned: TrainingState = {
    ...good,
    params: scope(() =>
      mapTree(good.params, (leaf, path) =>
        path === "blocks.0.mixer.readScale" ? np.full([...leaf.shape], Number.NaN) : np.add(leaf, 0),
      ),
    ),
  };
  const run = train({
    engine,
    model,
    data,
    config,
    from: poisoned,
    save: async ({ step }) => {
      saved.push(step);
      return `step-${step}`;
    },
  });
  await expect(run).rejects.toThrow(NonFiniteError);
  await expect(run).rejects.toThrow(/step 3.*weight "blocks\.0\.mixer\.readScale"/);
  expect(saved).toEqual([]);
});

test("a segment that is no whole number of chunks, and a vocabulary that is too small, are refused", async () => {
  const engine = await startEngine("wasm");
  const data = tinyData();
  const segment = train({ engine, model: tinyModel({ memory: { chunkSize: 3 } }), data, config: tinyConfig() });
  await expect(segment).rejects.toThrow(ConfigError);
  await expect(segment).rejects.toThrow(/segment is 8.*reads 3 tokens at a time/);
  const vocabulary = train({ engine, model: tinyModel({ vocabularySize: 100 }), data, config: tinyConfig() });
  await expect(vocabulary).rejects.toThrow(/256 tokens, the model knows 100/);
});

test("the same seed gives the same weights, another seed others", () => {
  const model = tinyModel();
  const [a, b, c] = [0, 0, 1].map((seed) => bytesOf(initialTrainingState(model, tinyConfig({ seed })))) as [
    string,
    string,
    string,
  ];
  expect(a).toBe(b);
  expect(a).not.toBe(c);
});

test("a run is told when the model sees the tokens it is asked to predict", async () => {
  const engine = await startEngine("wasm");
  const [data, config] = [tinyData(), tinyConfig({ steps: 1, warmupSteps: 0 })];
  const notesOf = async (read: "tokenExact" | "segmentEndNonCausal") => {
    const notes: string[] = [];
    const model = tinyModel({ architecture: "titans-mac", contextSegment: 8, read });
    const state = await train({ engine, model, data, config, onNote: (sentence) => notes.push(sentence) });
    release(state.params, state.optimizer);
    return notes;
  };
  expect(await notesOf("tokenExact")).toEqual([]);
  expect(await notesOf("segmentEndNonCausal")).toEqual([
    expect.stringMatching(/^model\.read is "segmentEndNonCausal": the model sees the tokens it is asked to predict/),
  ]);
});

test("outer gradients through inner ones are refused on the engine that gets them wrong", async () => {
  const engine = await startEngine("wasm");
  const model = tinyModel({ continuum: { periods: [8], outerGradient: "exact" } });
  const run = train({ engine, model, data: tinyData(), config: tinyConfig() });
  await expect(run).rejects.toThrow(ConfigError);
  await expect(run).rejects.toThrow(/"exact", which the wasm engine computes wrongly; use the native engine/);
});
