import { expect, test } from "vitest";
import { detached, key, release, scope, startEngine } from "../../src/array/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import { generate, Reader } from "../../src/inference/index.ts";
import { train } from "../../src/training/index.ts";
import { tinyConfig, tinyData, tinyModel } from "../training/tiny.ts";

test("training and validation compile four programs a batch size, the optimiser one, whatever the number of segments", async () => {
  const engine = await startEngine("wasm");
  const [model, data] = [tinyModel(), tinyData()];
  const run = (length: number) =>
    train({ engine, model, data, config: tinyConfig({ steps: 2, length, evaluateEvery: 1 }), onValidation: () => {} });
  const first = await run(16);
  expect(engine.programs.map(({ name }) => name).sort()).toEqual([
    "optimiser update",
    "training backward",
    "training finish",
    "training forward",
    "training start",
  ]);
  release(first.params, first.optimizer);
});

test("reading, scoring and generating compile two programs a batch size and one that starts, whatever the calls' lengths", async () => {
  const engine = await startEngine("wasm");
  const model = tinyModel();
  const params = detached(() => scope(() => model.init(key(0))));
  const reader = new Reader(engine, model, params);
  const session = await reader.open();
  for (const tokens of [1, 2, 3, 5, 16, 17, 33, 64]) await session.read(new Int32Array(tokens).fill(65));
  const pieces: string[] = [];
  for await (const piece of generate(session, byteTokenizer(), { prompt: "ab", maxTokens: 9, temperature: 1, seed: 0 }))
    pieces.push(piece);
  await session.read(Int32Array.of(1, 2, 3), { write: false });
  session.close();
  expect(engine.programs.map(({ name }) => name).sort()).toEqual([
    "inference chunk",
    "inference segment",
    "inference start",
  ]);

  const pair = await reader.open(2);
  for (const tokens of [1, 7, 40]) await pair.read(new Int32Array(2 * tokens).fill(65));
  pair.close();
  expect(engine.programs).toHaveLength(6);
});
