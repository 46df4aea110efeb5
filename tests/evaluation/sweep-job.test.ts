/** A whole sweep of tiny models: the same numbers with any number of workers, and stopped and gone on with. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { resumeSweep, type SweepEvent, type SweepHooks, sweepJob } from "../../src/evaluation/index.ts";
import { readMetrics, runFolder } from "../../src/training/index.ts";
import { CheckpointError, ConfigError } from "../../src/utils/index.ts";
import { hasNative } from "../array/native/support.ts";
import { bundleReplica } from "../training/replica-bundle.ts";

const entry = vi.hoisted(() => ({ worker: new URL("file:///nowhere/run-worker.js") }));
vi.mock("../../src/training/run-worker-entry.ts", () => ({
  get runWorkerEntry() {
    return entry.worker;
  },
}));
beforeAll(async () => {
  entry.worker = await bundleReplica("run-worker");
});

const root = mkdtempSync(join(tmpdir(), "neural-memory-sweep-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sweep = {
  base: {
    preset: "transformer-small",
    task: { name: "recall", pairs: 2, keys: 4, values: 4 },
    model: { dim: 8, layers: 1, heads: 1, memory: { chunkSize: 16 } },
    training: { steps: 4, batch: 2, length: 16, segment: 16, evaluationTokens: 64, warmupSteps: 0, clipNorm: 1e30 },
  },
  // The last one leaves the finite numbers at once.
  parameters: { "training.learningRate": [1e-3, 3e-2, 1e30] },
  stop: { at: [2], quantile: 0.6 },
};

/** All validations of all runs. */
async function validationsIn(folder: string): Promise<object[]> {
  const runs = [1, 2, 3].map((trial) => readMetrics(runFolder(join(folder, `trial-${trial}-seed-0`)).metrics));
  return (await Promise.all(runs)).map((lines) => lines.map(({ seconds: _, ...line }) => line));
}

test("the outcome depends neither on workers nor on being stopped; a run that is not finite is a result", async () => {
  const events: SweepEvent[] = [];
  const one = await sweepJob(
    { sweep, where: "a test", out: join(root, "one") },
    { workers: 1, onEvent: (event) => events.push(event) },
  );
  if (!one.finished) throw new Error("it was not stopped");
  const { trials } = one.data;
  const rungs = events.flatMap((event) => (event.kind === "rung" ? [event] : []));
  expect(rungs).toHaveLength(1);
  // Of three trials the better two go on; what diverged is the worst.
  expect(rungs[0]).toMatchObject({ step: 2, goOn: [1, 2], stopped: [3] });
  expect(new Set(trials.map(({ status }) => status))).toEqual(new Set(["complete", "diverged"]));
  expect(trials.at(-1)).toMatchObject({
    number: 3,
    status: "diverged",
    runs: [{ arrays: [expect.stringMatching(/^(weight|gradient) /)] }],
  });
  expect(trials[0]!.result!.mean).toBeLessThanOrEqual(trials[1]!.result!.mean);
  const page = readFileSync(one.report.html, "utf8");
  expect(page).toContain("training.learningRate");
  expect(JSON.parse(readFileSync(one.report.json, "utf8"))).toMatchObject({
    format: 1,
    name: "one",
    unit: "answer token",
    engine: hasNative ? "native" : "wasm",
  });

  // Stopped in the middle of a run, again after the comparison, and ended with two workers.
  const controllers = [new AbortController(), new AbortController()] as const;
  const hooksOf = (controller: AbortController, when: (event: SweepEvent) => boolean): SweepHooks => ({
    workers: 2,
    signal: controller.signal,
    onEvent: (event) => when(event) && controller.abort(),
  });
  const folder = join(root, "cut");
  const first = await sweepJob(
    { sweep, where: "a test", out: folder },
    hooksOf(controllers[0], ({ kind }) => kind === "step"),
  );
  expect(first).toEqual({ finished: false, folder });
  const second = await resumeSweep(
    folder,
    hooksOf(controllers[1], ({ kind }) => kind === "rung"),
  );
  expect(second).toEqual({ finished: false, folder });
  const cut = await resumeSweep(folder, { workers: 2 });
  if (!cut.finished) throw new Error("it was not stopped");
  expect(cut.data.trials).toEqual(trials);
  expect(await validationsIn(folder)).toEqual(await validationsIn(join(root, "one")));
});

test("nothing is written where a run could not work, and only a sweep goes on", async () => {
  const out = join(root, "wrong");
  const wrong = { ...sweep, parameters: { "training.length": [16, 17] } };
  await expect(sweepJob({ sweep: wrong, where: "a test", out })).rejects.toThrow(ConfigError);
  await expect(resumeSweep(out)).rejects.toThrow(CheckpointError);
});

test("the loss of a sweep is that of its validations, also where training counts every token", async () => {
  const task = { ...sweep.base.task, learnFrom: "everything" };
  const whole = { base: { ...sweep.base, task }, parameters: { "training.learningRate": [1e-3] } };
  const made = await sweepJob({ sweep: whole, where: "a test", out: join(root, "whole") }, { workers: 1 });
  if (!made.finished) throw new Error("it was not stopped");
  const [trial] = made.data.trials;
  const lines = await readMetrics(runFolder(join(root, "whole", "trial-1-seed-0")).metrics);
  expect(made.data.unit).toBe("answer token");
  expect(trial!.runs[0]!.validation.at(-1)!.bits).toBe(lines.at(-1)!.bitsPerAnswerToken);
});
