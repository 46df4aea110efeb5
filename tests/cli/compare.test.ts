/** `compare`: it goes on where it was stopped, and refuses in a sentence what it cannot do. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { run, snapshot, start, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const chosen = ["lmm-tiny", "transformer-small"];
const toy = ["compare", "--presets", chosen.join(","), "--corpus", "book.txt", "--steps", "3", "--seed", "2"];

beforeAll(() => {
  const lines = Array.from({ length: 400 }, (_, n) => `Line ${n} of the log, at ${(n * 37) % 101} degrees.\n`);
  writeFileSync(join(folder, "book.txt"), lines.join(""));
});

/** The steps in a run's metrics, in the order in which they were written. */
function steps(name: string): number[] {
  const lines = readFileSync(join(folder, "it", name, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line)).flatMap(({ kind, step }) => (kind === "step" ? [step] : []));
}

test("interrupted and gone on with, a comparison takes every step once, and leaves ordinary runs and one report", async () => {
  const running = await start(folder, [...toy, "--out", "it", "--json"]);
  await running.says("training transformer-small");
  running.process.kill("SIGINT");
  const { code, stdout, stderr } = await running.done;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toEqual({ finished: false, folder: "it" });
  expect(stderr).toMatch(/stopped; go on with: neural-memory compare --resume it\n$/);
  expect(existsSync(join(folder, "it/compare.html"))).toBe(false);

  const gone = await run(folder, ["compare", "--resume", "it"]);
  expect(gone.code).toBe(0);
  expect(gone.stderr).not.toContain("training lmm-tiny");
  expect(gone.stdout).toMatch(/^preset\s+bits\/byte\s+below order 0\s+parameters\s+seconds\/step\s+engine\n/);
  for (const name of chosen) {
    expect(gone.stdout).toMatch(new RegExp(`^${name} +\\d\\.\\d{3} +-?\\d+\\.\\d %`, "m"));
    expect(steps(name)).toEqual([1, 2, 3]);
  }
  expect(gone.stdout).toMatch(/^report: it\/compare\.html$/m);

  const again = await run(folder, ["compare", "--resume", "it", "--json"]);
  expect(again.stderr).not.toContain("training");
  const report = { html: "it/compare.html", json: "it/compare.json" };
  expect(JSON.parse(again.stdout)).toEqual({ finished: true, folder: "it", report });

  const inspected = await run(folder, ["inspect", "it/transformer-small", "--json"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ step: 3, training: { seed: 2, steps: 3, batch: 2 } });
});

test.each([
  ["an unknown preset", ["compare", "--presets", "lmm-tiny,lmm-smal"], /did you mean "lmm-small"\?/],
  ["a preset named twice", ["compare", "--presets", "lmm-tiny, lmm-tiny"], /the preset "lmm-tiny" is named twice/],
  ["standard input", ["compare", "--corpus", "-"], /^error: a comparison reads its text more than once/],
  ["other options with --resume", ["compare", "--resume", "it", "--steps", "9"], /leave the other options away/],
  [
    "to go on with nothing",
    ["compare", "--resume", "."],
    /^error: there is no comparison in \.; name the folder of one/,
  ],
  ["a number that is none", ["compare", "--steps", "0"], /must be a whole number of at least 1/],
] as const)("compare refuses %s, and writes nothing", async (_, args, sentence) => {
  const before = snapshot(folder);
  const { code, stdout, stderr } = await run(folder, args);
  expect(stderr).toMatch(sentence);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(snapshot(folder)).toEqual(before);
});
