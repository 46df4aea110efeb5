import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ngramBaselines, splits, textSource } from "../../src/data/index.ts";
import { type CompareEvent, compareJob, resumeCompareJob } from "../../src/evaluation/compare-job.ts";
import { plannedRuns } from "../../src/evaluation/compare-plan.ts";
import type { CompareData } from "../../src/evaluation/index.ts";
import { comparedPresets, defaultPreset, presets } from "../../src/models/index.ts";
import { startRun, trainRun } from "../../src/training/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/utils/index.ts";

const folder = mkdtempSync(join(tmpdir(), "compare-job-"));
afterAll(() => rmSync(folder, { recursive: true }));

const corpus = join(folder, "text.txt");
const words = ["whale", "sea", "ship", "captain", "old", "white", "ran", "saw", "the", "a", "—"];
const text = Array.from({ length: 3000 }, (_, i) => words[(i * i + 3 * i + Math.floor(i / 7)) % words.length]).join(
  " ",
);
writeFileSync(corpus, text);

const chosen = ["lmm-tiny", "transformer-small"];
const STEPS = 8;
const small = {
  corpus,
  engine: "wasm",
  model: { dim: 16, layers: 1 },
  training: { steps: STEPS, batch: 2, length: 64, segment: 32, evaluationTokens: 128, seed: 3 },
};
const options = { presets: chosen, layers: [small], where: "test" };
const budget = { validationTokens: 1024 };

/** What a run came to: the bytes of its last checkpoint, and its metrics without how long things took. */
function result(run: string) {
  const checkpoint = join(run, "checkpoints", readFileSync(join(run, "checkpoints/latest"), "utf8").trim());
  const bytes = (name: string) => readFileSync(join(checkpoint, name)).toString("base64");
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
  return {
    model: bytes("model.safetensors"),
    optimizer: bytes("optimizer.safetensors"),
    metrics: lines.map((line) => ({ ...JSON.parse(line), seconds: 0 })),
  };
}

/** What was found, without how long it took. */
function findings({ models, durations, name, ...others }: CompareData) {
  return { ...others, models: models.map((model) => ({ ...model, secondsPerStep: 0 })) };
}

async function finished(job: ReturnType<typeof compareJob>): Promise<CompareData> {
  const done = await job;
  if (!done.finished) throw new Error("the comparison did not finish");
  return done.data;
}

