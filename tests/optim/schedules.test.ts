import { describe, expect, it } from "vitest";
import { constantRate, warmupCosine } from "../../src/optim/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { cosineLearningRate } from "../oracles/training.ts";

describe("warmupCosine", () => {
  it.each([
    { peak: 0.01, floor: 0.001, warmupSteps: 5, totalSteps: 23 },
    { peak: 1, floor: 0, warmupSteps: 0, totalSteps: 7 },
    { peak: 1, floor: 0.5, warmupSteps: 4, totalSteps: 4 },
  ])("equals the oracle at every step and after the last: %j", (options) => {
    const schedule = warmupCosine(options);
    for (let step = 0; step < options.totalSteps + 3; step++) {
      expect(schedule(step)).toBeCloseTo(cosineLearningRate(step, options), 15);
    }
  });

  it("rises to the peak, then falls to the floor and stays there", () => {
    const schedule = warmupCosine({ peak: 1, floor: 0.1, warmupSteps: 4, totalSteps: 12 });
    expect([0, 1, 2, 3, 4].map(schedule)).toEqual([0.25, 0.5, 0.75, 1, 1]);
    expect(schedule(8)).toBeCloseTo(0.55, 12);
    expect([12, 1000].map(schedule)).toEqual([0.1, 0.1]);
  });

  it.each([
    [{ peak: 1, warmupSteps: 5, totalSteps: 4 }, "warmupSteps must be at most totalSteps, but 5 is more than 4"],
    [{ peak: -1, totalSteps: 4 }, "peak must be at least 0, not -1"],
    [{ peak: 1, totalSteps: Number.NaN }, "totalSteps must be at least 0, not NaN"],
  ])("refuses %j", (options, message) => {
    expect(() => warmupCosine(options)).toThrow(ConfigError);
    expect(() => warmupCosine(options)).toThrow(message);
  });
});

describe("constantRate", () => {
  it("is the same at every step", () => {
    expect([0, 1, 1e6].map(constantRate(0.02))).toEqual([0.02, 0.02, 0.02]);
  });
});
