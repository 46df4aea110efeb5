import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { detached, key, namedLeaves, readSync, release, scope } from "../../src/array/index.ts";
import type { CompareEvent } from "../../src/evaluation/compare-job.ts";
import { loadPlotter } from "../../src/evaluation/plots.ts";
import { silentMixers } from "../../src/evaluation/row-measure.ts";
import { plannedRows, resumeRowTraining, trainRows } from "../../src/evaluation/row-training.ts";
import {
  failedChecks,
  type RowResult,
  type RowTrainingData,
  smallestGate,
  type TrainedRow,
} from "../../src/evaluation/row-training-data.ts";
import { renderRowTraining } from "../../src/evaluation/row-training-report.ts";
import { tableRowNames } from "../../src/miras/index.ts";
import { LanguageModel } from "../../src/models/index.ts";
import { CheckpointError, ConfigError } from "../../src/utils/index.ts";

const folder = mkdtempSync(join(tmpdir(), "row-training-"));
afterAll(() => rmSync(folder, { recursive: true }));

const corpus = join(folder, "text.txt");
const words = ["whale", "sea", "ship", "captain", "old", "white", "ran", "saw", "the", "a"];
const text = Array.from({ length: 3000 }, (_, i) => words[(i * i + 3 * i + Math.floor(i / 7)) % words.length]);
writeFileSync(corpus, text.join(" "));

const small = {
  corpus,
  model: { dim: 16, layers: 1 },
  training: { steps: 40, batch: 4, length: 32, segment: 16, evaluationTokens: 64, learningRate: 2e-2 },
};
const rows = ["linear-attention", "gated-deltanet", "softmax-attention"];
const options = { rows, layers: [small], where: "test" };
const budget = { validationTokens: 512 };

async function finished(job: ReturnType<typeof trainRows>): Promise<RowTrainingData> {
  const done = await job;
  if (!done.finished) throw new Error("the job did not finish");
  return done.data;
}

const trained = (row: RowResult | undefined) => row as TrainedRow;
/** What was found, without how long it took. */
const findings = ({ rows: found }: RowTrainingData) => found.map((row) => ({ ...row, secondsPerStep: 0 }));

