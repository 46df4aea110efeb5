/** Runs that train side by side: the same bits however many there are at a time, and however often they are stopped. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  newRunConfig,
  type PoolEvent,
  type PoolOptions,
  type PoolRun,
  RunPool,
  readMetrics,
  runFolder,
} from "../../src/training/index.ts";
import { NeuralMemoryError } from "../../src/utils/index.ts";
import { bundleReplica } from "./replica-bundle.ts";

const entry = vi.hoisted(() => ({ worker: new URL("file:///nowhere/run-worker.js") }));
vi.mock("../../src/training/run-worker-entry.ts", () => ({
  get runWorkerEntry() {
    return entry.worker;
  },
}));
let bundled: URL;
beforeAll(async () => {
  bundled = await bundleReplica("run-worker");
  entry.worker = bundled;
});

const root = mkdtempSync(join(tmpdir(), "neural-memory-pool-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const training = { steps: 4, batch: 2, length: 16, segment: 16, evaluateEvery: 2, evaluationTokens: 32 };
const model = { dim: 8, layers: 1, heads: 1, memory: { chunkSize: 16 } };

/** Runs on a small task, one a seed. */
function runsIn(folder: string, seeds: readonly number[], more: object = {}): PoolRun[] {
  return seeds.map((seed) => {
    const layers = [
      { preset: "transformer-small", task: { name: "recall", pairs: 2, keys: 4, values: 4 }, model },
      { training: { ...training, checkpointEvery: 100, seed, ...more } },
    ];
    return { name: `seed ${seed}`, folder: join(root, folder, `${seed}`), config: newRunConfig(layers, "a test") };
  });
}

/** All that a run did, but for how long it took, and its last weights. */
async function contentsOf({ folder }: PoolRun): Promise<readonly [metrics: object[], weights: string]> {
  const lines = await readMetrics(runFolder(folder).metrics);
  const checkpoint = join(folder, "checkpoints/step-0000004/model.safetensors");
  return [lines.map(({ seconds: _, ...line }) => line), readFileSync(checkpoint, "base64")];
}

/** A pool, and what is heard of it. */
function heardPool(options: PoolOptions = {}): { pool: RunPool; heard: PoolEvent[] } {
  const heard: PoolEvent[] = [];
  const pool = new RunPool({
    ...options,
    onEvent(event) {
      heard.push(event);
      options.onEvent?.(event);
    },
  });
  return { pool, heard };
}

test("runs are the same bit by bit with one worker, with two, and stopped and gone on with", async () => {
  const [one, two, cut] = [runsIn("one", [0, 1]), runsIn("two", [0, 1]), runsIn("cut", [0, 1])];
  const { pool, heard } = heardPool({ workers: 1 });
  const ends = await pool.trainAll(one);
  expect(ends.map(({ outcome, step }) => [outcome, step])).toEqual([
    ["complete", 4],
    ["complete", 4],
  ]);
  expect(heard.map(({ run, kind }) => `${run} ${kind}`)).toEqual(
    ["seed 0", "seed 1"].flatMap((run) =>
      ["step", "step", "validation", "step", "step", "validation"].map((kind) => `${run} ${kind}`),
    ),
  );
  await new RunPool({ workers: 2 }).trainAll(two);

  const pauses = await new RunPool({ workers: 2 }).trainAll(cut, { until: 1 });
  expect(pauses.map(({ outcome, step }) => [outcome, step])).toEqual([
    ["stopped", 1],
    ["stopped", 1],
  ]);
  const gone: PoolEvent[] = [];
  const stopping: RunPool = new RunPool({
    workers: 2,
    onEvent(event) {
      gone.push(event);
      if (event.run === "seed 0" && event.kind === "step" && event.step === 2) stopping.stop("seed 0");
    },
  });
  expect((await stopping.trainAll(cut)).map(({ outcome }) => outcome)).toEqual(["stopped", "complete"]);
  expect(gone[0]).toMatchObject({ kind: "step", step: 2 });
  await new RunPool().trainAll(cut);

  for (const [i, run] of one.entries()) {
    const expected = await contentsOf(run);
    expect(expected[0]).toHaveLength(6);
    expect(await contentsOf(two[i]!)).toEqual(expected);
    expect(await contentsOf(cut[i]!)).toEqual(expected);
  }
});

test("a signal stops all of them, also those that wait; complete runs are not trained again", async () => {
  const runs = runsIn("stopped", [0, 1]);
  const controller = new AbortController();
  const { pool, heard } = heardPool({
    workers: 1,
    signal: controller.signal,
    onEvent: ({ kind }) => kind === "step" && controller.abort(),
  });
  const [first, second] = await pool.trainAll(runs);
  expect(first).toMatchObject({ outcome: "stopped", checkpoint: expect.stringContaining("step-000000") });
  expect(second).toEqual({ outcome: "stopped", step: 0, checkpoint: undefined });
  expect(new Set(heard.map(({ run }) => run))).toEqual(new Set(["seed 0"]));
  expect(await new RunPool({ signal: controller.signal }).train(runs[1]!)).toEqual(second);

  expect(await new RunPool().train(runs[0]!)).toMatchObject({ outcome: "complete" });
  const again = heardPool();
  expect(await again.pool.train(runs[0]!)).toMatchObject({ outcome: "complete", step: 4 });
  expect(again.heard).toEqual([]);
});

test("a run that meets a number that is not finite is a result, and the others go on", async () => {
  const [bad] = runsIn("diverged", [0], { learningRate: 1e30, clipNorm: 1e30, warmupSteps: 0 });
  const [good] = runsIn("diverged", [1]);
  const ends = await new RunPool({ workers: 1 }).trainAll([bad!, good!]);
  expect(ends[0]).toMatchObject({ outcome: "diverged", message: expect.stringMatching(/not finite/) });
  expect(ends[1]).toMatchObject({ outcome: "complete" });
  const again = heardPool();
  expect(await again.pool.train(bad!)).toEqual(ends[0]);
  expect(again.heard).toEqual([]);
});

test("what a run cannot be trained for is said under its name, after the others were stopped", async () => {
  const [lost, other] = runsIn("lost", [0, 1]);
  const config = { ...lost!.config, task: undefined, tokenizer: "bytes", corpus: "/nowhere/book.txt" };
  const run = new RunPool({ workers: 1 }).trainAll([{ ...lost!, config }, other!]);
  await expect(run).rejects.toThrow(NeuralMemoryError);
  await expect(run).rejects.toThrow(/^seed 0: .*book\.txt/);

  const broken = new URL("broken.js", bundled);
  writeFileSync(broken, "console.error('so long'); process.exit(3);");
  entry.worker = broken;
  await expect(new RunPool().train(other!)).rejects.toThrow("seed 1: its process ended with code 3; it said: so long");
  entry.worker = bundled;
});
