import { describe, expect, it } from "vitest";
import { key, leaves, namedLeaves, np, scope, tensor } from "../../src/array/index.ts";
import { NeuralMemory, type NeuralMemoryConfig, neuralMemoryDefaults } from "../../src/titans/index.ts";
import { ConfigError, ShapeError } from "../../src/utils/index.ts";
import { toNumbers } from "../common/tensors.ts";
import { treeNorm } from "../oracles/index.ts";
import { layerOf } from "./layer-cases.ts";

describe("a neural memory's configuration", () => {
  const required = { dim: 8, heads: 2, headDim: 4 };

  it("takes the documented defaults: guarded, remembering, two layers", () => {
    const { config } = new NeuralMemory(required);
    expect(config).toEqual({ ...neuralMemoryDefaults, ...required });
    expect(config.stepGuard).not.toBe("off");
    expect(config.gateBiases.forget).toBeLessThanOrEqual(-5);
    expect(config.depth).toBe(2);
  });

  it("has the paper's rule by default: every stability option but the guard is off", () => {
    expect(neuralMemoryDefaults).toMatchObject({
      queryKeyNorm: "l2",
      lossScale: 1,
      maxSurpriseNorm: null,
      forgetTowards: "zero",
      momentumOrder: 1,
      pairsPerToken: 1,
      orthogonalizeSurprise: false,
      gatedTransition: false,
      renormalizeWeights: false,
    });
  });

  it("takes momentum up to 0.999 behind a guard", () => {
    expect(new NeuralMemory({ ...required, maxMomentum: 0.999 }).config.maxMomentum).toBe(0.999);
    expect(() => new NeuralMemory({ ...required, maxMomentum: 1 })).toThrow(/guard needs a bound below 1/);
  });

  for (const [name, wrong, message] of [
    ["heads of 0", { heads: 0 }, /heads is 0/],
    ["a broken width", { headDim: 2.5 }, /headDim is 2.5/],
    ["a chunk of -1", { chunkSize: -1 }, /chunkSize is -1/],
    ["depth 0", { depth: 0 }, /depth is 0/],
    ["a negative step size", { maxStepSize: -0.1 }, /maxStepSize is -0.1/],
    ["a step size that is no number", { maxStepSize: Number.NaN }, /maxStepSize is NaN/],
    ["momentum above 1", { maxMomentum: 1.1 }, /maxMomentum is 1.1/],
    ["momentum of 0", { maxMomentum: 0 }, /maxMomentum is 0/],
    ["an unknown guard", { stepGuard: "tangents" }, /step guard.*tangent/],
    ["an unknown norm", { queryKeyNorm: "rmsnorm" }, /query and key norm.*rms/],
    ["an unknown target of forgetting", { forgetTowards: "start" }, /target of forgetting.*initial/],
    ["a loss scale of 0", { lossScale: 0 }, /lossScale is 0/],
    ["a bound of 0 on surprise", { maxSurpriseNorm: 0 }, /maxSurpriseNorm is 0.*null/],
    ["a bound on surprise that bounds nothing", { maxSurpriseNorm: Infinity }, /maxSurpriseNorm is Infinity.*null/],
    ["a momentum of order 0", { momentumOrder: 0 }, /momentumOrder is 0/],
    ["half a pair", { pairsPerToken: 1.5 }, /pairsPerToken is 1.5/],
    ["an unknown activation", { activation: "relu" }, /activation "relu" is unknown/],
  ] as const) {
    it(`refuses ${name} in one sentence`, () => {
      const config = { ...required, ...wrong } as NeuralMemoryConfig;
      expect(() => new NeuralMemory(config)).toThrow(ConfigError);
      expect(() => new NeuralMemory(config)).toThrow(message);
    });
  }
});

describe("a neural memory's input", () => {
  it("must have the layer's width and three axes", () => {
    scope(() => {
      const layer = layerOf();
      const params = layer.init(key(1));
      const state = layer.initialState(params, 1);
      expect(() => layer.step(params, state, np.ones([1, 3, 4]))).toThrow(ShapeError);
      expect(() => layer.step(params, state, np.ones([3, 5]))).toThrow(ShapeError);
    });
  });
});

describe("a neural memory's state", () => {
  it("starts as a copy of the learned initial weights for every sequence, without momentum", () => {
    scope(() => {
      const layer = layerOf({ norm: true });
      const params = layer.init(key(2));
      const state = layer.initialState(params, 3);
      const learned = namedLeaves(params.initialMemory);
      for (const [path, leaf] of namedLeaves(state.memory)) {
        const one = toNumbers(learned.get(path)!);
        expect(toNumbers(leaf)).toEqual([one, one, one]);
      }
      expect(treeNorm([toNumbers(state.surprise), toNumbers(state.tail)])).toBe(0);
      for (const leaf of leaves(state)) expect(leaf.shape[0]).toBe(3);
    });
  });

  it("takes one token alone", () => {
    scope(() => {
      const layer = layerOf();
      const params = layer.init(key(3));
      const [y] = layer.step(params, layer.initialState(params, 1), tensor([1, -1, 0.5, 2, 0], [1, 1, 5]));
      expect(y.shape).toEqual([1, 1, 5]);
    });
  });
});
