/** A batch shared among threads trains like the batch on one engine. */
import { writeFileSync } from "node:fs";
import { beforeAll, expect, test, vi } from "vitest";
import {
  detached,
  type Engine,
  key,
  liveTensors,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
} from "../../src/array/index.ts";
import { sampleWindows } from "../../src/data/index.ts";
import { LanguageModel, type ModelParams } from "../../src/models/index.ts";
import { initialTrainingState, type StepMetrics, type TrainingState, train } from "../../src/training/index.ts";
import { windowPrograms } from "../../src/training/replicas.ts";
import { EnginePrograms } from "../../src/training/window-programs.ts";
import { EngineError, NonFiniteError } from "../../src/utils/index.ts";
import { describeNative, hasNative } from "../array/native/support.ts";
import { bundleReplica } from "./replica-bundle.ts";
import { tinyConfig, tinyData, tinyModel } from "./tiny.ts";

const entry = vi.hoisted(() => ({ replica: new URL("file:///nowhere/replica.js") }));
vi.mock("../../src/training/replica-entry.ts", () => ({
  get replicaEntry() {
    return entry.replica;
  },
}));
let bundled: URL;
beforeAll(async () => {
  bundled = await bundleReplica();
  entry.replica = bundled;
});

const SEGMENT = 8;
const data = tinyData();
const windowsOf = (batch: number, step = 0) => sampleWindows(data.training, { batch, length: 16, seed: 3, step });
const freshParams = (model: LanguageModel) => detached(() => scope(() => model.init(key(1))));

function programsOn(engine: Engine, batch: number, model = tinyModel()) {
  return windowPrograms(engine, model, { batch, segment: SEGMENT });
}

function bitsOf(state: TrainingState): string {
  return [...namedLeaves(state.params).values(), ...namedLeaves(state.optimizer).values()]
    .map((leaf) => Buffer.from(readSync(leaf).buffer as ArrayBuffer).toString("base64"))
    .join();
}

function expectClose(actual: ModelParams, expected: ModelParams): void {
  const wanted = namedLeaves(expected);
  const found = namedLeaves(actual);
  expect([...found.keys()]).toEqual([...wanted.keys()]);
  for (const [path, leaf] of found) {
    const [numbers, ideal] = [readSync(leaf), readSync(wanted.get(path)!)];
    expect(leaf.shape).toEqual(wanted.get(path)!.shape);
    const size = Math.max(1e-3, ...ideal.map(Math.abs));
    // The same float32 terms added in another order: a few ulps of the largest entry.
    numbers.forEach((g, i) => {
      expect(Math.abs(g - ideal[i]!) / size, path).toBeLessThan(1e-5);
    });
  }
}

