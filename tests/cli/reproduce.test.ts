/** `reproduce`: parts side by side give the same numbers as one at a time, a stopped job goes on, and what it cannot do is refused in a sentence. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { experiments } from "../../src/evaluation/index.ts";
import { run, snapshot, start, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const job = ["reproduce", "needle-length", "--smoke", "--seeds", "1", "--out"];

/** What was found of each part, but for how long it took. */
function found(out: string): object {
  const experiment = join(folder, out, "needle-length");
  return Object.fromEntries(
    readdirSync(experiment).map((part) => {
      const path = join(experiment, part, "found.json");
      return [part, existsSync(path) ? { ...JSON.parse(readFileSync(path, "utf8")), seconds: null } : null];
    }),
  );
}

test("side by side or stopped in between, parts give the numbers of one at a time", async () => {
  const running = await start(folder, [...job, "stopped", "--workers", "1"]);
  await running.says("1 of 3 parts");
  running.process.kill("SIGINT");
  const { code, stderr } = await running.done;
  expect(code).toBe(130);
  expect(stderr).toMatch(
    /stopped; go on with: neural-memory reproduce needle-length --seeds 1 --smoke --out stopped\n$/,
  );
  const page = readFileSync(join(folder, "stopped/needle-length.html"), "utf8");
  expect(page).toMatch(/<strong>inconclusive<\/strong>. \d of 3 parts are missing\./);

  const gone = await run(folder, [...job, "stopped", "--workers", "1", "--json"]);
  expect(gone.code).toBe(0);
  expect(gone.stderr).not.toContain("Titans LMM");
  expect(JSON.parse(gone.stdout)).toMatchObject({
    finished: true,
    index: { html: "stopped/index.html" },
    experiments: [{ name: "needle-length", verdict: "inconclusive", missing: [] }],
  });

  const together = await run(folder, [...job, "together", "--workers", "3"]);
  expect(together.code).toBe(0);
  expect(together.stderr).toMatch(/begins: .*Titans LMM.*\nbegins: .*transformer/);
  expect(together.stderr).toMatch(/^3 of 3 parts$/m);
  expect(together.stdout).toMatch(/^needle-length +inconclusive +together\/needle-length\.html$/m);
  expect(found("together")).toEqual(found("stopped"));
  expect(Object.keys(found("together"))).toEqual(["attention-0", "lmm-0", "transformer-0"]);
});

test("--list says what every experiment is about, and trains nothing", async () => {
  const before = snapshot(folder);
  const { stdout } = await run(folder, ["reproduce", "--list"]);
  for (const { name, claim } of experiments)
    expect(stdout).toMatch(new RegExp(`^${name} .*${claim.slice(0, 20)}`, "m"));
  expect(snapshot(folder)).toEqual(before);
});

test.each([
  ["an unknown experiment", ["needle-lenght"], /^error: .*did you mean "needle-length"\?/],
  ["an experiment named twice", ["needle-length", "needle-length"], /"needle-length" is named twice/],
  ["options that --list has no use for", ["--list", "--smoke"], /--list trains nothing/],
  ["no seeds", ["--seeds", "0"], /must be a whole number of at least 1/],
  [
    "a folder with parts of another size",
    ["needle-length", "--seeds", "1", "--out", "stopped"],
    /stopped\/needle-length\/lmm-0 was made with other settings than the code has now: .* name another folder with --out/,
  ],
])("%s: a sentence, exit code 2, nothing written", async (_, args, message) => {
  const before = snapshot(folder);
  const { code, stdout, stderr } = await run(folder, ["reproduce", ...args]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(message);
  expect(snapshot(folder)).toEqual(before);
});
