import { describe, expect, it } from "vitest";
import { grad, jit, key, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { applyFeatureMap, linearAttentionLayer, normalizedLinearAttention } from "../../src/common/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { eluPlusOne } from "../oracles/index.ts";
import { expectClose, randomSequences, toNumbers, toTensor } from "./tensors.ts";

describe("feature maps", () => {
  it("elu-plus-one keeps its relative accuracy for small features, and is smooth and positive", () => {
    scope(() => {
      const x = [-30, -10, -1, -1e-3, 0, 1e-3, 2, 50];
      const actual = readSync(applyFeatureMap("elu-plus-one", tensor(x)));
      // float32 inputs, exp good to 1e-6 relative.
      eluPlusOne(x.map(Math.fround)).forEach((value, i) => {
        expect(Math.abs(actual[i]! / value - 1)).toBeLessThan(2e-6);
      });
      const slope = jit(grad((u: Tensor) => np.sum(applyFeatureMap("elu-plus-one", u))))(tensor(x));
      expectClose(
        slope,
        x.map((value) => (value > 0 ? 1 : Math.exp(value))),
      );
    });
  });

  it("identity changes nothing", () => {
    scope(() => {
      const x = tensor([-1, 2]);
      expect(applyFeatureMap("identity", x)).toBe(x);
    });
  });
});

describe("linear attention layer", () => {
  it("outputs zero, not NaN, in empty slots, also before the first token, in values and in gradients", () => {
    scope(() => {
      const layer = linearAttentionLayer({ dim: 15, heads: 3, featureMap: "elu-plus-one", normalized: true });
      const params = layer.init(key(1));
      const x = toTensor(randomSequences(1, 1, 4, 15));
      const mask = toTensor([[0, 1, 0, 1]]);
      const state = layer.initialState(params, 1);
      const [y] = layer.step(params, state, x, { mask });
      const [sizes] = toNumbers(np.max(np.absolute(y), -1)) as number[][];
      expect(sizes!.map((size) => size > 0)).toEqual([false, true, false, true]);
      const g = jit(grad((p: typeof params) => np.sum(np.square(layer.step(p, state, x, { mask })[0]))))(params);
      for (const leaf of Object.values(g)) expect([...readSync(leaf)].every(Number.isFinite)).toBe(true);
      const zeros = np.zeros([1, 2]);
      const [read] = normalizedLinearAttention(
        { memory: np.zeros([2, 1]), normalizer: np.zeros([2]) },
        zeros,
        zeros,
        np.ones([1, 1]),
      );
      expect(readSync(read)[0]).toBe(0);
    });
  });

  it("carries the normaliser only where there is one", () => {
    scope(() => {
      const stateOf = (normalized: boolean) => {
        const layer = linearAttentionLayer({ dim: 6, heads: 2, featureMap: "elu-plus-one", normalized });
        return layer.initialState(layer.init(key(1)), 2);
      };
      expect(Object.keys(stateOf(true))).toEqual(["memory", "normalizer"]);
      expect(Object.keys(stateOf(false))).toEqual(["memory"]);
    });
  });

  it("refuses a feature map that cannot be normalised, or is unknown", () => {
    const config = { dim: 6, heads: 2, normalized: true };
    expect(() => linearAttentionLayer({ ...config, featureMap: "identity" })).toThrow('use "elu-plus-one"');
    const unknown = "elu-plus-on" as "identity";
    expect(() => linearAttentionLayer({ ...config, featureMap: unknown })).toThrow('did you mean "elu-plus-one"?');
    expect(() => linearAttentionLayer({ ...config, heads: 0, featureMap: "identity" })).toThrow(ConfigError);
  });
});
