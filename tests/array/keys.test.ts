import { describe, expect, it } from "vitest";
import { jit, key, np, random, readSync, scope, splitKey, type Tensor } from "../../src/array/index.ts";
import { ConfigError } from "../../src/utils/index.ts";

const draw = (from: Tensor, count = 1000) => [...readSync(random.normal(from, [count]))];

/** The correlation of two samples; of independent ones it has standard deviation 1 / sqrt(n). */
function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (x: readonly number[]) => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  const covariance = mean(a.map((value, i) => (value - ma) * (b[i]! - mb)));
  return covariance / Math.sqrt(mean(a.map((v) => (v - ma) ** 2)) * mean(b.map((v) => (v - mb) ** 2)));
}

describe("keys", () => {
  it("give the same numbers for the same seed, eagerly and compiled, and others for another", () => {
    scope(() => {
      expect(draw(key(3))).toEqual(draw(key(3)));
      expect(draw(key(3))).not.toEqual(draw(key(4)));
      const compiled = [...readSync(jit((k: Tensor) => random.uniform(k, [50]))(key(3)))];
      expect(compiled).toEqual([...readSync(random.uniform(key(3), [50]))]);
    });
  });

  it("split into keys that are all different, and the same ones each time", () => {
    scope(() => {
      const numbers = (k: Tensor) => [...readSync(k)].join();
      const keys = splitKey(key(0), 20).map(numbers);
      expect(new Set([...keys, numbers(key(0))]).size).toBe(21);
      expect(splitKey(key(0), 20).map(numbers)).toEqual(keys);
      expect(splitKey(key(1), 20).map(numbers)).not.toEqual(keys);
    });
  });

  it("split into keys whose numbers are independent", () => {
    scope(() => {
      const samples = [key(9), ...splitKey(key(9), 3)].map((k) => draw(k));
      // Five standard deviations of 1 / sqrt(1000).
      for (let i = 0; i < samples.length; i++)
        for (let j = 0; j < i; j++) expect(Math.abs(correlation(samples[i]!, samples[j]!))).toBeLessThan(0.16);
    });
  });

  it("give normal numbers with mean 0 and variance 1", () => {
    scope(() => {
      const x = random.normal(key(5), [10_000]);
      // Five standard errors: 1 / sqrt(10,000) for the mean, sqrt(2 / 10,000) for the variance.
      expect(Math.abs(readSync(np.mean(x))[0]!)).toBeLessThan(0.05);
      expect(Math.abs(readSync(np.mean(np.square(x)))[0]! - 1)).toBeLessThan(0.071);
    });
  });

  it.each([-1, 1.5, 2 ** 32, Number.NaN])("refuse the seed %f, which would silently be another one", (seed) => {
    expect(() => key(seed)).toThrow(ConfigError);
    expect(() => key(seed)).toThrow("the seed must be a whole number from 0 to 4294967295");
  });
});
