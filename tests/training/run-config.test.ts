import { describe, expect, test } from "vitest";
import { presets } from "../../src/models/index.ts";
import { optimizers } from "../../src/optim/index.ts";
import { newRunConfig, resumedRunConfig } from "../../src/training/run-config.ts";
import { ConfigError } from "../../src/utils/index.ts";

const hybrid = { preset: "mac-small", model: { neuralMemoryLayers: [1] } };
const where = "a test";

describe("a resumed run and the blocks that have a memory", () => {
  const before = newRunConfig([hybrid], where);

  test("goes on with the list it began with, named again or not", () => {
    expect(before.model.neuralMemoryLayers).toEqual([1]);
    const again = resumedRunConfig(before, [{ model: { neuralMemoryLayers: [1] } }], where);
    expect(again.model).toEqual(before.model);
    expect(resumedRunConfig(before, [{ training: { steps: 500 } }], where).model).toEqual(before.model);
  });

  test("refuses another list, also where there was none", () => {
    const other = () => resumedRunConfig(before, [{ model: { neuralMemoryLayers: [0] } }], where);
    expect(other).toThrow(ConfigError);
    expect(other).toThrow("model.neuralMemoryLayers is [1] in the checkpoint, not [0]");
    const all = newRunConfig([{ preset: "mac-small" }], where);
    const fewer = () => resumedRunConfig(all, [{ model: { neuralMemoryLayers: [0] } }], where);
    expect(fewer).toThrow("model.neuralMemoryLayers is left out in the checkpoint, not [0]");
  });
});

describe("a resumed run and its optimiser", () => {
  const muon = { training: { optimizer: { name: "muon", momentum: 0.8 } } };
  const before = newRunConfig([muon], where);

  test("goes on with the one it began with, named again or not", () => {
    for (const layer of [{}, { training: { optimizer: { name: "muon" } } }, muon])
      expect(resumedRunConfig(before, [layer], where)).toEqual(before);
  });

  test("refuses another one, also where it lacks settings of the first, and other settings", () => {
    const other = (training: object) => () => resumedRunConfig(before, [{ training }], where);
    for (const name of ["adamw", "sgd"]) {
      expect(other({ optimizer: { name } })).toThrow(ConfigError);
      expect(other({ optimizer: { name } })).toThrow(`the run's optimizer is "muon", whose state "${name}" cannot use`);
    }
    expect(other({ optimizer: { momentum: 0.9 } })).toThrow(
      "training.optimizer.momentum is 0.8 in the checkpoint, not 0.9",
    );
  });

  test("is AdamW where the run was begun before there was a choice", () => {
    const { optimizer: _, ...training } = { ...newRunConfig([], where).training, beta1: 0.9, weightDecay: 0.1 };
    const old = newRunConfig([{ training }], where);
    expect(resumedRunConfig(old, [{ training: { optimizer: { name: "adamw" } } }], where)).toEqual(old);
    expect(old.training.optimizer).toEqual({ name: "adamw" });
  });
});

describe("the learning rate", () => {
  const rate = (training: object) => newRunConfig([{ preset: "mac-small", training }], where).training.learningRate;

  test("is the preset's for AdamW, the optimiser's own for another, and what is given before either", () => {
    const preset = presets["mac-small"]!.training.learningRate;
    expect([rate({}), rate({ optimizer: { name: "adamw" } }), rate({ optimizer: { beta2: 0.9 } })]).toEqual(
      Array(3).fill(preset),
    );
    expect(rate({ optimizer: { name: "sgd" } })).toBe(optimizers.sgd.learningRate);
    expect(rate({ optimizer: { name: "sgd" }, learningRate: 0.5 })).toBe(0.5);
  });
});

describe("a preset with another architecture", () => {
  test("keeps the sizes and leaves the section of a memory that it has not to itself", () => {
    for (const architecture of ["moneta", "miras", "miras:gla"]) {
      const { model } = newRunConfig([{ preset: "lmm-small", model: { architecture } }], where);
      expect(model).toMatchObject({ architecture, dim: 64, layers: 2, heads: 2 });
    }
    const mag = newRunConfig([{ preset: "mac-small", model: { architecture: "titans-mag" } }], where);
    expect(mag.model.memory.chunkSize).toBe(32);
  });
});