describe("training rows", () => {
  const [whole, stopped] = [join(folder, "whole"), join(folder, "stopped")];
  const events: CompareEvent[] = [];
  let data: RowTrainingData;
  let resumed: RowTrainingData;

  beforeAll(async () => {
    data = await finished(trainRows({ ...options, out: whole }, { budget }));
    const controller = new AbortController();
    const onEvent = (event: CompareEvent) => {
      if (event.kind === "step" && event.of === "gated-deltanet" && event.step === 5) controller.abort();
    };
    const first = await trainRows({ ...options, out: stopped }, { onEvent, budget, signal: controller.signal });
    expect(first).toEqual({ finished: false, folder: stopped });
    expect(existsSync(join(stopped, "rows.html"))).toBe(false);
    resumed = await finished(resumeRowTraining(stopped, { onEvent: (event) => events.push(event), budget }));
  });

  it("shows of each row what is asked of it", () => {
    expect(data.rows.map(({ name }) => name)).toEqual(rows);
    for (const row of data.rows) {
      const { name, bitsPerByte, gainOverOrder0, withoutOutput, validation, secondsPerStep } = trained(row);
      expect(failedChecks(row), name).toEqual([]);
      expect(bitsPerByte, name).toBeLessThan(data.baselines.order0);
      expect(gainOverOrder0).toBeCloseTo(100 * (1 - bitsPerByte / data.baselines.order0), 10);
      expect(Math.abs(withoutOutput.difference), name).toBeGreaterThan(0);
      expect(validation.at(-1)!.bitsPerByte, name).toBeLessThan(validation[0]!.bitsPerByte);
      expect(secondsPerStep).toBeGreaterThan(0);
    }
    const [linear, gated, softmax] = data.rows.map(trained);
    expect(Object.keys(gated!.gates)).toEqual(["retain", "stepSize"]);
    for (const norm of Object.values(gated!.gates)) expect(norm).toBeGreaterThan(0);
    expect(smallestGate(linear!)).toBeUndefined();
    expect(linear!.withoutWrites!.difference).not.toBe(0);
    expect(softmax!.withoutWrites).toBeUndefined();
    expect(data.rows.map(({ form, exact }) => [form, exact])).toEqual([
      ["lowRank", true],
      ["triangular", true],
      ["set", true],
    ]);
  });

  it("goes on where it was stopped, keeps what was measured, and finds the same", () => {
    const steps = events.flatMap((event) => (event.kind === "step" ? [`${event.of} ${event.step}`] : []));
    expect(steps.slice(0, 2)).toEqual(["gated-deltanet 6", "gated-deltanet 7"]);
    expect(steps).not.toContainEqual(expect.stringContaining("linear-attention"));
    expect(findings(resumed)).toEqual(findings(data));
  });

  it("writes a page with a line and a curve for each row, and the data", () => {
    const page = readFileSync(join(whole, "rows.html"), "utf8");
    const { document } = parseHTML(page);
    const named = [...document.querySelectorAll("section#rows tbody th")].map((th) => th.textContent);
    expect(named).toEqual(rows);
    expect(document.querySelectorAll("section#curves figure")).toHaveLength(2);
    expect(page).toContain("none learned");
    expect(page).not.toMatch(/NaN|undefined/);
    expect((JSON.parse(readFileSync(join(whole, "rows.json"), "utf8")) as RowTrainingData).rows).toHaveLength(3);
  });

  it("reports a row that diverges, and goes on with the others", async () => {
    const wild = { ...small, model: { ...small.model, miras: { maxStepSize: 1e30 } } };
    const job = trainRows(
      { rows: ["titans-lmm", "retnet"], layers: [wild], where: "test", out: join(folder, "wild") },
      { budget },
    );
    const { rows: found } = await finished(job);
    expect(found[0]!.failure).toMatch(/training stopped at step \d+/);
    expect(failedChecks(found[0]!)).toEqual(["every number finite"]);
    expect(found[1]!.failure).toBeUndefined();
    const page = renderRowTraining(await loadPlotter(), { ...data, rows: found });
    expect(page).toContain("titans-lmm fails: every number finite");
  });

  it("says which check a row fails", () => {
    const good = trained(data.rows[1]);
    expect(failedChecks({ ...good, gainOverOrder0: -1 })).toEqual(["below order 0"]);
    expect(failedChecks({ ...good, withoutOutput: { difference: 0, standardError: 0 } })).toEqual([
      "the memory's output counts",
    ]);
    expect(failedChecks({ ...good, gates: { retain: 1, stepSize: 0 } })).toEqual(["gate gradients are not zero"]);
    expect(smallestGate({ ...good, gates: { retain: 1, stepSize: 0.5 } })).toEqual({ gate: "stepSize", norm: 0.5 });
  });

  it("refuses rows that are unknown, named twice or none, folders in use, and folders of something else", async () => {
    const refuse = (changes: object) => trainRows({ ...options, ...changes, out: join(folder, "refused") });
    await expect(refuse({ rows: ["glaa"] })).rejects.toThrow(/did you mean "gla"\?/);
    await expect(refuse({ rows: ["gla", "gla"] })).rejects.toThrow(/"gla" is named twice/);
    await expect(refuse({ rows: [] })).rejects.toThrow(/name at least one/);
    await expect(trainRows({ ...options, out: whole })).rejects.toThrow(ConfigError);
    await expect(resumeRowTraining(join(folder, "refused"))).rejects.toThrow(CheckpointError);
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });
});

it("all rows are planned by default, with the same numbers and attention over the whole window", () => {
  const runs = plannedRows({ where: "test" });
  expect(runs.map(({ name }) => name)).toEqual([...tableRowNames]);
  expect(new Set(runs.map(({ config }) => JSON.stringify(config.training))).size).toBe(1);
  for (const { name, config } of runs) {
    expect(config.model).toMatchObject({ architecture: `miras:${name}`, window: config.training.length });
    expect(config.training.steps).toBe(100);
  }
});

it("silent mixers have output projections of zero, everything else as it was", () => {
  const model = new LanguageModel({ architecture: "miras:gla", dim: 8, layers: 2, heads: 2 });
  const params = detached(() => scope(() => model.init(key(0))));
  const silent = silentMixers(params);
  const before = namedLeaves(params);
  for (const [path, leaf] of namedLeaves(silent)) {
    const isOutput = /^blocks\.\d\.mixer\.output$/.test(path);
    expect([...readSync(leaf)], path).toEqual([...readSync(before.get(path)!)].map((x) => (isOutput ? 0 : x)));
  }
  release(params, silent);
});
