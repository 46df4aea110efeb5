/** What `generate` writes, and the memory it carries from one call to the next. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/array/index.ts";
import { generate, Reader } from "../../src/inference/index.ts";
import { loadCheckpoint } from "../../src/training/index.ts";
import { engineNote, run, start, temporaryFolder, untrainedRun } from "./run.ts";

const folder = temporaryFolder();
const likeliest = ["--temperature", "0", "--json"];

beforeAll(() => untrainedRun(join(folder, "run"), "moby-dick"));

async function generated(args: readonly string[], input?: string): Promise<{ text: string; position: number }> {
  const { code, stdout, stderr } = await run(folder, ["generate", "run", ...args], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: engineNote });
  return JSON.parse(stdout);
}

test("the memory of one call, loaded by the next, goes on as one long text would", async () => {
  const first = "Call me Ishmael. ";
  const second = "Some years ago";
  const read = await generated([...likeliest, "--prompt", first, "--max-tokens", "0", "--memory-out", "first.memory"]);
  expect(read).toMatchObject({ text: "", position: first.length });
  const split = await generated([...likeliest, "--memory-in", "first.memory", "--max-tokens", "20"], second);
  const whole = await generated([...likeliest, "--max-tokens", "20"], first + second);
  expect(split.text).toBe(whole.text);
  expect(split.position).toBe(first.length + second.length + 20);
  const forgotten = await generated([...likeliest, "--max-tokens", "20"], second);
  expect(forgotten.text).not.toBe(whole.text);
});

test("the same seed writes the same text as the library does, another seed another one", async () => {
  const { model, params, tokenizer } = await loadCheckpoint(join(folder, "run"));
  const session = await new Reader(await startEngine(), model, params).open();
  const options = { prompt: "Call", maxTokens: 12, temperature: 0.8, topK: 40, topP: 0.9, seed: 5 };
  let expected = "";
  for await (const piece of generate(session, tokenizer, options)) expected += piece;
  const args = ["--prompt", "Call", "--max-tokens", "12", "--top-k", "40", "--top-p", "0.9"];
  const { stdout } = await run(folder, ["generate", "run", ...args, "--seed", "5"]);
  expect(stdout).toBe(expected);
  const other = await run(folder, ["generate", "run", ...args, "--seed", "6"]);
  expect(other.stdout).not.toBe(expected);
  const [begin = ""] = expected.slice(3);
  const stopped = await run(folder, ["generate", "run", ...args, "--seed", "5", "--stop", begin, "--stop", "never"]);
  expect(stopped.stdout).toBe(expected.slice(0, expected.indexOf(begin)));
});

test("a reader that leaves early is not complained about", async () => {
  const running = await start(folder, ["generate", "run", "--prompt", "Call", "--max-tokens", "1000000"]);
  running.process.stdout?.once("data", () => running.process.stdout?.destroy());
  const { code, stderr } = await running.done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: engineNote });
});

test("Ctrl-C ends the text and still saves the memory", async () => {
  const args = ["--prompt", "Call", "--max-tokens", "1000000", "--memory-out", "stopped.memory"];
  const running = await start(folder, ["generate", "run", ...args]);
  running.process.stdout?.once("data", () => running.process.kill("SIGINT"));
  const { code, stderr } = await running.done;
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: `${engineNote}\nstopping after this token; interrupt again to quit at once\n`,
  });
  expect(statSync(join(folder, "stopped.memory")).size).toBeGreaterThan(1000);
});

test("a model of word pieces is configured in four places, trained on a folder, evaluated and asked to write", async () => {
  const tokenizer = fileURLToPath(new URL("../data/fixtures/small-bpe/tokenizer.json", import.meta.url));
  mkdirSync(join(folder, "books"));
  for (const name of ["a.txt", "b.txt"])
    writeFileSync(join(folder, "books", name), `the ${name} of the sea, `.repeat(60));
  const training = "training: { batch: 1, evaluationTokens: 64, steps: 50, seed: 3 }";
  const model = "model: { architecture: transformer, window: 16 }";
  writeFileSync(join(folder, "small.yaml"), `preset: lmm-tiny\n${model}\n${training}\n`);
  const args = ["--config", "small.yaml", "--steps", "2", "--seed", "4", "--set", "training.seed=5"];
  const trained = await run(folder, ["train", ...args, "--corpus", "books", "--tokenizer", tokenizer, "--json"]);
  expect(trained.code).toBe(0);
  expect(JSON.parse(trained.stdout)).toMatchObject({ run: "runs/lmm-tiny-1", step: 2, complete: true });

  const resolved = JSON.parse(readFileSync(join(folder, "runs/lmm-tiny-1/config.json"), "utf8"));
  const { vocabularySize } = JSON.parse((await run(folder, ["inspect", "runs/lmm-tiny-1", "--json"])).stdout).tokenizer;
  expect(resolved.model).toMatchObject({ architecture: "transformer", window: 16, dim: 32, vocabularySize });
  // From the preset, the file, an option and --set, in this order; a shorter run warms up for less.
  expect(resolved.training).toMatchObject({ segment: 32, batch: 1, steps: 2, seed: 5, warmupSteps: 0 });

  const evaluated = JSON.parse((await run(folder, ["evaluate", "runs/lmm-tiny-1", "--json"])).stdout);
  expect(evaluated).toMatchObject({ split: "validation", bytes: expect.any(Number), complete: true });
  expect(evaluated.bitsPerByte).toBeLessThan(8);
  const prompt = ["--prompt", "the sea", "--max-tokens", "5", "--json"];
  const { stdout } = await run(folder, ["generate", "runs/lmm-tiny-1", ...prompt]);
  expect(JSON.parse(stdout).text).not.toBe("");
});