/** The comparison in one go, and the same one stopped in step 3 of its second model and gone on with. */
describe("compareJob", () => {
  const [whole, stopped] = [join(folder, "whole"), join(folder, "stopped")];
  const events: CompareEvent[] = [];
  let data: CompareData;
  let resumed: CompareData;

  beforeAll(async () => {
    data = await finished(compareJob({ ...options, out: whole }, { budget }));
    const controller = new AbortController();
    const onEvent = (event: CompareEvent) => {
      if (event.kind === "step" && event.of === "transformer-small" && event.step === 3) controller.abort();
    };
    const first = await compareJob({ ...options, out: stopped }, { onEvent, budget, signal: controller.signal });
    expect(first).toEqual({ finished: false, folder: stopped });
    expect(existsSync(join(stopped, "compare.html"))).toBe(false);
    resumed = await finished(resumeCompareJob(stopped, { onEvent: (event) => events.push(event), budget }));
  });

  it("leaves a report, its data, and a whole run for each model in a folder of its own", () => {
    expect(readdirSync(whole).sort()).toEqual(["compare.html", "compare.json", "config.json", ...chosen].sort());
    for (const name of chosen) {
      expect(readdirSync(join(whole, name)).sort()).toEqual(["checkpoints", "config.json", "metrics.jsonl"]);
    }
    const written = JSON.parse(readFileSync(join(whole, "compare.json"), "utf8")) as CompareData;
    expect(written.models.map(({ name }) => name)).toEqual(chosen);
    expect(written.models[0]!.final.bitsPerByte).toBeCloseTo(data.models[0]!.final.bitsPerByte, 5);
    const html = readFileSync(join(whole, "compare.html"), "utf8");
    for (const name of chosen) expect(html).toContain(name);
  });

  it("trains each model as the training command would: the same checkpoint, bit for bit", async () => {
    const { config } = data.models[0]!;
    const alone = join(folder, "alone");
    await trainRun(await startRun({ layers: [config], where: "test", out: alone }));
    expect(result(join(whole, "lmm-tiny"))).toEqual(result(alone));
  });

  it("goes on exactly where it was stopped: the same weights, metrics and findings", () => {
    for (const name of chosen) expect(result(join(stopped, name)), name).toEqual(result(join(whole, name)));
    expect(findings(resumed)).toEqual(findings(data));
  });

  it("does not train again what was trained, and every other step once", () => {
    const steps = events.flatMap((event) => (event.kind === "step" ? [`${event.of} ${event.step}`] : []));
    expect(steps).toEqual([4, 5, 6, 7, 8].map((step) => `transformer-small ${step}`));
    const stages = events.flatMap((event) => (event.kind === "stage" ? [event.stage] : []));
    expect(stages).toEqual([
      "counting bytes for the baselines",
      "measuring lmm-tiny",
      "training transformer-small",
      "measuring transformer-small",
    ]);
  });

  it("measures all models on the same windows, against the counting models of the same split", () => {
    const { train, validation } = splits(textSource(text), { validation: 0.1 });
    expect(data.baselines).toEqual(ngramBaselines(train, validation));
    for (const { final, gainOverOrder0, validation: curve, training, secondsPerStep, parameters } of data.models) {
      expect([final.bytes, final.windows, final.length]).toEqual([1024, 16, 64]);
      expect(gainOverOrder0).toBeCloseTo(100 * (1 - final.bitsPerByte / data.baselines.order0), 10);
      expect(curve.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(training).toHaveLength(STEPS);
      expect(curve.at(-1)!.bitsPerByte).toBeLessThan(curve[0]!.bitsPerByte);
      expect(secondsPerStep).toBeGreaterThan(0);
      expect(parameters).toBeGreaterThan(0);
    }
    const [best, other] = [...data.models].sort((a, b) => a.final.bitsPerByte - b.final.bitsPerByte);
    expect(best!.againstBest).toBeUndefined();
    expect(other!.againstBest!.difference).toBeCloseTo(other!.final.bitsPerByte - best!.final.bitsPerByte, 10);
    expect(data.bytesRead).toBe(STEPS * 2 * 64);
  });

  it("never writes over a comparison or a run", async () => {
    const before = readFileSync(join(whole, "compare.json"), "utf8");
    await expect(compareJob({ ...options, out: whole })).rejects.toThrow(/already holds a run; go on with --resume/);
    await expect(compareJob({ ...options, out: join(whole, "lmm-tiny") })).rejects.toThrow(ConfigError);
    expect(readFileSync(join(whole, "compare.json"), "utf8")).toBe(before);
  });
});

describe("plannedRuns", () => {
  const trainingOf = (names: readonly string[], layers: readonly object[] = []) =>
    plannedRuns({ presets: names, layers: layers as Record<string, unknown>[], where: "test" }).map(
      ({ config }) => config.training,
    );

  it("gives all models the first one's steps and windows, and leaves each its own learning rate and segments", () => {
    const [tiny, transformer] = trainingOf(["lmm-tiny", "transformer-small"]);
    const budgetOf = ({ steps, batch, length, evaluateEvery, seed }: NonNullable<typeof tiny>) => [
      steps,
      batch,
      length,
      evaluateEvery,
      seed,
    ];
    expect(budgetOf(tiny!)).toEqual([20, 2, 64, 2, 0]);
    expect(budgetOf(transformer!)).toEqual(budgetOf(tiny!));
    const own = ({ training }: (typeof presets)[string]) => [training.learningRate, training.segment];
    expect([tiny!.learningRate, tiny!.segment]).toEqual(own(presets["lmm-tiny"]!));
    expect([transformer!.learningRate, transformer!.segment]).toEqual(own(presets["transformer-small"]!));
  });

  it("lets changes decide for all of them", () => {
    const changed = { training: { steps: 200, seed: 7, evaluateEvery: 50 } };
    for (const training of trainingOf(["lmm-small", "transformer-small"], [changed])) {
      expect(training).toMatchObject(changed.training);
    }
  });

  it("compares every small model by default, but for the one that is trained longer", () => {
    const names = plannedRuns({ where: "test" }).map(({ name }) => name);
    expect(names).toEqual([...comparedPresets]);
    expect(names).toEqual(Object.keys(presets).filter((name) => name.endsWith("-small") && name !== defaultPreset));
  });
});

describe("a comparison refuses, before anything is written,", () => {
  const refused = join(folder, "refused");
  const refuse = (changes: object) => compareJob({ ...options, ...changes, out: refused });
  const withText = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return { layers: [{ ...small, corpus: join(folder, name) }] };
  };

  it("presets that are unknown, named twice, or none", async () => {
    await expect(refuse({ presets: ["lmm-tinny"] })).rejects.toThrow(/did you mean "lmm-tiny"\?/);
    await expect(refuse({ presets: ["lmm-tiny", "lmm-tiny"] })).rejects.toThrow(/"lmm-tiny" is named twice/);
    await expect(refuse({ presets: [] })).rejects.toThrow(/name at least one/);
    expect(existsSync(refused)).toBe(false);
  });

  it("texts that cannot be read twice, counted, or are too short; a model that does not fit its training", async () => {
    await expect(refuse({ layers: [{ ...small, corpus: "-" }] })).rejects.toThrow(/standard input can be read once/);
    await expect(refuse({ layers: [{ ...small, tokenizer: "t.json" }] })).rejects.toThrow(/use the tokenizer "bytes"/);
    await expect(refuse(withText("short.txt", text.slice(0, 1100)))).rejects.toThrow(DataError);
    await expect(refuse({ layers: [small, { training: { segment: 16 } }] })).rejects.toThrow(
      /training.segment is 16, but the model reads 32 tokens at a time/,
    );
    expect(existsSync(refused)).toBe(false);
  });

  it("to go on where there is no comparison, or its plan is damaged", async () => {
    await expect(resumeCompareJob(refused)).rejects.toThrow(CheckpointError);
    await expect(resumeCompareJob(join(folder, "whole", "lmm-tiny"))).rejects.toThrow(/there is no comparison in/);
    const damaged = join(folder, "damaged");
    mkdirSync(damaged);
    writeFileSync(join(damaged, "config.json"), '{ "runs": [');
    await expect(resumeCompareJob(damaged)).rejects.toThrow(/is not JSON; start a new comparison/);
    writeFileSync(join(damaged, "config.json"), '{ "format": 1, "runs": [] }');
    await expect(resumeCompareJob(damaged)).rejects.toThrow(ConfigError);
  });
});
