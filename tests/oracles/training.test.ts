import { describe, expect, it } from "vitest";
import { dot } from "./matrix.ts";
import { l2Normalise, layerNorm, rmsNorm } from "./norms.ts";
import { type AdamState, adamWStep, clipGlobalNorm, cosineLearningRate, crossEntropyBits } from "./training.ts";
import { maxDifference } from "./tree.ts";

describe("oracle: AdamW", () => {
  const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  const fresh: AdamState = { first: [0, 0], second: [0, 0], step: 0 };

  it("the first step moves by the learning rate against the sign, whatever the gradient's size", () => {
    const { parameters } = adamWStep([1, 1], [1e-3, -50], fresh, options);
    expect(maxDifference(parameters, [0.9, 1.1])).toBeLessThan(1e-5);
  });

  it("two steps by hand", () => {
    const one = adamWStep([1, 0], [2, 0], fresh, options);
    const two = adamWStep(one.parameters, [-1, 0], one.state, options);
    const mean = (0.9 * 0.2 - 0.1) / (1 - 0.81);
    const square = (0.999 * 0.004 + 0.001) / (1 - 0.999 ** 2);
    expect(two.parameters[0]).toBeCloseTo(one.parameters[0]! - (0.1 * mean) / (Math.sqrt(square) + 1e-8), 12);
    expect(two.state.step).toBe(2);
  });

  it("decay is decoupled: with no gradient the parameter shrinks by learning rate times decay", () => {
    const { parameters } = adamWStep([2, -4], [0, 0], fresh, { ...options, weightDecay: 0.5 });
    expect(maxDifference(parameters, [1.9, -3.8])).toBeLessThan(1e-15);
  });
});

describe("oracle: clipping and schedule", () => {
  it("clips to the norm and leaves short gradients alone", () => {
    expect(clipGlobalNorm([3, 4], 1)).toEqual({ gradient: [0.6, 0.8], norm: 5 });
    expect(clipGlobalNorm([3, 4], 5).gradient).toEqual([3, 4]);
    expect(clipGlobalNorm([0, 0], 1).gradient).toEqual([0, 0]);
  });

  it("warms up linearly, peaks, reaches the middle and the floor", () => {
    const schedule = { peak: 1, floor: 0.1, warmupSteps: 4, totalSteps: 24 };
    const rates = [0, 3, 4, 14, 24, 1000].map((step) => cosineLearningRate(step, schedule));
    expect(maxDifference(rates, [0.25, 1, 1, 0.55, 0.1, 0.1])).toBeLessThan(1e-15);
    expect(cosineLearningRate(0, { ...schedule, warmupSteps: 0 })).toBe(1);
  });
});

describe("oracle: norms and loss", () => {
  it("RMSNorm, LayerNorm and l2 on a vector by hand", () => {
    expect(maxDifference(rmsNorm([3, 4], [1, 2], 0), [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)])).toBeLessThan(1e-15);
    expect(maxDifference(layerNorm([1, 3], [2, 2], [0, 1], 0), [-2, 3])).toBeLessThan(1e-15);
    expect(maxDifference(l2Normalise([3, 4], 0), [0.6, 0.8])).toBeLessThan(1e-15);
    expect(l2Normalise([0, 0], 1e-6)).toEqual([0, 0]);
    const unit = l2Normalise([1e-1, 0], 1e-6);
    expect(dot(unit, unit)).toBeCloseTo(0.01 / (0.01 + 1e-6), 15);
  });

  it("uniform logits cost log2 of the classes; weights choose tokens; shifts do nothing", () => {
    const flat = [new Array<number>(8).fill(0.3), new Array<number>(8).fill(-700)];
    expect(crossEntropyBits(flat, [0, 5])).toBeCloseTo(3, 13);
    const logits = [
      [0, Math.log(3)],
      [900, 0],
    ];
    expect(crossEntropyBits(logits, [1, 0], [1, 0])).toBeCloseTo(Math.log2(4 / 3), 14);
    expect(crossEntropyBits(logits, [1, 0])).toBeCloseTo(Math.log2(4 / 3) / 2, 14);
  });
});
