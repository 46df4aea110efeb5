import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompareEvent } from "../../src/evaluation/compare-job.ts";
import {
  compareOptimizers,
  plannedOptimizers,
  resumeOptimizerComparison,
} from "../../src/evaluation/optimizer-comparison.ts";
import type { OptimizerComparisonData } from "../../src/evaluation/optimizer-comparison-data.ts";
import { optimizerNames, optimizers } from "../../src/optim/index.ts";
import { CheckpointError, ConfigError } from "../../src/utils/index.ts";

const folder = mkdtempSync(join(tmpdir(), "optimizer-comparison-"));
afterAll(() => rmSync(folder, { recursive: true }));

const corpus = join(folder, "text.txt");
const words = ["whale", "sea", "ship", "captain", "old", "white", "ran", "saw", "the", "a"];
const text = Array.from({ length: 2000 }, (_, i) => words[(i * i + 3 * i + Math.floor(i / 7)) % words.length]);
writeFileSync(corpus, text.join(" "));

const small = {
  preset: "lmm-tiny",
  corpus,
  engine: "wasm",
  model: { dim: 16 },
  training: { steps: 2, length: 32, evaluationTokens: 64 },
};
const options = { optimizers: ["momentum", "adamw"] as const, seeds: 2, layers: [small], where: "test" };
const budget = { validationTokens: 128 };

async function finished(job: ReturnType<typeof compareOptimizers>): Promise<OptimizerComparisonData> {
  const done = await job;
  if (!done.finished) throw new Error("the job did not finish");
  return done.data;
}

const runsOf = ({ trainings }: OptimizerComparisonData) => trainings!.runs;
/** What was found, without how long it took. */
const findings = (data: OptimizerComparisonData) => runsOf(data).map((run) => ({ ...run, secondsPerStep: 0 }));

describe("comparing optimisers", () => {
  const [whole, stopped] = [join(folder, "whole"), join(folder, "stopped")];
  const events: CompareEvent[] = [];
  let data: OptimizerComparisonData;
  let resumed: OptimizerComparisonData;

  beforeAll(async () => {
    data = await finished(compareOptimizers({ ...options, out: whole }, { budget }));
    const controller = new AbortController();
    const onEvent = (event: CompareEvent) => {
      if (event.kind === "step" && event.of === "momentum-1" && event.step === 1) controller.abort();
    };
    const first = await compareOptimizers({ ...options, out: stopped }, { onEvent, budget, signal: controller.signal });
    expect(first).toEqual({ finished: false, folder: stopped });
    expect(existsSync(join(stopped, "optimizers.html"))).toBe(false);
    resumed = await finished(resumeOptimizerComparison(stopped, { onEvent: (event) => events.push(event), budget }));
  });

  it("keeps of every training its curves, score, learning rate, and what the optimiser holds", () => {
    expect(data).toMatchObject({ optimizers: options.optimizers, trainings: { seeds: 2, steps: 2, bytesRead: 128 } });
    expect(
      runsOf(data).map(({ optimizer, seed, learningRate, rateFrom }) => [optimizer, seed, learningRate, rateFrom]),
    ).toEqual(
      options.optimizers.flatMap((name) =>
        [0, 1].map((seed) => [name, seed, optimizers[name].learningRate, "optimizer"]),
      ),
    );
    for (const run of runsOf(data)) {
      expect(run.failure).toBeUndefined();
      expect(run.training.map(({ step }) => step)).toEqual([1, 2]);
      expect(run.validation.map(({ step }) => step)).toEqual([1, 2]);
      // One moment or two, and the count of steps.
      const moments = run.optimizer === "momentum" ? 1 : 2;
      expect(run.statePerParameter).toBeCloseTo(moments + 1 / run.parameters, 10);
      expect(run.secondsPerStep).toBeGreaterThan(0);
    }
    const [first, second, third] = runsOf(data);
    expect(first!.training[0]!.bitsPerByte).not.toBe(second!.training[0]!.bitsPerByte);
    expect(first!.training[0]!.bitsPerByte).toBe(third!.training[0]!.bitsPerByte);
  });

  it("goes on where it was stopped, keeps what was measured, and finds the same", () => {
    const steps = events.flatMap((event) => (event.kind === "step" ? [`${event.of} ${event.step}`] : []));
    expect(steps).toEqual(["momentum-1 2", "adamw-0 1", "adamw-0 2", "adamw-1 1", "adamw-1 2"]);
    expect(findings(resumed)).toEqual(findings(data));
  });

  it("writes a page with a line of the table for each optimiser, and the data", () => {
    const page = readFileSync(join(whole, "optimizers.html"), "utf8");
    const { document } = parseHTML(page);
    const named = [...document.querySelectorAll("section#ranking tbody th")].map((th) => th.textContent.trim());
    expect(named.toSorted()).toEqual(["adamw", "momentum"]);
    expect(page).not.toMatch(/NaN|undefined/);
    expect(JSON.parse(readFileSync(join(whole, "optimizers.json"), "utf8")).trainings.runs).toHaveLength(4);
  });

  it("reports a training that diverges with its step and array, and goes on with the others", async () => {
    const wild = { ...small, training: { ...small.training, steps: 3, learningRate: 1e30, warmupSteps: 0 } };
    const job = compareOptimizers(
      { optimizers: ["sgd", "adagrad"], seeds: 1, layers: [wild], where: "test", out: join(folder, "wild") },
      { budget },
    );
    const found = runsOf(await finished(job));
    expect(found).toHaveLength(2);
    for (const { failure, rateFrom } of found) {
      expect(failure!.step).toBeGreaterThan(0);
      expect(failure!.arrays[0]).toMatch(/^(weight|gradient) ".+"$/);
      expect(rateFrom).toBe("given");
    }
    const page = readFileSync(join(folder, "wild", "optimizers.html"), "utf8");
    expect(page).toMatch(/sgd with seed 0 stopped at step \d: /);
  });

  it("refuses optimisers that are unknown, named twice or none, folders in use, and folders of something else", async () => {
    const refuse = (changes: object) => compareOptimizers({ ...options, ...changes, out: join(folder, "refused") });
    await expect(refuse({ optimizers: ["adanw"] })).rejects.toThrow(/did you mean "adamw"\?/);
    await expect(refuse({ optimizers: ["sgd", "sgd"] })).rejects.toThrow(/"sgd" is named twice/);
    await expect(refuse({ optimizers: [] })).rejects.toThrow(/name at least one/);
    await expect(compareOptimizers({ ...options, out: whole })).rejects.toThrow(ConfigError);
    await expect(resumeOptimizerComparison(join(folder, "refused"))).rejects.toThrow(CheckpointError);
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });
});

it("all optimisers are planned by default, three times, and differ in optimiser, rate and seed only", () => {
  const runs = plannedOptimizers({ where: "test" });
  expect(runs.map(({ name }) => name)).toEqual(optimizerNames.flatMap((name) => [0, 1, 2].map((n) => `${name}-${n}`)));
  const others = runs.map(({ config: { training, ...rest } }) => ({
    ...rest,
    training: { ...training, optimizer: 0, learningRate: 0, seed: 0 },
  }));
  expect(new Set(others.map((config) => JSON.stringify(config))).size).toBe(1);
  expect(runs[0]!.config).toMatchObject({ preset: "mac-small", training: { steps: 100, evaluateEvery: 10 } });
});
