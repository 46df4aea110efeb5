import { describe, expect, it } from "vitest";
import { scale, type Vector } from "./matrix.ts";
import {
  minimiseOnSimplex,
  mirasDivergenceObjective,
  mirasDivergenceObjectiveSlope,
  mirasEntropyObjective,
  mirasEntropyObjectiveSlope,
  mirasSimplexResidual,
} from "./miras-optimality.ts";
import {
  type MirasDivergenceName,
  mirasDivergenceStep,
  mirasDivergences,
  mirasEntropyStep,
  mirasEntropyStepByEntry,
  mirasSoftmaxStep,
} from "./miras-retentions.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(142);
const total = (weights: Vector): number => weights.reduce((sum, w) => sum + w, 0);
const onSlice = (width: number, sum: number): Vector => {
  const raw = random.uniformVector(width, 0.1, 1);
  return scale(sum / total(raw), raw);
};

describe("oracle: divergence on a scaled simplex", () => {
  const names: MirasDivergenceName[] = ["kl", "chi2", "reverse-kl", "hellinger"];

  it.each(names)("%s: the slope and its inverse belong to f, and f is 0 at 1", (name) => {
    const { f, slope, inverseSlope } = mirasDivergences[name];
    expect(f(1)).toBeCloseTo(0, 15);
    for (const ratio of [0.2, 0.9, 1, 2.5]) {
      expect((f(ratio + 1e-5) - f(ratio - 1e-5)) / 2e-5).toBeCloseTo(slope(ratio), 7);
      expect(inverseSlope(slope(ratio))).toBeCloseTo(ratio, 13);
    }
  });

  it.each(names)("%s: sum, KKT residual and a generic minimiser", (name) => {
    const divergence = mirasDivergences[name];
    const previous = onSlice(6, 3);
    const gradient = random.normalVector(6, 0.5);
    const { weights } = mirasDivergenceStep(divergence, previous, gradient, 0.7, 3);
    const slope = mirasDivergenceObjectiveSlope(divergence, weights, previous, gradient, 0.7);
    expect(mirasSimplexResidual(weights, slope, 3)).toBeLessThan(1e-12);
    const objective = (w: Vector): number => mirasDivergenceObjective(divergence, w, previous, gradient, 0.7);
    expect(maxDifference(minimiseOnSimplex(objective, previous, 60), weights)).toBeLessThan(2e-7);
    const wrong = [...weights.slice(1), weights[0]!];
    expect(
      mirasSimplexResidual(wrong, mirasDivergenceObjectiveSlope(divergence, wrong, previous, gradient, 0.7), 3),
    ).toBeGreaterThan(1e-2);
  });

  it("squared ratio: entries reach zero exactly, with the KKT conditions met; without the clamp they go negative", () => {
    const previous = onSlice(12, 2);
    const gradient = random.normalVector(12, 3);
    const { weights, multiplier } = mirasDivergenceStep(mirasDivergences.chi2, previous, gradient, 1, 2);
    const slope = mirasDivergenceObjectiveSlope(mirasDivergences.chi2, weights, previous, gradient, 1);
    expect(weights.filter((w) => w === 0).length).toBeGreaterThan(2);
    expect(mirasSimplexResidual(weights, slope, 2)).toBeLessThan(1e-12);
    const unclamped = previous.map((w, j) => w * (1 + (-multiplier - gradient[j]!) / 2));
    expect(Math.min(...unclamped)).toBeLessThan(0);
    const objective = (w: Vector): number => mirasDivergenceObjective(mirasDivergences.chi2, w, previous, gradient, 1);
    expect(maxDifference(minimiseOnSimplex(objective, previous, 60), weights)).toBeLessThan(2e-7);
  });

  it("KL: the same as a softmax without global retention", () => {
    const previous = onSlice(5, 2);
    const gradient = random.normalVector(5);
    const { weights } = mirasDivergenceStep(mirasDivergences.kl, previous, gradient, 0.4, 2);
    expect(maxDifference(weights, mirasSoftmaxStep(previous, gradient, 1, 0.4, 2))).toBeLessThan(1e-14);
  });
});

describe("oracle: KL with entropy", () => {
  const previous = onSlice(6, 2);
  const gradient = random.normalVector(6);
  const all = (value: number): Vector => previous.map(() => value);

  it("the softmax has KKT residual 0 and is found by a generic minimiser", () => {
    const inverses = { local: all(0.6), global: all(1.7) };
    const weights = mirasEntropyStep(previous, gradient, { local: 0.6, global: 1.7 }, 2);
    const slope = mirasEntropyObjectiveSlope(weights, previous, gradient, inverses);
    expect(mirasSimplexResidual(weights, slope, 2)).toBeLessThan(1e-13);
    const objective = (w: Vector): number => mirasEntropyObjective(w, previous, gradient, inverses);
    expect(maxDifference(minimiseOnSimplex(objective, previous, 60), weights)).toBeLessThan(2e-7);
    expect(maxDifference(mirasEntropyStepByEntry(previous, gradient, inverses, 2), weights)).toBeLessThan(1e-13);
    const [lambda, rate] = [0.6 / 2.3, (0.6 * 1.7) / 2.3];
    expect(maxDifference(mirasSoftmaxStep(previous, gradient, 1 - lambda, rate, 2), weights)).toBeLessThan(1e-14);
  });

  it("rates that differ inside the slice: bisection is right, the softmax with those rates is not", () => {
    const inverses = { local: random.uniformVector(6, 0.2, 2), global: random.uniformVector(6, 0.5, 3) };
    const weights = mirasEntropyStepByEntry(previous, gradient, inverses, 2);
    const slope = mirasEntropyObjectiveSlope(weights, previous, gradient, inverses);
    expect(mirasSimplexResidual(weights, slope, 2)).toBeLessThan(1e-13);
    const scores = previous.map((w, j) => {
      const both = 1 / inverses.local[j]! + 1 / inverses.global[j]!;
      return Math.log(w) / inverses.local[j]! / both - gradient[j]! / both;
    });
    const naive = mirasSoftmaxStep(
      all(1),
      scores.map((s) => -s),
      1,
      1,
      2,
    );
    expect(maxDifference(naive, weights)).toBeGreaterThan(1e-2);
  });

  it("no global retention is exponentiated gradient; without a gradient it tends to the uniform slice", () => {
    const far = mirasEntropyStep(previous, gradient, { local: 0.6, global: 1e15 }, 2);
    const raw = previous.map((w, j) => w * Math.exp(-0.6 * gradient[j]!));
    expect(maxDifference(far, scale(2 / total(raw), raw))).toBeLessThan(1e-13);
    let weights = previous;
    for (let i = 0; i < 400; i++) weights = mirasEntropyStep(weights, all(0), { local: 0.5, global: 2 }, 2);
    expect(maxDifference(weights, all(2 / 6))).toBeLessThan(1e-14);
  });
});
