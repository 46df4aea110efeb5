/** Parts that are stopped and go on, that diverge, and that were made with other settings. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Arm, defineExperiment, type ReproduceEvent, reproduce } from "../../src/evaluation/index.ts";
import { checkSettings, type FoundPart, foundOf, partsOf } from "../../src/evaluation/reproduction/part.ts";
import { secondsLeft } from "../../src/evaluation/reproduction/seconds-left.ts";
import { trainMissing } from "../../src/evaluation/reproduction/train-missing.ts";
import { ConfigError } from "../../src/utils/index.ts";

const root = mkdtempSync(join(tmpdir(), "reproduce-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const training = {
  steps: 3,
  batch: 2,
  length: 32,
  segment: 16,
  evaluationTokens: 64,
  warmupSteps: 0,
  learningRate: 0.01,
};
const layer = {
  preset: "lmm-tiny",
  model: { dim: 8, layers: 1, heads: 1 },
  task: { name: "passkey", digits: 2 },
  training,
};
const measures: Arm["measures"] = [{ kind: "task", lengths: [32, 64], rows: 2 }];
const arms: readonly Arm[] = [
  { name: "written", label: "written", layer, measures },
  { name: "unwritten", label: "unwritten", layer, measures, withoutWrites: true, seeds: 1 },
];
const small = (own: readonly Arm[]) =>
  defineExperiment({
    name: "small",
    paper: "Titans",
    title: "Small",
    claim: "A claim.",
    attempts: [],
    full: own,
    smoke: own,
    design: (given) => ({
      setting: "",
      rule: "",
      arms: given,
      figures: [],
      judge: () => ({ verdict: "reproduced", because: "." }),
    }),
  }).of("smoke");
const parts = (folder: string, own = arms, seeds = 2) => partsOf(small(own), { seeds, folder: join(root, folder) });
const comparable = (found: FoundPart | undefined) => ({ ...found, seconds: null });

test("interrupted and resumed parts give the numbers of those that were not, and nothing is trained twice", async () => {
  const whole = parts("whole");
  expect(whole.map(({ arm, seed }) => `${arm}-${seed}`)).toEqual(["written-0", "unwritten-0", "written-1"]);
  await trainMissing(whole, 1, {});

  const stopped = parts("stopped");
  const steps: string[] = [];
  for (const stop of ["small/written-0 2", "small/written-1 1", ""]) {
    const controller = new AbortController();
    const onEvent = (event: ReproduceEvent) => {
      if (event.kind !== "step") return;
      steps.push(`${event.of} ${event.step}`);
      if (steps.at(-1) === stop) controller.abort();
    };
    await trainMissing(stopped, 1, { onEvent, signal: controller.signal });
  }
  expect(steps).toEqual(
    ["written-0", "unwritten-0", "written-1"].flatMap((of) => [1, 2, 3].map((n) => `small/${of} ${n}`)),
  );
  for (const [i, part] of whole.entries()) expect(comparable(foundOf(stopped[i]!))).toEqual(comparable(foundOf(part)));

  const [written, unwritten] = whole.map((part) => foundOf(part)!);
  expect(written!.metrics["writes@32"]).toBeGreaterThan(0);
  expect(unwritten!.metrics["writes@32"]).toBe(0);
  expect(Object.keys(written!.metrics)).toEqual(
    expect.arrayContaining([
      "chance",
      "validation",
      ...["accuracy", "on", "off", "shuffled", "frozen"].map((m) => `${m}@64`),
    ]),
  );
  expect(written!.metrics.chance).toBe(0.1);
  expect(written!.ran.threads).toBe(1);
});

test("the time left is that of the parts that are missing, judged by those of their arm", async () => {
  const [first, second, third] = parts("whole");
  const seconds = (part = first!) => foundOf(part)!.seconds.training + foundOf(part)!.seconds.measuring;
  expect(secondsLeft([first!, second!])).toBe(0);
  const more = parts("whole", arms, 3);
  expect(secondsLeft(more)).toBeCloseTo((seconds(first) + seconds(third)) / 2, 10);
  expect(secondsLeft(parts("nothing"))).toBeUndefined();
});

test("a part that was trained otherwise is refused with what differs, and its numbers are not used", () => {
  const longer = [{ ...arms[0]!, layer: { ...layer, training: { ...training, steps: 4 } } }];
  const [changed] = parts("whole", longer);
  expect(() => checkSettings(changed!)).toThrow(ConfigError);
  expect(() => checkSettings(changed!)).toThrow(
    /written-0 was made with other settings .*: training.steps is 3 there, 4 now/,
  );
  expect(foundOf(changed!)).toBeUndefined();
});

test("a part that is to be measured otherwise is measured anew, and not trained", async () => {
  const [before] = parts("whole");
  const trained = foundOf(before!)!;
  const [part] = parts("whole", [{ ...arms[0]!, measures: [{ kind: "task", lengths: [32], rows: 4 }] }]);
  expect(foundOf(part!)).toBeUndefined();
  const steps: unknown[] = [];
  await trainMissing([part!], 1, { onEvent: (event) => event.kind === "step" && steps.push(event) });
  expect(steps).toEqual([]);
  const found = foundOf(part!)!;
  expect(found.details.tasks.map(({ rows, length }) => [rows, length])).toEqual([[4, 32]]);
  expect(found.validation).toEqual(trained.validation);
  expect(found.seconds.training).toBe(trained.seconds.training);
});

test("a part that meets a number that is not finite is a finding, and the others go on", async () => {
  const wild = { ...arms[0]!, name: "wild", layer: { ...layer, training: { ...training, learningRate: 1e30 } } };
  const both = parts("wild", [wild, arms[1]!], 1);
  await trainMissing(both, 1, {});
  const [diverged, fine] = both.map((part) => foundOf(part)!);
  expect(diverged).toMatchObject({ metrics: {}, failure: { step: expect.any(Number) } });
  expect(diverged!.failure!.arrays[0]).toMatch(/^(weight|gradient) ".+"$/);
  expect(fine!.failure).toBeUndefined();
});

test("bits per byte of a text are measured at each length, of models that learn while they read and of stacked ones too", async () => {
  const text = { ...layer, task: undefined, corpus: "moby-dick" };
  const onText: Arm["measures"] = [{ kind: "text", lengths: [32, 64], tokens: 128 }];
  const stacked = (as: string, stepSize: number) => ({ ...onText[0]!, as, stacked: { periods: [16], stepSize } });
  const hope = {
    ...text,
    preset: "hope-small",
    model: { ...layer.model, selfModifying: { chunkSize: 16, projectionChunkSize: 16 }, continuum: { periods: [16] } },
  };
  const own = [
    { ...arms[0]!, layer: text, measures: [...onText, stacked("still", 0), stacked("learning", 0.01)] },
    { ...arms[0]!, name: "hope", layer: hope, measures: onText },
  ];
  const two = parts("text", own, 1);
  await trainMissing(two, 1, {});
  for (const part of two) {
    const { metrics } = foundOf(part)!;
    for (const length of [32, 64]) expect(metrics[`bits@${length}`]).toBeGreaterThan(4);
    expect(metrics["bits@32"]).toBeLessThan(9);
  }
  const { metrics } = foundOf(two[0]!)!;
  expect(metrics["writes@32"]).toBeGreaterThan(0);
  expect(metrics["still.bits@64"]).toBeCloseTo(metrics["bits@64"]!, 4);
  expect(metrics["learning.bits@64"]).not.toBeCloseTo(metrics["bits@64"]!, 3);
});

test("two arms of one name, two metrics of one name and names that are unknown or given twice are refused", async () => {
  expect(() => parts("refused", [arms[0]!, arms[0]!])).toThrow(/two arms "written"/);
  const twice = parts("twice", [{ ...arms[0]!, measures: [...measures, ...measures] }], 1);
  await expect(trainMissing(twice, 1, {})).rejects.toThrow(/accuracy@32 is measured twice/);
  const job = { size: "smoke", out: join(root, "refused"), command: "", version: "" } as const;
  await expect(reproduce({ ...job, names: ["needle-lenght"] })).rejects.toThrow(/did you mean "needle-length"/);
  await expect(reproduce({ ...job, names: ["needle-length", "needle-length"] })).rejects.toThrow(/named twice/);
  expect(existsSync(job.out)).toBe(false);
});
