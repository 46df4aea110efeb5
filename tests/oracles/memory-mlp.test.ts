import { describe, expect, it } from "vitest";
import type { Activation } from "./activations.ts";
import { norm, scale } from "./matrix.ts";
import {
  type MemoryWeights,
  memoryForward,
  memoryGradient,
  memoryGradientByDifferences,
  memoryLoss,
  randomMemory,
} from "./memory-mlp.ts";
import { randomSource } from "./random.ts";
import { flatten, maxDifference, treeNorm, zerosLike } from "./tree.ts";

const widthsOfDepth = [
  [4, 4],
  [4, 7, 4],
  [4, 5, 6, 4],
  [4, 6, 5, 7, 4],
];
const activations: Activation[] = ["silu", "gelu-tanh", "gelu-erf"];

describe("oracle: memory network", () => {
  const cases = widthsOfDepth.flatMap((widths) =>
    activations.flatMap((activation) =>
      [false, true].flatMap((residual) =>
        [false, true].map((withNorm) => ({ widths, activation, residual, withNorm })),
      ),
    ),
  );

  it.each(cases)(
    "Eq. 12: reverse pass equals finite differences, $widths $activation residual=$residual norm=$withNorm",
    ({ widths, activation, residual, withNorm }) => {
      const random = randomSource(widths.length);
      const network = { activation, residual, normEpsilon: 1e-3 };
      const weights = randomMemory(random, widths, withNorm);
      const key = random.unitVector(4);
      const value = random.normalVector(4);
      const byHand = memoryGradient(network, weights, key, value, 2);
      const byDifferences = memoryGradientByDifferences(network, weights, key, value, 2);
      // Richardson differences carry about 1e-11 of truncation and rounding.
      expect(maxDifference(byHand, byDifferences)).toBeLessThan(1e-9 * Math.max(1, treeNorm(byHand)));
      expect(treeNorm(byHand)).toBeGreaterThan(1e-2);
    },
  );

  it("Eq. 12: linear memory has gradient 2(Mk - v)kᵀ with kappa 2, half of it with kappa 1", () => {
    const network = { activation: "identity" as const, residual: false, normEpsilon: 0 };
    const weights: MemoryWeights = {
      layers: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      norm: null,
    };
    const expected = [
      [2 * 0.5 * 2, 2 * 0.5 * -1],
      [2 * 3 * 2, 2 * 3 * -1],
    ];
    expect(memoryGradient(network, weights, [2, -1], [-0.5, -1], 2).layers[0]).toEqual(expected);
    expect(memoryGradient(network, weights, [2, -1], [-0.5, -1], 1).layers[0]).toEqual(
      expected.map((row) => scale(0.5, row)),
    );
    expect(memoryLoss(network, weights, [2, -1], [-0.5, -1], 2)).toBeCloseTo(0.25 + 9, 14);
  });

  it("section 9.3: zero weights are a dead point for depth 2 to 4 and not for depth 1", () => {
    const random = randomSource(7);
    for (const widths of widthsOfDepth) {
      const weights = zerosLike(randomMemory(random, widths, false));
      const network = { activation: "silu" as const, residual: true, normEpsilon: 1e-3 };
      const gradient = memoryGradient(network, weights, random.unitVector(4), random.normalVector(4), 1);
      if (widths.length === 2) expect(treeNorm(gradient)).toBeGreaterThan(0.1);
      else expect(treeNorm(gradient)).toBe(0);
    }
  });

  it("section 9.3: at the dead point the shift of an output LayerNorm still receives the error", () => {
    const random = randomSource(8);
    const weights = zerosLike(randomMemory(random, [4, 7, 4], true));
    const network = { activation: "silu" as const, residual: false, normEpsilon: 1e-3 };
    const value = random.normalVector(4);
    const gradient = memoryGradient(network, weights, random.unitVector(4), value, 1);
    expect(treeNorm(gradient.layers)).toBe(0);
    expect(gradient.norm!.beta).toEqual(scale(-1, value));
  });

  it("section 9.3: an output LayerNorm makes gradients grow as the weights shrink", () => {
    const random = randomSource(9);
    const network = { activation: "silu" as const, residual: false, normEpsilon: 1e-8 };
    const weights = randomMemory(random, [6, 6], true);
    const key = random.unitVector(6);
    const value = random.normalVector(6);
    const shrunk = { ...weights, layers: weights.layers.map((layer) => layer.map((row) => scale(0.1, row))) };
    const grown = treeNorm(memoryGradient(network, shrunk, key, value, 1).layers);
    expect(grown / treeNorm(memoryGradient(network, weights, key, value, 1).layers)).toBeCloseTo(10, 3);
  });

  it("residual and LayerNorm change the output as written", () => {
    const random = randomSource(10);
    const weights = randomMemory(random, [5, 8, 5], true);
    const key = random.normalVector(5);
    const network = { activation: "gelu-erf" as const, residual: false, normEpsilon: 1e-12 };
    const plain = memoryForward(network, weights, key);
    const withKey = memoryForward({ ...network, residual: true }, weights, key);
    expect(
      maxDifference(
        withKey,
        plain.map((value, i) => value + key[i]!),
      ),
    ).toBe(0);
    const standard = plain.map((value, i) => (value - weights.norm!.beta[i]!) / weights.norm!.gamma[i]!);
    expect(standard.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 10);
    expect(norm(standard) ** 2 / 5).toBeCloseTo(1, 8);
    expect(flatten(weights)).toHaveLength(5 * 8 * 2 + 10);
  });
});
