/** The sizes of the presets, counted from shapes: nothing is allocated. */
import { describe, expect, test } from "vitest";
import { jit, key, leaves, liveTensors, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  LanguageModel,
  type ModelParams,
  type ModelState,
  paperPresets,
  presetNamed,
  presets,
} from "../../src/models/index.ts";
import { trainingSchema } from "../../src/training/index.ts";

function parametersOf(name: string): number {
  const shapes = new LanguageModel(presetNamed(name).model).shapes();
  return [...shapes.values()].reduce((total, { shape }) => total + shape.reduce((size, n) => size * n, 1), 0);
}

const sizes = { "170m": 170e6, "340m": 340e6, "400m": 400e6, "760m": 760e6 };
const kinds = ["lmm", "mac", "mag", "mal"] as const;

describe("the sizes of the paper", () => {
  for (const [size, wanted] of Object.entries(sizes)) {
    test.each(kinds)(`titans-%s-${size} has as many parameters as its name says, within 3 %%`, (kind) => {
      const before = liveTensors();
      const found = parametersOf(`titans-${kind}-${size}`);
      expect(Math.abs(found - wanted) / wanted).toBeLessThan(0.03);
      expect(liveTensors()).toBe(before);
    });
  }

  test("are sixteen, with the paper's vocabulary, length, learning rate and half a million tokens a step", () => {
    expect(Object.keys(paperPresets)).toHaveLength(16);
    for (const { model, training } of Object.values(paperPresets)) {
      const { batch, accumulate, length, learningRate, weightDecay, steps } = trainingSchema.parse(training);
      expect(model.vocabularySize).toBe(32_000);
      expect({ length, learningRate, weightDecay }).toEqual({ length: 4096, learningRate: 4e-4, weightDecay: 0.1 });
      expect(batch * accumulate * length).toBe(2 ** 19);
      const billions = (steps * 2 ** 19) / 1e9;
      expect(billions).toBeGreaterThan(model.dim === 1536 ? 30 : 15);
      expect(billions).toBeLessThan(model.dim === 1536 ? 32 : 16);
    }
  });

  test("are the same models but for the architecture, and all have persistent tokens", () => {
    for (const size of Object.keys(sizes)) {
      const models = kinds.map((kind) => new LanguageModel(presetNamed(`titans-${kind}-${size}`).model));
      const shapes = models.map(({ config: { dim, layers, heads, persistentTokens } }) => ({
        dim,
        layers,
        heads,
        persistentTokens,
      }));
      for (const shape of shapes) expect(shape).toEqual(shapes[0]);
      expect(shapes[0]!.persistentTokens).toBeGreaterThan(0);
      expect(models.map(({ config }) => config.architecture)).toEqual(kinds.map((kind) => `titans-${kind}`));
    }
  });
});

const smallPresets = {
  "linear-small": "titans-lmm",
  ...Object.fromEntries(kinds.map((kind) => [`${kind}-small`, `titans-${kind}`])),
};

test.each(Object.entries(smallPresets))("%s is of laptop size", (name, architecture) => {
  expect(presets[name]!.model.architecture).toBe(architecture);
  expect(parametersOf(name)).toBeLessThan(500_000);
});

test.each(Object.keys(smallPresets))(
  "a memory of %s that is not written is what it was after a stream of any length: nothing of its start is forgotten",
  (name) => {
    const { model: input } = presetNamed(name);
    const model = new LanguageModel({ ...input, dim: 8, heads: 1, memory: { ...input.memory, maxStepSize: 0 } });
    const tokens = tensor(new Int32Array(64).fill(97), [1, 64]);
    const memoriesOf = (state: ModelState) => {
      const found: number[] = [];
      model.mapMemories(state, (memory) => {
        found.push(...leaves(memory).flatMap((leaf) => [...readSync(leaf)]));
        return memory;
      });
      return found;
    };
    scope(() => {
      const params = model.init(key(0));
      const step = jit((p: ModelParams, state: ModelState, x: Tensor) => model.step(p, state, x)[1]);
      let state = model.initialState(params, 1);
      const before = memoriesOf(state);
      for (let i = 0; i < 32; i++) state = step(params, state, tokens);
      const after = memoriesOf(state);
      const largest = Math.max(...before.map(Math.abs));
      expect(largest).toBeGreaterThan(0.01);
      for (const [i, x] of after.entries()) expect(Math.abs(x - before[i]!)).toBeLessThan(1e-4 * largest);
    });
  },
);
