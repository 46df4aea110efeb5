/** A run that is killed, at any moment and however often, ends like one that never stopped. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasNative } from "../array/native/support.ts";
import { type Outcome, type Running, run, start, temporaryFolder, tiny } from "./run.ts";

const STEPS = 12;
/** What the progress line says after a step, and not before. */
const STEP_DONE = "bits per byte";
const options = [
  ...tiny,
  ...["--corpus", "book.txt", "--steps", String(STEPS), "--keep", "2"],
  ...["--set", "training.checkpointEvery=1", "--set", "training.evaluateEvery=4"],
];

function folderWithBook(): string {
  const folder = temporaryFolder();
  const lines = Array.from({ length: 200 }, (_, n) => `Line ${n} of the log, at ${(n * 37) % 101} degrees.\n`);
  writeFileSync(join(folder, "book.txt"), lines.join(""));
  return folder;
}

/** What a run is in the end: the bytes of its last checkpoint, and its metrics without how long things took. */
function result(runFolder: string) {
  const checkpoints = join(runFolder, "checkpoints");
  const latest = join(checkpoints, readFileSync(join(checkpoints, "latest"), "utf8").trim());
  const bytes = (name: string) => readFileSync(join(latest, name)).toString("base64");
  const lines = readFileSync(join(runFolder, "metrics.jsonl"), "utf8").trim().split("\n");
  return {
    checkpoints: readdirSync(checkpoints).sort(),
    model: bytes("model.safetensors"),
    optimizer: bytes("optimizer.safetensors"),
    metrics: lines.map((line) => ({ ...JSON.parse(line), seconds: 0 })),
  };
}

function kill(running: Running): Promise<Outcome> {
  running.process.kill("SIGKILL");
  return running.done;
}

/** Resolves as soon as a checkpoint begins to be written. */
function checkpointBegins(checkpoints: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(checkpoints, (_, name) => {
      if (!name?.startsWith(".step-")) return;
      watcher.close();
      resolve();
    });
  });
}

test("killed while it starts, while it steps and while it saves, then interrupted: the same weights, bit for bit, and the same metrics", async () => {
  const folder = folderWithBook();
  const whole = await run(folder, ["train", ...options, "--out", "whole"]);
  expect(whole.code).toBe(0);

  const begin = ["train", ...options, "--out", "killed"];
  const resume = ["train", "--resume", "killed"];
  const checkpoints = join(folder, "killed/checkpoints");

  const compiling = await start(folder, begin);
  await compiling.says("training in killed");
  await kill(compiling);

  const saving = await start(folder, resume);
  await saving.says(STEP_DONE);
  await Promise.race([checkpointBegins(checkpoints), saving.done]);
  await kill(saving);

  const stepping = await start(folder, resume);
  await stepping.says(STEP_DONE);
  await new Promise((resolve) => setTimeout(resolve, 30 * Math.random()));
  await kill(stepping);

  const interrupted = await start(folder, resume);
  await interrupted.says(STEP_DONE);
  interrupted.process.kill("SIGINT");
  const { code, stderr } = await interrupted.done;
  expect(code).toBe(130);
  expect(stderr).toMatch(/stopped at step \d+; go on with: neural-memory train --resume killed\n$/);

  // What a kill in the middle of a save leaves behind, at each of its stages.
  const partial = join(checkpoints, ".step-0000011.partial-4711");
  mkdirSync(partial);
  writeFileSync(join(partial, "model.safetensors"), "half of a");
  writeFileSync(join(checkpoints, ".latest.partial-4711"), "step-00");
  const unnamed = join(checkpoints, "step-0000012");
  mkdirSync(unnamed);
  writeFileSync(join(unnamed, "model.safetensors"), "complete, but `latest` does not name it yet");
  writeFileSync(join(folder, "killed/metrics.jsonl"), '{"kind":"step","st', { flag: "a" });

  const last = await run(folder, [...resume, "--json"]);
  expect(last.code).toBe(0);
  expect(JSON.parse(last.stdout)).toMatchObject({ run: "killed", step: STEPS, steps: STEPS, complete: true });
  expect(result(join(folder, "killed"))).toEqual(result(join(folder, "whole")));

  const again = await run(folder, [...resume, "--json"]);
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(last.stdout));
  expect(result(join(folder, "killed"))).toEqual(result(join(folder, "whole")));
});

test("a second interrupt ends the run at once, and the checkpoint before it is whole", async () => {
  const folder = folderWithBook();
  const long = ["--set", "training.evaluateEvery=1", "--set", "training.evaluationTokens=1000000"];
  const running = await start(folder, ["train", ...options, ...long, "--out", "long"]);
  await running.says(STEP_DONE);
  running.process.kill("SIGINT");
  await running.says("interrupt again to quit at once");
  running.process.kill("SIGINT");
  const { code, stdout } = await running.done;
  expect({ code, stdout }).toEqual({ code: "SIGINT", stdout: "" });
  expect(readFileSync(join(folder, "long/checkpoints/latest"), "utf8")).toBe("step-0000000\n");
});

test.skipIf(!hasNative)("threads are the run's own, and other ones are refused", async () => {
  const folder = folderWithBook();
  const threads = (path: string) => JSON.parse(readFileSync(join(folder, path), "utf8")).engine;
  expect((await run(folder, ["train", ...options, "--steps", "1", "--threads", "3", "--out", "it"])).code).toBe(0);
  expect(threads("it/checkpoints/step-0000001/checkpoint.json")).toEqual({ name: "native", threads: 3 });
  const goOn = ["train", "--resume", "it", "--steps", "2"];
  const refused = await run(folder, [...goOn, "--threads", "1"]);
  expect(refused.stderr).toMatch(/computed by "native" with 3 threads, this is "native" with 1 thread/);
  expect((await run(folder, goOn)).code).toBe(0);
  expect(threads("it/checkpoints/step-0000002/checkpoint.json")).toEqual({ name: "native", threads: 3 });
});

test("a run goes on from an earlier checkpoint, and then from there; a changed text or engine is refused", async () => {
  const folder = folderWithBook();
  const { code } = await run(folder, ["train", ...options, "--steps", "2", "--keep", "5", "--out", "it"]);
  expect(code).toBe(0);
  const before = result(join(folder, "it"));
  expect(before.checkpoints).toEqual(["latest", "step-0000000", "step-0000001", "step-0000002"]);
  const rewound = await run(folder, ["train", "--resume", "it/checkpoints/step-0000001"]);
  expect(rewound.code).toBe(0);
  expect(result(join(folder, "it"))).toEqual(before);

  const description = join(folder, "it/checkpoints/step-0000002/checkpoint.json");
  const about = JSON.parse(readFileSync(description, "utf8"));
  writeFileSync(description, JSON.stringify({ ...about, engine: { name: "native", threads: 3 } }));
  const onWasm = ["train", "--resume", "it", "--engine", "wasm"];
  const otherEngine = await run(folder, onWasm);
  expect(otherEngine.code).toBe(2);
  expect(otherEngine.stderr).toMatch(
    /computed by "native" with 3 threads, this is "wasm" with 1 thread.*--allow-engine-change/,
  );
  expect((await run(folder, [...onWasm, "--allow-engine-change"])).code).toBe(0);

  writeFileSync(join(folder, "book.txt"), "One more line.\n", { flag: "a" });
  const otherText = await run(folder, ["train", "--resume", "it"]);
  expect(otherText.code).toBe(2);
  expect(otherText.stderr).toMatch(/is not the one the run was trained on, or has changed since/);
  rmSync(join(folder, "book.txt"));
  expect(existsSync(join(folder, "it/config.json"))).toBe(true);
});
