/** Which trials are given up, how they rank, what is said of them, and how a page draws them. */
import { expect, test } from "vitest";
import { loadPlotter } from "../../src/evaluation/plots.ts";
import { numberAxis, parameterAxis } from "../../src/evaluation/sweep-axes.ts";
import {
  hopeless,
  rankedTrials,
  type SweepData,
  type SweepRun,
  type SweepTrial,
  sweepVerdict,
  trialOf,
  trialValue,
} from "../../src/evaluation/sweep-data.ts";
import { renderSweep } from "../../src/evaluation/sweep-report.ts";
import { sweepSettings } from "../../src/evaluation/sweep-settings.ts";

test("the worse part of a table of validations is given up, ties go on, and what is not finite is worst", () => {
  const seeds = (...bits: number[]) => bits.map((one) => [{ step: 10, bits: one, answerAccuracy: 1 / one }]);
  // Means at step 10: 3, 2, 4, 2.
  const table = [seeds(1, 5), seeds(2, 2), seeds(4, 4), seeds(1, 3)];
  const values = table.map((runs) => trialValue("bits", runs, 10));
  expect(values).toEqual([3, 2, 4, 2]);
  expect(hopeless("bits", values, 0.5)).toEqual([true, false, true, false]);
  expect(hopeless("bits", values, 0.75)).toEqual([false, false, true, false]);
  expect(hopeless("bits", values, 0.25)).toEqual([true, false, true, false]);
  // More right answers are better: means 0.6, 0.5, 0.25, 0.67.
  const right = table.map((runs) => trialValue("answerAccuracy", runs, 10));
  expect(hopeless("answerAccuracy", right, 0.5)).toEqual([false, true, true, false]);
  // A run that was not validated there, because it diverged, takes its trial with it.
  const lost = trialValue("bits", [...seeds(1), [{ step: 5, bits: 1 }]], 10);
  expect(hopeless("bits", [lost, 3, 9], 0.6)).toEqual([true, false, false]);
  expect(hopeless("bits", [lost, Number.NaN], 0.5)).toEqual([false, false]);
});

const run = (seed: number, outcome: SweepRun["outcome"], ...bits: number[]): SweepRun => ({
  name: `seed ${seed}`,
  seed,
  outcome,
  step: 10 * bits.length,
  ...(outcome === "diverged" ? { arrays: ['gradient "head"'] } : {}),
  validation: bits.map((one, i) => ({ step: 10 * (i + 1), bits: one, answerAccuracy: 1 / one })),
});
const trial = (number: number, ...runs: SweepRun[]) =>
  trialOf("bits", { number, parameters: { rate: 10 ** -number, depth: number, arch: `<${number}>` }, steps: 30 }, runs);
const trials: readonly SweepTrial[] = [
  trial(1, run(0, "stopped", 1, 0.5), run(1, "stopped", 1, 0.5)),
  trial(2, run(0, "complete", 3, 2, 2), run(1, "complete", 3, 2, 2.2)),
  trial(3, run(0, "complete", 3, 2, 1), run(1, "diverged", 3)),
  trial(4, run(0, "complete", 3, 2, 1.5), run(1, "complete", 3, 2, 1.5)),
  trial(5, run(0, "stopped", 9), run(1, "stopped", 9)),
];
const data = (ranked: readonly SweepTrial[], seeds = 2): SweepData => ({
  format: 1,
  name: "search",
  settings: sweepSettings(
    {
      search: "random",
      parameters: {
        rate: { min: 1e-5, max: 0.1, scale: "log" },
        depth: { min: 1, max: 5, integer: true },
        arch: ["<1>", "<2>", "<3>", "<4>", "<5>"],
      },
      trials: 5,
      seeds,
      stop: { at: [10, 20] },
    },
    "a test",
  ),
  unit: "byte",
  platform: "a machine",
  engine: "native",
  seconds: 5,
  trials: ranked,
});

