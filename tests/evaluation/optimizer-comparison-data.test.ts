import { describe, expect, it } from "vitest";
import {
  divergences,
  meanOverSeeds,
  type OptimizerRun,
  optimizerVerdict,
  summarizeOptimizers,
  tiedWithBest,
} from "../../src/evaluation/optimizer-comparison-data.ts";
import type { OptimizerName } from "../../src/optim/index.ts";

const about = (optimizer: OptimizerName, seed: number, validation: readonly number[]) => ({
  optimizer,
  seed,
  learningRate: 0.1,
  rateFrom: "optimizer" as const,
  engine: { name: "wasm" as const, threads: 1 },
  parameters: 10,
  statePerParameter: 2,
  training: [],
  validation: validation.map((bitsPerByte, i) => ({ step: 10 * (i + 1), bitsPerByte })),
  secondsPerStep: 0.5,
});

/** Trainings of one optimiser that ended at these bits per byte, with the seeds 0, 1, ... */
function ended(optimizer: OptimizerName, ...bits: readonly number[]): OptimizerRun[] {
  return bits.map((bitsPerByte, seed) => ({ ...about(optimizer, seed, [bitsPerByte + 1, bitsPerByte]), bitsPerByte }));
}

const stopped: OptimizerRun = { ...about("muon", 1, [4]), failure: { step: 17, arrays: ['gradient "head"'] } };

describe("optimisers over seeds", () => {
  it("have a mean and the sample standard deviation, which one seed has not", () => {
    expect(meanOverSeeds([1, 3, 5])).toEqual({ mean: 3, spread: 2 });
    expect(meanOverSeeds([4])).toEqual({ mean: 4 });
  });

  it("are sorted by their means, with the mean and spread of each point of their curves", () => {
    const summaries = summarizeOptimizers([...ended("sgd", 4, 6), ...ended("adam", 3, 3)]);
    expect(summaries.map(({ optimizer }) => optimizer)).toEqual(["adam", "sgd"]);
    expect(summaries[1]!.final).toEqual({ mean: 5, spread: Math.SQRT2 });
    expect(summaries[1]!.validation).toEqual([
      { step: 10, mean: 6, spread: Math.SQRT2 },
      { step: 20, mean: 5, spread: Math.SQRT2 },
    ]);
  });

  it("win if the next is further away than the spread of either", () => {
    const summaries = summarizeOptimizers([...ended("sgd", 4, 4.25), ...ended("adam", 3, 3.25)]);
    expect(tiedWithBest(summaries)).toEqual([]);
    expect(optimizerVerdict(summaries)).toBe(
      "adam wins: 3.125 ± 0.177 bits per byte, 1.000 below the next, sgd, which is more than the spread between seeds of either.",
    );
  });

  it("tie if the difference is smaller than one of the spreads", () => {
    const summaries = summarizeOptimizers([...ended("sgd", 3, 3.5), ...ended("adam", 3, 3.25), ...ended("m3", 4, 4)]);
    expect(tiedWithBest(summaries)!.map(({ optimizer }) => optimizer)).toEqual(["sgd"]);
    expect(optimizerVerdict(summaries)).toMatch(
      /^adam ended at 3\.125.*but sgd \(3\.250 ± 0\.354\) is no further away.*a tie\.$/,
    );
  });

  it("have no spread and no ties with one seed, and the verdict says so", () => {
    const summaries = summarizeOptimizers([...ended("sgd", 3.001), ...ended("adam", 3)]);
    expect(tiedWithBest(summaries)).toBeUndefined();
    expect(optimizerVerdict(summaries)).toMatch(
      /^adam ended at 3\.000 .*sgd, 0\.001 above.*one seed: no spread can be given/,
    );
  });

  it("come last and win nothing where a training met a number that is not finite, whose step and array are told", () => {
    const summaries = summarizeOptimizers([...ended("muon", 1), stopped, ...ended("sgd", 5, 5.5)]);
    expect(summaries.map(({ optimizer }) => optimizer)).toEqual(["sgd", "muon"]);
    expect(summaries[1]).toMatchObject({ final: { mean: 1 }, validation: [{ step: 10, mean: 3 }] });
    expect(summaries.flatMap(divergences)).toEqual([
      'muon with seed 1 stopped at step 17: gradient "head" is not finite.',
    ]);
    expect(optimizerVerdict(summaries)).toMatch(/^sgd ended .*no other to compare it with\.$/);
    expect(optimizerVerdict(summarizeOptimizers([stopped]))).toMatch(/none wins/);
  });
});
