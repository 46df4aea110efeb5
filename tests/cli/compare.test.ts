/** `compare`: stopped and gone on with it finds what it would have found, and what it cannot do it refuses in a sentence. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { run, snapshot, start, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const chosen = ["lmm-tiny", "transformer-small"];
const toy = ["compare", "--presets", chosen.join(","), "--corpus", "book.txt", "--steps", "6", "--seed", "2"];

beforeAll(() => {
  const lines = Array.from({ length: 400 }, (_, n) => `Line ${n} of the log, at ${(n * 37) % 101} degrees.\n`);
  writeFileSync(join(folder, "book.txt"), lines.join(""));
});

/** What a comparison found of each model, without how long it took. */
function found(name: string) {
  const { models } = JSON.parse(readFileSync(join(folder, name, "compare.json"), "utf8"));
  return models.map((model: object) => ({ ...model, secondsPerStep: 0 }));
}

test("interrupted and gone on with, a comparison ends like one that never stopped; its runs are ordinary ones", async () => {
  const whole = await run(folder, [...toy, "--out", "whole"]);
  expect(whole.code).toBe(0);
  expect(whole.stdout).toMatch(/^preset\s+bits\/byte\s+below order 0\s+parameters\s+seconds\/step\s+engine\n/);
  for (const name of chosen) expect(whole.stdout).toMatch(new RegExp(`^${name} +\\d\\.\\d{3} +-?\\d+\\.\\d %`, "m"));
  expect(whole.stdout).toMatch(/^report: whole\/compare\.html$/m);
  expect(existsSync(join(folder, "whole/compare.html"))).toBe(true);

  const running = await start(folder, [...toy, "--out", "stopped", "--json"]);
  await running.says("training transformer-small");
  running.process.kill("SIGINT");
  const { code, stdout, stderr } = await running.done;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toEqual({ finished: false, folder: "stopped" });
  expect(stderr).toMatch(/stopped; go on with: neural-memory compare --resume stopped\n$/);

  const last = await run(folder, ["compare", "--resume", "stopped", "--json"]);
  expect(last.code).toBe(0);
  expect(last.stderr).not.toContain("training lmm-tiny");
  const report = { html: "stopped/compare.html", json: "stopped/compare.json" };
  expect(JSON.parse(last.stdout)).toEqual({ finished: true, folder: "stopped", report });
  expect(found("stopped")).toEqual(found("whole"));

  const inspected = await run(folder, ["inspect", "whole/transformer-small", "--json"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ step: 6, training: { seed: 2, steps: 6, batch: 2 } });
});

test.each([
  ["an unknown preset", ["compare", "--presets", "lmm-tiny,lmm-smal"], /did you mean "lmm-small"\?/],
  ["a preset named twice", ["compare", "--presets", "lmm-tiny, lmm-tiny"], /the preset "lmm-tiny" is named twice/],
  ["standard input", ["compare", "--corpus", "-"], /^error: a comparison reads its text more than once/],
  ["other options with --resume", ["compare", "--resume", "whole", "--steps", "9"], /leave the other options away/],
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