test("trials rank by their result, those that were stopped by how far they came, those that diverged last", () => {
  const ranked = rankedTrials("bits", trials);
  expect(ranked.map(({ number }) => number)).toEqual([4, 2, 1, 5, 3]);
  expect(ranked.map(({ status, reached }) => [status, reached])).toEqual([
    ["complete", 30],
    ["complete", 30],
    ["stopped", 20],
    ["stopped", 10],
    ["diverged", 10],
  ]);
  // Half of 2 and 2.2's interval: 12.706 standard errors of 0.1.
  expect(ranked[1]!.result!.mean).toBeCloseTo(2.1, 9);
  expect(ranked[1]!.result!.high).toBeCloseTo(2.1 + 1.2706, 3);
});

test("the verdict tells a better trial from a lucky one", () => {
  const ranked = rankedTrials("bits", trials);
  expect(sweepVerdict(data(ranked))).toMatch(
    /^Trial 4 .* 1.500 ± 0.000, but the next, trial 2, has 2.100 ± 1.271.*cannot be told/,
  );
  const clear = [ranked[0]!, trial(6, run(0, "complete", 3), run(1, "complete", 3))];
  expect(sweepVerdict(data(clear))).toMatch(/do not overlap/);
  const single = [trial(7, run(0, "complete", 1)), trial(8, run(0, "complete", 2))];
  expect(sweepVerdict(data(single, 1))).toMatch(/With one seed no spread can be given/);
  expect(sweepVerdict(data(ranked.slice(2)))).toMatch(/none is the best/);
});

test("axes are logarithmic where the range was, and listed values stand at equal distances", () => {
  const rate = parameterAxis("rate", { min: 1e-4, max: 1, scale: "log", integer: false });
  expect(rate.name).toBe("rate (log)");
  expect(rate.at(1e-2)).toBeCloseTo(0.5, 9);
  expect(rate.ticks.map(({ text }) => text)).toEqual(["1e-4", "0.001", "0.01", "0.1", "1"]);
  const depth = parameterAxis("depth", { min: 1, max: 3, scale: "linear", integer: true });
  expect(depth.ticks).toEqual([1, 2, 3].map((n) => ({ at: (n - 1) / 2, text: `${n}` })));
  const listed = parameterAxis("width", { values: [100, 1, 10] });
  expect([1, 10, 100].map(listed.at)).toEqual([0, 0.5, 1]);
  expect(parameterAxis("arch", { values: ["b", "a"] }).ticks.map(({ text }) => text)).toEqual(["b", "a"]);
  expect(numberAxis("same", { from: 2, to: 2 }).at(2)).toBe(0.5);
});

test("the page has an axis a parameter and a line a trial, those without a result faint, and says who failed", async () => {
  const page = renderSweep(await loadPlotter(), data(rankedTrials("bits", trials)));
  const coordinates = page.slice(page.indexOf('id="coordinates"'), page.indexOf('id="ranking"'));
  for (const name of ["rate (log)", "depth", "arch", "bits per byte"]) expect(coordinates).toContain(`>${name}<`);
  expect(coordinates).toContain("&lt;5&gt;");
  // Of the two that came to their end, and of the other three.
  expect(coordinates.match(/stroke="color-mix[^"]*"/g)).toHaveLength(2);
  expect(coordinates.match(/stroke-dasharray="4 4"/g)).toHaveLength(3);
  expect(coordinates).toContain("the best, 1.500");
  expect(page.match(/<th scope="row" class="number">\d/g)).toHaveLength(5);
  expect(page).toContain("Trial 3 with seed 1 ended at step 10: gradient &quot;head&quot; is not finite.");
  expect(page).toContain("stopped or not finite");
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
  const empty = renderSweep(await loadPlotter(), data(trials.slice(4)));
  expect(empty).not.toMatch(/NaN|undefined|Infinity/);
});
