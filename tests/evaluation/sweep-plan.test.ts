/** What a sweep file comes to: which trials, with which numbers, and what is said of a wrong one. */
import { expect, test } from "vitest";
import { planSweep, sweepChoices } from "../../src/evaluation/sweep-plan.ts";
import { sweepSettings } from "../../src/evaluation/sweep-settings.ts";
import { ConfigError } from "../../src/utils/index.ts";

const settings = (written: object) => sweepSettings(written, "sweep.yaml");

test("a grid has all combinations, the last parameter changing fastest", () => {
  const parameters = { "training.learningRate": [1, 2], arch: { values: ["a", "b"] } };
  expect(sweepChoices(settings({ parameters }))).toEqual([
    { "training.learningRate": 1, arch: "a" },
    { "training.learningRate": 1, arch: "b" },
    { "training.learningRate": 2, arch: "a" },
    { "training.learningRate": 2, arch: "b" },
  ]);
});

test("a random search is a function of its seed, and more trials leave the first ones as they are", () => {
  const parameters = {
    rate: { min: 1e-4, max: 1, scale: "log" },
    share: { min: 2, max: 4 },
    depth: { min: 1, max: 3, integer: true },
    name: ["a", "b"],
  };
  const draw = (trials: number, seed = 0) => sweepChoices(settings({ search: "random", parameters, trials, seed }));
  const many = draw(400);
  expect(draw(400)).toEqual(many);
  expect(draw(5)).toEqual(many.slice(0, 5));
  expect(draw(400, 1)).not.toEqual(many);
  const of = (key: string) => many.map((choice) => choice[key] as number);
  const shareOf = (key: string, holds: (value: number) => boolean) => of(key).filter(holds).length / many.length;
  // Half of a logarithmic range lies below the geometric mean of its ends, half of a linear one below their mean.
  expect(shareOf("rate", (value) => value < 1e-2)).toBeCloseTo(0.5, 1);
  expect(shareOf("share", (value) => value < 3)).toBeCloseTo(0.5, 1);
  for (const depth of [1, 2, 3]) expect(shareOf("depth", (value) => value === depth)).toBeCloseTo(1 / 3, 1);
  expect(Math.min(...of("rate"))).toBeGreaterThanOrEqual(1e-4);
  expect(Math.max(...of("share"))).toBeLessThanOrEqual(4);
  expect(new Set(of("name"))).toEqual(new Set(["a", "b"]));
});

const base = {
  preset: "lmm-tiny",
  arch: "titans-lmm",
  task: "recall",
  model: { dim: 16 },
  training: { steps: 20, length: 64 },
};
const rates = { "training.learningRate": [1e-3, 1e-2] };

test("each trial has a run for every seed, with the whole configuration of a run on its task", async () => {
  const sweep = { base, parameters: { ...rates, "task.pairs": [2] }, seeds: 2, stop: { at: [4, 12] } };
  const { trials } = await planSweep(sweep, "sweep.yaml");
  expect(trials.map(({ runs }) => runs.map(({ name }) => name))).toEqual([
    ["trial-1-seed-0", "trial-1-seed-1"],
    ["trial-2-seed-0", "trial-2-seed-1"],
  ]);
  const { config } = trials[1]!.runs[1]!;
  expect(config.training).toMatchObject({ learningRate: 1e-2, seed: 1, evaluateEvery: 2 });
  expect(config.task).toMatchObject({ name: "recall", pairs: 2 });
  // As many tokens as the task has symbols: a blank, 32 keys and 31 values.
  expect(config.model).toMatchObject({ architecture: "titans-lmm", dim: 16, vocabularySize: 64 });
});

test.each<[object, string]>([
  [{ parameters: {} }, "sweep.yaml: parameters has no keys"],
  [{ parameter: rates }, 'unknown key "parameter"; did you mean "parameters"?'],
  [{ parameters: rates, metric: "bit" }, 'did you mean "bits"?'],
  [
    { parameters: { "training.learningRat": [1] } },
    'trial 1 (training.learningRat=1): unknown key "learningRat" in training; did you mean "learningRate"?',
  ],
  [
    { parameters: { "training.learningRate": { mim: 1, max: 2 } }, search: "random", trials: 1 },
    'unknown key "mim" in parameters.training.learningRate; did you mean "min"?',
  ],
  [{ parameters: { "training.learningRate": ["fast"] } }, 'training.learningRate must be a number, not "fast"'],
  [{ parameters: { depth: { min: 1, max: 2 } } }, "parameters.depth is a range, which search: grid cannot list"],
  [
    { parameters: { depth: { min: 0, max: 2, scale: "log" } }, search: "random", trials: 1 },
    "scale: log needs a min above 0",
  ],
  [{ parameters: { depth: { min: 2, max: 2 } }, search: "random", trials: 1 }, "min must be less than max"],
  [
    { parameters: { depth: { min: 0.5, max: 2, integer: true } }, search: "random", trials: 1 },
    "integer: true needs whole numbers",
  ],
  [{ parameters: { depth: { min: 1 } }, search: "random", trials: 1 }, "parameters.depth needs values, or min and max"],
  [{ parameters: { depth: { values: [1], max: 2 } } }, "parameters.depth has values and a range"],
  [{ parameters: rates, search: "random" }, "search: random needs trials"],
  [{ parameters: rates, trials: 3 }, "trials is for search: random"],
  [{ parameters: { "training.seed": [1] } }, "training.seed is set by seeds"],
  [{ parameters: { task: ["recall"], "task.pairs": [2] } }, "task and an entry inside it are both parameters"],
  [{ parameters: rates, stop: { at: [10, 10] } }, "stop.at must list steps from the smallest to the largest"],
  [{ parameters: rates, stop: { at: [20] } }, "stop.at names step 20, but the run has 20 steps"],
  [{ parameters: { "training.evaluateEvery": [4] }, stop: { at: [6] } }, "training.evaluateEvery (4) must divide it"],
  [{ parameters: { "training.segment": [24] } }, "length must be a whole multiple of segment"],
  [
    { base: { preset: "lmm-tiny" }, parameters: rates, metric: "answerAccuracy" },
    "metric: answerAccuracy is for tasks",
  ],
])("%j is refused in a sentence", async (written, sentence) => {
  const plan = planSweep({ base, ...written }, "sweep.yaml");
  await expect(plan).rejects.toThrow(ConfigError);
  await expect(plan).rejects.toThrow(sentence);
});
