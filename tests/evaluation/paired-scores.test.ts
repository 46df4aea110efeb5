import { describe, expect, it } from "vitest";
import { addWrites, countWrites, noWrites } from "../../src/evaluation/memory-writes.ts";
import { bitsPerByte, joinScores, pairedDifference } from "../../src/evaluation/paired-scores.ts";

describe("scores of windows", () => {
  it("are weighted by bytes, not by windows", () => {
    expect(bitsPerByte({ bits: [10, 90], bytes: [10, 30] })).toBe(2.5);
  });

  it("differ by a mean with its standard error, by hand", () => {
    // Differences 2, 4, 6 bits of 2 bytes each: mean 2 a byte; sample deviation of the windows 2 bits, so 2 / sqrt(3) / 2 a byte.
    const found = pairedDifference({ bits: [12, 24, 36], bytes: [2, 2, 2] }, { bits: [10, 20, 30], bytes: [2, 2, 2] });
    expect(found.difference).toBeCloseTo(2, 12);
    expect(found.standardError).toBeCloseTo(1 / Math.sqrt(3), 12);
  });

  it("have no error where every byte differs by the same", () => {
    const found = pairedDifference({ bits: [3, 6], bytes: [1, 2] }, { bits: [2, 4], bytes: [1, 2] });
    expect(found).toEqual({ difference: 1, standardError: 0 });
  });

  it("of several batches are one list", () => {
    const joined = joinScores([
      { bits: [1], bytes: [2] },
      { bits: [3, 4], bytes: [5, 6] },
    ]);
    expect(joined).toEqual({ bits: [1, 3, 4], bytes: [2, 5, 6] });
  });
});

describe("writes to memory", () => {
  it("are the slots with a step size above zero", () => {
    expect(countWrites(Float32Array.of(0.5, 0, 0, 1))).toEqual({ writes: 2, slots: 4, meanStepSize: 0.375 });
  });

  it("add up, with step sizes averaged over all slots", () => {
    const all = addWrites(countWrites(Float32Array.of(1, 1, 1)), countWrites(Float32Array.of(0)));
    expect(all).toEqual({ writes: 3, slots: 4, meanStepSize: 0.75 });
    expect(addWrites(noWrites, noWrites)).toEqual(noWrites);
  });
});
