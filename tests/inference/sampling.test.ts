import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sampleToken } from "../../src/inference/index.ts";

const logits = [0.5, 2, -1, 1.5];
const probabilities = (values: readonly number[], temperature = 1) => {
  const weights = values.map((z) => Math.exp(z / temperature));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / total);
};

describe("sampleToken", () => {
  test("temperature 0 takes the likeliest token, the first of equals", () => {
    expect(sampleToken(logits, { temperature: 0 }, 0.99)).toBe(1);
    expect(sampleToken([3, 1, 3], { temperature: 0 }, 0.5)).toBe(0);
  });

  test("a sweep of the uniform number gives each token its share of the distribution", () => {
    for (const temperature of [0.5, 1, 2]) {
      const counts = [0, 0, 0, 0];
      const n = 20_000;
      for (let i = 0; i < n; i++) counts[sampleToken(logits, { temperature }, (i + 0.5) / n)]! += 1;
      // The sweep is a Riemann sum: each share is exact to one part in n at either end.
      for (const [token, p] of probabilities(logits, temperature).entries())
        expect(counts[token]! / n).toBeCloseTo(p, 3);
    }
  });

  test("top-k and top-p leave out the unlikely, and share their mass", () => {
    const seen = (options: { topK?: number; topP?: number }) =>
      [
        ...new Set(
          Array.from({ length: 1000 }, (_, i) => sampleToken(logits, { temperature: 1, ...options }, i / 1000)),
        ),
      ].sort();
    expect(seen({ topK: 1 })).toEqual([1]);
    expect(seen({ topK: 2 })).toEqual([1, 3]);
    const [a, b] = [probabilities(logits)[1]!, probabilities(logits)[3]!];
    expect(seen({ topP: a * 0.99 })).toEqual([1]);
    expect(seen({ topP: a + b * 0.5 })).toEqual([1, 3]);
    expect(seen({ topP: 1 })).toEqual([0, 1, 2, 3]);
  });

  test("always gives a token", () => {
    const numbers = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        numbers,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (z, u, temperature) => {
          const token = sampleToken(z, { temperature, topP: 0.9, topK: 5 }, u);
          expect(token).toBeGreaterThanOrEqual(0);
          expect(token).toBeLessThan(z.length);
        },
      ),
    );
  });
});
