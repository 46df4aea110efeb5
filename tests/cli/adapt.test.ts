/** `stack` and `adapt`: a checkpoint that learns while it reads, stopped and gone on with, reset, and refused what it cannot use. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { run, snapshot, start, temporaryFolder, untrainedRun } from "./run.ts";

const folder = temporaryFolder();
const text = "It was a bright cold day in April, and the clocks were striking thirteen.\n".repeat(60);

beforeAll(async () => {
  writeFileSync(join(folder, "book.txt"), text);
  writeFileSync(join(folder, "other.txt"), text.slice(0, 300).toUpperCase());
  writeFileSync(join(folder, "long.txt"), text.repeat(8));
  await untrainedRun(join(folder, "run"), join(folder, "book.txt"));
  const stacked = ["stack", "run", "--periods", "32", "--step-size", "0.1", "--out", "learner"];
  const { code, stdout, stderr } = await run(folder, stacked);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe("learner: block 0: every 32 tokens\nadapt it with: neural-memory adapt learner --on <text>\n");
});

async function adapted(args: readonly string[], input?: string) {
  const { code, stdout, stderr } = await run(folder, ["adapt", "learner", ...args, "--json"], input);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

test("a stacked model predicts like the original where it does not learn, and is inspected like any other", async () => {
  const evaluate = async (name: string) =>
    JSON.parse((await run(folder, ["evaluate", name, "--corpus", "other.txt", "--no-write", "--json"])).stdout)
      .bitsPerByte;
  expect(await evaluate("learner")).toBeCloseTo(await evaluate("run"), 6);
  const { stdout } = await run(folder, ["inspect", "learner", "--json"]);
  expect(JSON.parse(stdout).model.continuum).toMatchObject({ layout: "oneABlock", periods: [32], stepSize: 0.1 });
});

test("adapting lowers the loss, freezing does not; another text goes on from there, and the state writes", async () => {
  const found = await adapted(["--on", "book.txt", "--out", "a"]);
  expect(found).toMatchObject({ complete: true, frozen: false, text: { tokens: text.length, read: text.length } });
  expect(found.probe.after).toBeLessThan(found.probe.before - 0.15);
  expect(found.tenths[9]).toBeLessThan(found.tenths.find((tenth: number | null) => tenth !== null) - 0.15);
  const control = await adapted(["--on", "-", "--frozen", "--out", "b"], text);
  expect(control.probe.before).toBe(found.probe.before);
  expect(control.probe.after).toBeGreaterThan(found.probe.after + 0.15);

  // The same text again has been read already; another one begins where that has ended.
  const again = await adapted(["--on", "book.txt", "--out", "a"]);
  expect(again).toEqual(found);
  const next = await adapted(["--on", "other.txt", "--out", "a", "--probe", "book.txt", "--report"]);
  expect(next.probe.before).toBeLessThan(found.probe.before - 0.15);

  expect(readFileSync(join(folder, next.report.html), "utf8")).toContain("How long a fact is known");

  const state = join("a", "memory.safetensors");
  const args = ["generate", "learner", "--prompt", "It was", "--max-tokens", "2", "--memory-in", state, "--json"];
  const { code, stdout } = await run(folder, args);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).position).toBe(text.length + 300 + "It was".length + 2);
});

test("interrupted and gone on with, it ends as if it had never stopped", async () => {
  const args = ["adapt", "learner", "--on", "long.txt", "--json", "--threads", "1"];
  const whole = await run(folder, [...args, "--out", "whole"]);
  const running = await start(folder, [...args, "--out", "parts"]);
  await running.says("bits per byte");
  running.process.kill("SIGINT");
  const stopped = await running.done;
  expect(stopped.code).toBe(130);
  const part = JSON.parse(stopped.stdout);
  expect(part).toMatchObject({ complete: false, probe: { after: null } });
  expect(part.text.read).toBeGreaterThan(0);

  const before = snapshot(join(folder, "parts"));
  const refused = await run(folder, ["adapt", "learner", "--on", "book.txt", "--out", "parts"]);
  expect({ code: refused.code, stderr: refused.stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("another text"),
  });
  const frozen = await run(folder, [...args, "--out", "parts", "--frozen"]);
  expect({ code: frozen.code, stderr: frozen.stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("--frozen"),
  });
  expect(snapshot(join(folder, "parts"))).toEqual(before);

  const rest = await run(folder, [...args, "--out", "parts"]);
  expect(rest.code).toBe(0);
  const state = (name: string) => readFileSync(join(folder, name, "memory.safetensors")).toString("base64");
  expect(state("parts")).toBe(state("whole"));
  expect({ ...JSON.parse(rest.stdout), state: "" }).toEqual({ ...JSON.parse(whole.stdout), state: "" });
});

test("what cannot be used is refused in a sentence, and nothing is lost", async () => {
  mkdirSync(join(folder, "foreign"));
  writeFileSync(join(folder, "foreign/memory.safetensors"), "not a memory");
  await adapted(["--on", "other.txt"]);
  expect((await run(folder, ["stack", "run", "--periods", "32", "--step-size", "1e30", "--out", "wild"])).code).toBe(0);
  const before = snapshot(folder);
  const cases: [args: string[], sentence: RegExp][] = [
    [["adapt", "learner"], /no text to adapt to/],
    [["adapt", "learner", "--on", "nowhere.txt", "--reset"], /no such file/],
    [["adapt", "learner", "--on", "book.txt", "--out", "foreign"], /memory\.safetensors/],
    [["adapt", "learner", "--reset", "--out", "foreign"], /memory\.safetensors/],
    [["adapt", "run", "--on", "other.txt", "--out", "learner/adapted"], /another model/],
    [["adapt", "wild", "--on", "other.txt"], /not finite any more; nothing was saved/],
    [["stack", "run", "--periods", "32,x"], /whole numbers/],
    [["stack", "run", "--periods", "32", "--out", "learner"], /already holds a run/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stderr } = await run(folder, args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(sentence) });
  }
  expect(snapshot(folder)).toEqual(before);
  const state = join(folder, "learner/adapted/memory.safetensors");
  expect(existsSync(state)).toBe(true);
  expect((await run(folder, ["adapt", "learner", "--reset"])).code).toBe(0);
  expect(existsSync(state)).toBe(false);
});
