import { describe, expect, it } from "vitest";
import { grad, key, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { scaledDotProductAttention } from "../../src/common/index.ts";
import { feedForwardAsAttention, initPersistentTokens, prependPersistent } from "../../src/titans/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { expectClose, randomMatrix, randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

describe("persistent tokens", () => {
  it("Titans Eq. 19: prependPersistent puts the same tokens before every sequence", () => {
    scope(() => {
      const persistent = randomMatrix(1, 3, 4);
      const x = randomSequences(2, 2, 5, 4);
      const expected = x.map((sequence) => [...persistent, ...sequence]);
      expectClose(prependPersistent(toTensor(persistent), toTensor(x)), expected, 1e-7);
    });
  });

  it("Titans Eq. 19: prependPersistent leaves a sequence as it is where there are none", () => {
    scope(() => {
      const x = toTensor(randomSequences(2, 2, 5, 4));
      expect(initPersistentTokens(key(0), 0, 4)).toBeUndefined();
      expect(toNumbers(prependPersistent(undefined, x))).toEqual(toNumbers(x));
    });
  });

  it("Titans Eq. 19: prependPersistent gives each token the gradients of all sequences", () => {
    scope(() => {
      const persistent = toTensor(randomMatrix(1, 3, 4));
      const x = toTensor(randomSequences(2, 2, 5, 4));
      const weights = randomSequences(3, 2, 8, 4);
      const gradient = grad((p: Tensor) => np.sum(np.multiply(prependPersistent(p, x), toTensor(weights))))(persistent);
      const expected = [0, 1, 2].map((t) => [0, 1, 2, 3].map((i) => weights[0]![t]![i]! + weights[1]![t]![i]!));
      expectClose(gradient, expected);
    });
  });

  it("are of the size of normed tokens at the start, all different, and a number of them", () => {
    scope(() => {
      const tokens = [...readSync(initPersistentTokens(key(5), 40, 50)!)];
      const mean = (f: (x: number) => number) => tokens.reduce((sum, x) => sum + f(x), 0) / tokens.length;
      expect(Math.abs(mean((x) => x))).toBeLessThan(0.1);
      expect(mean((x) => x * x)).toBeGreaterThan(0.9);
      expect(mean((x) => x * x)).toBeLessThan(1.1);
      expect(new Set(tokens).size).toBeGreaterThan(1900);
    });
    for (const count of [-1, 1.5, Number.NaN])
      expect(() => initPersistentTokens(key(0), count, 4)).toThrow(ConfigError);
  });
});

describe("the feed-forward view", () => {
  const [x, keys, values] = [randomMatrix(11, 3, 5), randomMatrix(12, 7, 5), randomMatrix(13, 4, 7)];

  it("Titans Eq. 20: feedForwardAsAttention equals the scalar formula, for any number of inputs", () => {
    scope(() => {
      const y = feedForwardAsAttention(toTensor(x), toTensor(keys), toTensor(values));
      expectClose(
        y,
        x.map((row) => oracle.feedForwardAsAttention(row, keys, values)),
      );
      const batch = feedForwardAsAttention(toTensor([x, x]), toTensor(keys), toTensor(values));
      expect(toNumbers(batch)).toEqual([toNumbers(y), toNumbers(y)]);
    });
  });

  it("Titans Eq. 20: feedForwardAsAttention is single-query attention with scale 1 over fixed keys", () => {
    scope(() => {
      // Attention divides scores by the square root of the features: queries that much larger have scale 1.
      const queries = np.multiply(toTensor(x), Math.sqrt(5));
      const attended = scaledDotProductAttention(
        queries,
        toTensor(keys),
        np.transpose(toTensor(values)),
        np.ones([3, 7]),
      );
      expectClose(feedForwardAsAttention(toTensor(x), toTensor(keys), toTensor(values)), attended);
    });
  });
});
