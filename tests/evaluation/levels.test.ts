/** The page about a model that adapted: when levels changed, how far, and which of them remember a fact. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { detached, type Engine, key, release, scope, startEngine } from "../../src/array/index.ts";
import { byteTokenizer, memoryTokens } from "../../src/data/index.ts";
import {
  factRetention,
  type LevelsReportData,
  levelChanges,
  madeUpFacts,
  traceLevels,
  writeLevelsReport,
} from "../../src/evaluation/index.ts";
import { Reader } from "../../src/inference/index.ts";
import { LanguageModel, type ModelParams, stackLevels } from "../../src/models/index.ts";

const folder = mkdtempSync(join(tmpdir(), "levels-"));
const tokenizer = byteTokenizer();
const source = memoryTokens(tokenizer.encode("The whale swam on, and the ship went after it. ".repeat(12)), "whales");
const plain = new LanguageModel({
  ...{ architecture: "transformer", dim: 8, layers: 3, heads: 2, window: 3 },
  memory: { chunkSize: 4 },
});
let engine: Engine;
let model: LanguageModel;
let params: ModelParams;

beforeAll(async () => {
  engine = await startEngine("wasm");
  const original = detached(() => scope(() => plain.init(key(2))));
  const levels = { periods: [8, 16, 32], stepSize: [0.5, 0.5, 0] };
  ({ model, params } = stackLevels({ config: plain.config, params: original }, levels));
});
afterAll(() => {
  release(params);
  rmSync(folder, { recursive: true, force: true });
});

test("levels are updated at multiples of their periods, and their weights move as far as those of any session that read as much", async () => {
  const reader = new Reader(engine, model, params);
  const { unit, tokens, levels } = await traceLevels(reader, source, 70);
  expect({ unit, tokens }).toEqual({ unit: 8, tokens: 64 });
  expect(levels.map(({ block, period, stepSize }) => ({ block, period, stepSize }))).toEqual([
    { block: 0, period: 8, stepSize: 0.5 },
    { block: 1, period: 16, stepSize: 0.5 },
    { block: 2, period: 32, stepSize: 0 },
  ]);
  expect(levels.map(({ updatedAt }) => updatedAt)).toEqual([
    [8, 16, 24, 32, 40, 48, 56, 64],
    [16, 32, 48, 64],
    [32, 64],
  ]);
  expect(levels[1]!.change[0]).toBe(0);
  expect(levels[1]!.change[1]).toBeGreaterThan(1e-3);
  expect(levels[1]!.change[2]).toBe(levels[1]!.change[1]);
  expect(levels[2]!.change.every((change) => change === 0)).toBe(true);

  const [fresh, session] = [await reader.open(), await reader.open()];
  await session.read(source.read(0, 65));
  const changes = await levelChanges(model, fresh.memory, session.memory);
  for (const [i, { change }] of levels.entries()) expect(changes[i]).toBeCloseTo(change.at(-1)!, 5);
  fresh.close();
  session.close();
});

test("a fact is known by the levels that learn, and by none of them when none does", async () => {
  const options = { facts: madeUpFacts.slice(0, 1), repeats: 2, after: [0, 40, 100_000] };
  const subject = { model, params, tokenizer };
  const retention = await factRetention(engine, subject, source, options);
  expect(retention.options.after).toEqual([0, 40]);
  const curve = (learning: string, period?: number) =>
    retention.curves.find((one) => one.learning === learning && one.period === period)!.saved;
  expect(retention.curves).toHaveLength(5);
  expect(curve("all")[1]).toBeGreaterThan(1e-3);
  expect(curve("one", 8)[1]).toBeGreaterThan(1e-3);
  // Nothing that both have read since lies within the window; a level with step size 0 learns nothing.
  expect(Math.abs(curve("none")[1]!)).toBeLessThan(1e-6);
  expect(Math.abs(curve("one", 32)[1]!)).toBeLessThan(1e-6);

  const score = { bits: 30, bytes: 10, tokens: 10 };
  const data: LevelsReportData = {
    ...{
      format: 1,
      engine: { name: "wasm", threads: 1 },
      platform: "here",
      checkpoint: "run",
      architecture: "transformer",
    },
    adaptation: {
      text: { name: "<whales>", fingerprint: "", tokens: 64 },
      ...{ start: 0, frozen: false, engine: { name: "wasm", threads: 1 } },
      probe: { name: "its beginning", fingerprint: "", before: score, after: { ...score, bits: 25 } },
      tenths: Array.from({ length: 10 }, () => score),
    },
    trace: await traceLevels(new Reader(engine, model, params), source, 40),
    change: [0.1, 0.05, 0],
    retention,
  };
  const { html, json } = await writeLevelsReport(folder, data);
  const page = readFileSync(html, "utf8");
  for (const part of ["&lt;whales&gt;", "3.0000", "2.5000", "block 1, every 8", "10.0 %", "no level learns"])
    expect(page).toContain(part);
  expect(page).not.toMatch(/NaN|undefined|<script/);
  expect(JSON.parse(readFileSync(json, "utf8")).trace.levels[0].updatedAt).toEqual([8, 16, 24, 32]);
});
