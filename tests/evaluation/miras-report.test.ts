import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine } from "../../src/array/index.ts";
import { writeMirasReport } from "../../src/evaluation/miras-report.ts";
import type { MirasReportData } from "../../src/evaluation/miras-report-data.ts";
import { loadPlotter } from "../../src/evaluation/plots.ts";
import { renderMirasReport } from "../../src/evaluation/render-miras-report.ts";

const folder = mkdtempSync(join(tmpdir(), "miras-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

let data: MirasReportData;
let page: string;
const stages: string[] = [];
beforeAll(async () => {
  const engine = await startEngine();
  const written = await writeMirasReport(join(folder, "new"), engine, {
    retention: { seeds: [0, 1], dim: 8, writes: 16 },
    outliers: { seeds: [0, 1], dim: 16, pairs: 32, passes: 2, stepSizes: [1 / 16, 1 / 2, 2] },
    onStage: (stage) => stages.push(stage),
  });
  await engine.dispose();
  ({ data } = written);
  page = readFileSync(written.report.html, "utf8");
});

describe("the page about retention and bias", () => {
  it("draws every gate, every bias and the experiment with outliers, and has a table for what it draws", () => {
    const { document } = parseHTML(page);
    for (const id of ["retention", "bias", "outliers", "method"])
      expect(document.querySelector(`section#${id} h2`), id).not.toBeNull();
    const figures = (id: string) => document.querySelectorAll(`section#${id} figure`).length;
    expect([figures("retention"), figures("bias"), figures("outliers")]).toEqual([3, 2, 1]);
    const rows = (id: string) =>
      [...document.querySelectorAll(`section#${id} tbody tr th`)].map((th) => th.textContent);
    expect(rows("retention")).toEqual(data.retention.gates.map(({ name }) => name));
    expect(rows("outliers")).toEqual(data.outliers.memories.map(({ name }) => name));
    for (const { name } of [...data.retention.gates, ...data.biases.biases]) expect(page).toContain(name);
  });

  it("states sizes, thresholds and step sizes, and what is not robust", () => {
    const text = parseHTML(page).document.querySelector("main")!.textContent!.replaceAll(/\s+/g, " ");
    for (const said of [
      "A matrix of 8 by 8, step size 0.5",
      "32 associations are written into a matrix of 16 by 16, 2 times",
      "the values of 2 of them, at random places, are multiplied by 100",
      "Huber’s delta is 0.1",
      "means over 2 seeds",
      "They can to lp, p = 3; value shift",
    ])
      expect(text).toContain(said);
  });

  it("says that a memory diverged, and never draws or writes what is not a number", async () => {
    const [l2, ...others] = data.outliers.memories;
    const diverged = { ...l2!, name: "diverging", corrupted: l2!.corrupted.map((bySeed) => bySeed.map(() => null)) };
    const outliers = { ...data.outliers, memories: [l2!, ...others, diverged] };
    const drawn = renderMirasReport(await loadPlotter(), { ...data, outliers });
    expect(drawn).toContain("diverged");
    for (const markup of [page, drawn]) expect(markup).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("is saved with its data, and tells what it does", () => {
    const saved = JSON.parse(readFileSync(join(folder, "new/miras.json"), "utf8")) as MirasReportData;
    expect(saved.outliers.options).toEqual(data.outliers.options);
    expect(saved.retention.gates.map(({ name }) => name)).toEqual(data.retention.gates.map(({ name }) => name));
    expect(stages).toContain("outliers: Yaad");
    expect(stages).toHaveLength(data.retention.gates.length + data.outliers.memories.length);
  });
});
