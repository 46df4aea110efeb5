import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, expect, test } from "vitest";
import { resumeMainJob, writeTaskReport } from "../../src/evaluation/index.ts";
import { readMetrics, startRun, trainRun } from "../../src/training/index.ts";

const folder = mkdtempSync(join(tmpdir(), "task-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the report of a run on a task says its numbers, their unit, and the task", async () => {
  const out = join(folder, "run");
  const layer = {
    preset: "lmm-tiny",
    engine: "wasm",
    task: { name: "passkey", digits: 2 },
    training: { steps: 2, batch: 2, length: 32, evaluateEvery: 1, evaluationTokens: 128 },
  };
  await trainRun(await startRun({ layers: [layer], where: "test", out }));
  const paths = await writeTaskReport(out);
  const { document } = parseHTML(readFileSync(paths.html, "utf8"));
  const text = document.body.textContent!.replaceAll(/\s+/g, " ");
  const last = (await readMetrics(join(out, "metrics.jsonl"))).at(-1)!;
  expect(text).toContain(`${last.bitsPerAnswerToken!.toFixed(3)}bits per answer token; guessing costs 3.322`);
  expect(text).toMatch(/After 2 of 2 steps, titans-lmm .* of 4 questions rightly, in rows of 32 tokens/);
  expect(document.querySelectorAll("#learning figure")).toHaveLength(2);
  expect(document.querySelectorAll("#learning svg[aria-label]")).toHaveLength(4);
  expect(document.querySelectorAll("#task pre strong")).toHaveLength(2);
  expect(text).not.toContain("bits per byte");
  expect(JSON.parse(readFileSync(paths.json, "utf8"))).toMatchObject({
    format: 1,
    validation: [{ step: 1 }, { step: 2 }],
  });
  await expect(resumeMainJob(out)).rejects.toThrow(/needs a text, and the run is on the task "passkey"/);
});

test("where all tokens are trained on, losses of steps are not drawn among those of answers", async () => {
  const out = join(folder, "whole");
  const layer = {
    preset: "lmm-tiny",
    engine: "wasm",
    task: { name: "recall", pairs: 2, queries: 2, learnFrom: "everything" },
    training: { steps: 2, batch: 2, length: 32, evaluateEvery: 1, evaluationTokens: 128 },
  };
  await trainRun(await startRun({ layers: [layer], where: "test", out }));
  const { html, json } = await writeTaskReport(out);
  expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
    learning: [],
    validation: [{ step: 1 }, { step: 2 }],
  });
  const text = parseHTML(readFileSync(html, "utf8")).document.body.textContent!.replaceAll(/\s+/g, " ");
  expect(text).toContain("Training counts every token, so its losses are not drawn here");
  expect(text).not.toContain("training rows, every step");
});
