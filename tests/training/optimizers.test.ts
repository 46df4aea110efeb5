/** Training with every optimiser: the one that is asked for, with the settings that are asked for, resumed exactly. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Engine,
  liveTensors,
  namedLeaves,
  readSync,
  release,
  startEngine,
  type Tree,
} from "../../src/array/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import { optimizerNames, optimizers } from "../../src/optim/index.ts";
import {
  loadCheckpoint,
  loadTrainingState,
  optimizerSettings,
  saveCheckpoint,
  type TrainingInput,
  train,
  trainingSchema,
} from "../../src/training/index.ts";
import { ConfigError, parseConfig } from "../../src/utils/index.ts";
import { tinyConfig, tinyData, tinyModel } from "./tiny.ts";

const folder = mkdtempSync(join(tmpdir(), "neural-memory-optimizers-"));
afterAll(() => rmSync(folder, { recursive: true }));

function bytesOf(tree: Tree): Record<string, string> {
  const text = (data: ArrayBufferView) => Buffer.from(data.buffer as ArrayBuffer).toString("base64");
  return Object.fromEntries([...namedLeaves(tree)].map(([path, leaf]) => [path, text(readSync(leaf))]));
}

/** So that M3's slow momentum takes in gradients from both sides of the stop. */
const special: Readonly<Record<string, object>> = { m3: { period: 3 } };

describe("a run that goes on from a checkpoint", () => {
  const [model, data] = [tinyModel({ dim: 8, heads: 1 }), tinyData()];
  const finals = new Map<string, string>();
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine("wasm");
  });

  test.each(optimizerNames)("ends with the bits of one that never stopped: %s", async (name) => {
    const config = tinyConfig({ optimizer: { name, ...special[name] }, batch: 1, checkpointEvery: 2 });
    const about = { model, training: config, tokenizer: byteTokenizer(), corpus: "a test", engine };
    const save = (state: Parameters<typeof saveCheckpoint>[1]) => saveCheckpoint(join(folder, name), state, about, 5);
    const before = liveTensors();
    const whole = await train({ engine, model, data, config, save });
    const checkpoint = await loadCheckpoint(join(folder, name, "step-0000002"));
    expect(checkpoint.meta.training).toEqual(config);
    const from = await loadTrainingState(checkpoint);
    expect(from.step).toBe(2);
    const halfway = bytesOf(from.optimizer);
    const resumed = await train({ engine, model, data, config, from });
    expect(resumed.step).toBe(4);
    expect(bytesOf(resumed.params)).toEqual(bytesOf(whole.params));
    expect(bytesOf(resumed.optimizer)).toEqual(bytesOf(whole.optimizer));
    expect(bytesOf(resumed.optimizer)).not.toEqual(halfway);
    finals.set(name, JSON.stringify(bytesOf(whole.params)));
    release(whole.params, whole.optimizer, resumed.params, resumed.optimizer);
    expect(liveTensors()).toBe(before);
  });

  test("ends with other weights under every other optimiser", () => {
    expect(finals.size).toBe(optimizerNames.length);
    expect(new Set(finals.values()).size).toBe(optimizerNames.length);
  });

  test("ends with other weights under another setting", async () => {
    const weights = async (overrides: Partial<TrainingInput>) => {
      const { params, optimizer } = await train({
        engine,
        model,
        data,
        config: tinyConfig({ batch: 1, ...overrides }),
      });
      const bytes = JSON.stringify(bytesOf(params));
      release(params, optimizer);
      return bytes;
    };
    const [usual, here, there] = [
      await weights({ optimizer: { name: "sgd" } }),
      await weights({ optimizer: { name: "sgd" }, weightDecay: 0.5 }),
      await weights({ optimizer: { name: "sgd", weightDecay: 0.5 } }),
    ];
    expect(usual).toBe(finals.get("sgd"));
    expect(here).not.toBe(usual);
    expect(there).toBe(here);
  });
});

describe("the settings of an optimiser in training", () => {
  const settingsOf = (training: Partial<TrainingInput>) => optimizerSettings(tinyConfig(training));

  test("are AdamW's with the decay of language models where nothing is said", () => {
    expect(tinyConfig().optimizer).toEqual({ name: "adamw" });
    expect(settingsOf({})).toEqual({ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 });
    expect(settingsOf({ beta1: 0.8, beta2: 0.9, weightDecay: 0 })).toMatchObject({
      beta1: 0.8,
      beta2: 0.9,
      weightDecay: 0,
    });
  });

  test.each(optimizerNames.filter((name) => name !== "adamw"))(
    "are its own defaults where nothing is said: %s",
    (name) => {
      expect(settingsOf({ optimizer: { name } })).toEqual(optimizers[name].defaults);
    },
  );

  test("are what the training configuration gives to all, and before that what the optimiser's section says", () => {
    expect(settingsOf({ optimizer: { name: "muon", beta1: 0.7 }, beta1: 0.8, beta2: 0.9, weightDecay: 0.3 })).toEqual({
      ...optimizers.muon.defaults,
      beta1: 0.7,
      beta2: 0.9,
      weightDecay: 0.3,
    });
  });

  test.each<[string, Partial<Record<string, unknown>>, string]>([
    [
      "an unknown name",
      { optimizer: { name: "mouon" } },
      'training.optimizer.name must be "sgd", .* or "m3", not "mouon"; did you mean "muon"\\?',
    ],
    [
      "an unknown setting",
      { optimizer: { name: "muon", momentun: 0.9 } },
      'training.optimizer: muon: unknown setting "momentun"; did you mean "momentum"\\?',
    ],
    ["a value of another type", { optimizer: { name: "muon", momentum: "much" } }, "momentum must be a number"],
    ["a value out of range", { optimizer: { name: "muon", momentum: 1 } }, "training.optimizer: momentum must"],
    [
      "a number the optimiser lacks",
      { optimizer: { name: "sgd" }, beta1: 0.9 },
      'training.beta1: the optimizer "sgd" has no',
    ],
  ])("are refused with a sentence: %s", (_, entries, sentence) => {
    const parse = () =>
      parseConfig(z.object({ training: trainingSchema }), { training: { steps: 20, ...entries } }, "a test");
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(new RegExp(sentence));
  });
});
