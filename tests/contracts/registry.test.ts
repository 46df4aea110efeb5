/** Every architecture in the registry meets the layer contract: a new one is tested by being registered. */

import { describe, expect, test } from "vitest";
import type { Tensor, Tree } from "../../src/array/index.ts";
import { isMemoryLayer } from "../../src/common/index.ts";
import { architectureNames, architectures, LanguageModel, presetNamed, presets } from "../../src/models/index.ts";
import { trainingSchema } from "../../src/training/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { layerContract } from "./contract.ts";

const chunk = 4;
const base = {
  dim: 8,
  layers: 1,
  heads: 2,
  window: 5,
  memory: { chunkSize: chunk, normalizeValues: true },
  miras: { chunkSize: chunk },
  selfModifying: { chunkSize: chunk, projectionChunkSize: chunk },
  continuum: { periods: [8] },
} as const;

/** Rows that are the models of the same name, and the one that is a transformer. */
const aliases = ["miras:moneta", "miras:yaad", "miras:memora", "miras:softmax-attention"];

for (const architecture of architectureNames.filter((name) => !aliases.includes(name))) {
  const { config, chunkSize } = new LanguageModel({ architecture, ...base, contextSegment: 8 });
  const layer = architectures[architecture].mixer(config);
  layerContract(`the mixer of ${architecture}`, {
    layer,
    dim: 8,
    tokens: 11,
    grid: { chunk: chunkSize, segment: 2 * chunkSize },
    // A norm that divides by small deviations, and angles composed of rounded ones: each form's gradients are up to 6e-6 of the largest away from float64.
    ...(["moneta", "yaad", "memora"].includes(architecture) ? { tolerance: 6e-6 } : {}),
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
