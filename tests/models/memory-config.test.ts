import { describe, expect, it } from "vitest";
import { LanguageModel, memorySchema } from "../../src/models/index.ts";
import { type NeuralMemory, neuralMemoryDefaults } from "../../src/titans/index.ts";

describe("the memory in a model's configuration", () => {
  it("offers every option of the layer, with the layer's defaults", () => {
    expect(memorySchema.parse({})).toEqual(neuralMemoryDefaults);
  });

  it("reaches the layer", () => {
    const memory = {
      queryKeyNorm: "rms",
      lossScale: 2,
      maxSurpriseNorm: 0.5,
      forgetTowards: "initial",
      momentumOrder: 2,
      pairsPerToken: 2,
      orthogonalizeSurprise: true,
      gatedTransition: true,
      renormalizeWeights: true,
    } as const;
    const model = new LanguageModel({ architecture: "titans-lmm", dim: 8, layers: 1, heads: 2, memory });
    expect((model.blocks[0]!.mixer as NeuralMemory).config).toMatchObject(memory);
    // The options survive a configuration file: it is JSON.
    expect(memorySchema.parse(JSON.parse(JSON.stringify(model.config.memory)))).toEqual(model.config.memory);
    expect(model.shapes().get("blocks.0.mixer.transitionGate")).toMatchObject({ shape: [2] });
  });
});
