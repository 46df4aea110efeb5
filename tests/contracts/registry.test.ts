/** Every architecture in the registry meets the layer contract: a new one is tested by being registered. */

import { describe, expect, test } from "vitest";
import type { Tensor, Tree } from "../../src/array/index.ts";
import {
  architectureNames,
  architectures,
  LanguageModel,
  type ModelInput,
  presetNamed,
  presets,
} from "../../src/models/index.ts";
import { isMemoryLayer } from "../../src/titans/index.ts";
import { trainingSchema } from "../../src/training/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { layerContract } from "./contract.ts";

const chunk = 4;
const base = { dim: 8, layers: 1, heads: 2, window: 5, memory: { chunkSize: chunk, normalizeValues: true } } as const;

/** Every architecture, and what its options make of it. */
const subjects: Record<string, ModelInput> = {
  ...Object.fromEntries(
    architectureNames.map((architecture) => [architecture, { architecture, ...base, contextSegment: 8 }]),
  ),
  "titans-lmm with persistent tokens": { architecture: "titans-lmm", ...base, persistentTokens: 3 },
  "titans-mac with persistent tokens": { architecture: "titans-mac", ...base, persistentTokens: 3, contextSegment: 8 },
  "titans-mac with segments of one chunk": { architecture: "titans-mac", ...base, gate: "sum", contextSegment: chunk },
  "titans-mag with more persistent tokens than a chunk": { architecture: "titans-mag", ...base, persistentTokens: 6 },
  "titans-mag with the product gate": { architecture: "titans-mag", ...base, persistentTokens: 2, gate: "product" },
  "titans-mal with persistent tokens": { architecture: "titans-mal", ...base, persistentTokens: 3 },
  "titans-mal with a visible prefix": { architecture: "titans-mal", ...base, persistentTokens: 3, visiblePrefix: true },
};

for (const [name, input] of Object.entries(subjects)) {
  const { config, chunkSize, blocks } = new LanguageModel(input);
  const layer = architectures[config.architecture].mixer(config);
  test(`the mixer of ${name} is the one its model uses`, () => {
    expect(blocks[0]!.mixer.constructor).toBe(layer.constructor);
  });
  layerContract(`the mixer of ${name}`, {
    layer,
    dim: 8,
    tokens: 11,
    grid: { chunk: chunkSize, segment: 2 * chunkSize },
    ...(isMemoryLayer(layer) && {
      stepWithLosses: (params: Tree, state: Tree, x: Tensor): [Tensor, Tree, Tensor] => {
        const [y, next, { lossBefore }] = layer.diagnose(params, state, x);
        return [y, next, lossBefore];
      },
    }),
  });
}

describe("presets", () => {
  test.each(Object.entries(presets))(
    "%s is a model and a training configuration that fit each other",
    (name, preset) => {
      const model = new LanguageModel(presetNamed(name).model);
      const training = trainingSchema.parse(preset.training);
      expect(training.segment % model.chunkSize).toBe(0);
      expect(model.shapes().size).toBeGreaterThan(10);
    },
  );

  test("an unknown one is refused with the nearest name", () => {
    expect(() => presetNamed("lmm-smal")).toThrow(ConfigError);
    expect(() => presetNamed("lmm-smal")).toThrow(/did you mean "lmm-small"/);
    expect(() => presetNamed("toString")).toThrow(ConfigError);
  });

  test("a model that cannot work is refused in one sentence", () => {
    const base = { architecture: "titans-lmm", dim: 8, layers: 1, heads: 2 } as const;
    expect(() => new LanguageModel({ ...base, heads: 3 })).toThrow(/dim must be a whole multiple of heads/);
    expect(() => new LanguageModel({ ...base, feedForwardExpansion: 0.01 })).toThrow(/at least one feature/);
    expect(() => new LanguageModel({ ...base, memory: { maxMomentum: 1 } })).toThrow(
      /step guard needs a bound below 1/,
    );
  });
});