describeNative("a batch shared among threads", () => {
  test.each([
    [4, 2],
    [3, 2],
    [2, 5],
  ])("has the loss and gradient of %d windows on one engine, with %d threads", async (batch, threads) => {
    const [one, many] = [await startEngine("native", { threads: 1 }), await startEngine("native", { threads })];
    const [alone, together] = [programsOn(one, batch), programsOn(many, batch)];
    expect(alone).toBeInstanceOf(EnginePrograms);
    expect(together).not.toBeInstanceOf(EnginePrograms);
    const params = freshParams(tinyModel());
    // Rows that count for different amounts: what the shares weigh matters.
    const batches = [0, 1].map((step) => {
      const windows = windowsOf(batch, step);
      return { ...windows, targets: windows.targets.map((n, row) => n - 5 * row) };
    });
    const [expected, actual] = [
      await alone.gradients(params, batches, 0.1),
      await together.gradients(params, batches, 0.1),
    ];
    expect(actual.loss / expected.loss).toBeCloseTo(1, 6);
    expectClose(actual.gradients, expected.gradients);
    const losses = [await alone.loss(params, batches[0]!), await together.loss(params, batches[0]!)] as const;
    expect(losses[1] / losses[0]).toBeCloseTo(1, 6);

    // Weighted targets, in an order that is no other row's.
    const weights = Float32Array.from({ length: 16 * batch }, (_, t) => (t % 3) / (1 + (t % 5)));
    const weighted = { ...batches[0]!, weights };
    const [read, shared] = [await alone.answers(params, weighted), await together.answers(params, weighted)];
    expect(shared.right).toEqual(read.right);
    expect(shared.right).toHaveLength(16 * batch);
    expect(shared.loss / read.loss).toBeCloseTo(1, 6);
    expect((await together.loss(params, weighted)) / read.loss).toBeCloseTo(1, 6);

    // Targets that a model that learns while it reads is told, otherwise than it is asked.
    const learner = tinyModel({ architecture: "hope-attention", continuum: { periods: [4], stepSize: 10 } });
    const learning = freshParams(learner);
    const told = { ...weighted, observed: weights.toReversed() };
    const [reads, shares] = [programsOn(one, batch, learner), programsOn(many, batch, learner)];
    const knowing = await reads.loss(learning, told);
    expect((await shares.loss(learning, told)) / knowing).toBeCloseTo(1, 6);
    expect(Math.abs((await reads.loss(learning, weighted)) / knowing - 1)).toBeGreaterThan(1e-5);
    await shares.close();
    release(learning);
    release(params, expected.gradients, actual.gradients);
    await together.close();
    await Promise.all([one.dispose(), many.dispose()]);
  });

  test("trains as on one engine but for last digits, with the same bits each time, and from any step on", async () => {
    const engine = await startEngine("native", { threads: 2 });
    const [model, config] = [tinyModel(), tinyConfig({ batch: 3 })];
    const runOn = async (on: Engine, options: { from?: TrainingState; until?: number } = {}) => {
      const controller = new AbortController();
      const steps: StepMetrics[] = [];
      const validations: number[] = [];
      const state = await train({
        engine: on,
        model,
        data,
        config,
        ...(options.from && { from: options.from }),
        signal: controller.signal,
        onStep(metrics) {
          steps.push(metrics);
          if (metrics.step === options.until) controller.abort();
        },
        onValidation({ bitsPerByte }) {
          validations.push(bitsPerByte!);
        },
      });
      return { state, steps, validations };
    };
    const before = liveTensors();
    const [whole, again] = [await runOn(engine), await runOn(engine)];
    expect(bitsOf(again.state)).toBe(bitsOf(whole.state));
    const half = await runOn(engine, { until: 2 });
    const resumed = await runOn(engine, { from: half.state });
    expect(resumed.steps.map(({ step }) => step)).toEqual([3, 4]);
    expect(bitsOf(resumed.state)).toBe(bitsOf(whole.state));
    expect(resumed.validations).toEqual(whole.validations);

    const single = await startEngine("native", { threads: 1 });
    const alone = await runOn(single);
    expect(bitsOf(alone.state)).not.toBe(bitsOf(whole.state));
    for (const [i, { bitsPerByte }] of alone.steps.entries()) {
      expect(whole.steps[i]!.bitsPerByte).toBeCloseTo(bitsPerByte!, 4);
    }
    expect(whole.validations[0]).toBeCloseTo(alone.validations[0]!, 4);
    for (const { state } of [whole, again, resumed, alone]) release(state.params, state.optimizer);
    expect(liveTensors()).toBe(before);
    await Promise.all([engine.dispose(), single.dispose()]);
  });

  test("leaves this thread free: it turns while the others compute", async () => {
    const engine = await startEngine("native", { threads: 2 });
    const programs = programsOn(engine, 2);
    const params = freshParams(tinyModel());
    let turns = 0;
    let computing = true;
    const turn = () => {
      turns++;
      if (computing) setTimeout(turn, 0);
    };
    turn();
    const { gradients } = await programs.gradients(params, [windowsOf(2)], 1);
    computing = false;
    // Of a computation here, compilation included, it would see a handful.
    expect(turns).toBeGreaterThan(50);
    release(params, gradients);
    await programs.close();
    await engine.dispose();
  });

  test("stops at a number that is not finite like any other training, and its threads end", async () => {
    const engine = await startEngine("native", { threads: 2 });
    const [model, config] = [tinyModel(), tinyConfig()];
    const fresh = initialTrainingState(model, config);
    const params = detached(() =>
      scope(() =>
        mapTree(fresh.params, (leaf, path) =>
          path === "norm" ? np.full([...leaf.shape], Number.NaN) : np.add(leaf, 0),
        ),
      ),
    );
    const run = train({ engine, model, data, config, from: { ...fresh, params } });
    await expect(run).rejects.toThrow(NonFiniteError);
    await expect(run).rejects.toThrow(/step 1.*weight "norm"/);
    release(fresh.params);
    await engine.dispose();
  });

  test("says what went wrong in a thread, and goes on with what comes next", async () => {
    const engine = await startEngine("native", { threads: 2 });
    const programs = programsOn(engine, 2);
    const others = freshParams(tinyModel({ dim: 20 }));
    const params = freshParams(tinyModel());
    const wrong = programs.gradients(others, [windowsOf(2)], 1);
    await expect(wrong).rejects.toThrow(EngineError);
    await expect(wrong).rejects.toThrow(/a thread that computes a share of the batch failed: .*shape/is);
    const { loss, gradients } = await programs.gradients(params, [windowsOf(2)], 1);
    expect(loss).toBeGreaterThan(0);
    release(others, params, gradients);
    await programs.close();
    await engine.dispose();
  });

  test("says so if a thread ends by itself", async () => {
    const broken = new URL("broken.js", bundled);
    writeFileSync(broken, "process.exit(3);");
    entry.replica = broken;
    const engine = await startEngine("native", { threads: 2 });
    const programs = programsOn(engine, 2);
    const params = freshParams(tinyModel());
    const run = programs.loss(params, windowsOf(2));
    await expect(run).rejects.toThrow("a thread that computes a share of the batch failed: it ended with code 3");
    await programs.close();
    release(params);
    await engine.dispose();
    entry.replica = bundled;
  });
});

test.skipIf(!hasNative)("a batch stays whole where it cannot be shared, or nothing is gained", async () => {
  const [native, wasm] = [await startEngine("native", { threads: 2 }), await startEngine("wasm")];
  class OtherModel extends LanguageModel {}
  expect(programsOn(native, 1)).toBeInstanceOf(EnginePrograms);
  expect(programsOn(wasm, 2)).toBeInstanceOf(EnginePrograms);
  expect(programsOn(native, 2, new OtherModel(tinyModel().config))).toBeInstanceOf(EnginePrograms);
  const large = new LanguageModel({ ...tinyModel().config, vocabularySize: 2 ** 17, dim: 128 });
  expect(programsOn(native, 2, large)).toBeInstanceOf(EnginePrograms);
  entry.replica = new URL("missing.js", bundled);
  expect(programsOn(native, 2)).toBeInstanceOf(EnginePrograms);
  entry.replica = bundled;
  await Promise.all([native.dispose(), wasm.dispose()]);
});
