/** `equations --verify`, with a runner that says what it was asked and what was found. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { equations, inClone, run, start, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const { file, title } = equations[0]!.tests[0] as unknown as { file: string; title: string };
const titles = readFileSync(join(import.meta.dirname, "../../scripts/equations/titles.mjs"), "utf8");

/** A runner that prints these lines if it is asked for the test of Titans 13, and then goes on for some time. */
async function runnerThatSays(lines: readonly object[], seconds = 0): Promise<void> {
  await inClone({
    "scripts/equations/titles.mjs": titles,
    "scripts/equations/run-tests.mjs": `import { text } from "node:stream/consumers";
      const asked = JSON.parse(await text(process.stdin));
      if (JSON.stringify(asked) === ${JSON.stringify(JSON.stringify({ files: [file], titles: [title] }))})
        console.log(${JSON.stringify(["a test prints this", ...lines.map((line) => JSON.stringify(line))].join("\n"))});
      else console.error("asked for another test");
      setTimeout(() => {}, ${1000 * seconds});`,
  });
}

const passed = { file, title, state: "passed", error: null };
const whole = { file, title: null, state: "passed", error: null };
const verify = ["equations", "titans", "13", "--verify"];

test("a package without tests says where they are", async () => {
  const { code, stdout, stderr } = await run(folder, verify);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^error: --verify runs the project's tests, .*use it in a clone of the repository/);
});

test("what has nothing to test neither passes nor fails, without a run", async () => {
  await runnerThatSays([]);
  const { code, stdout } = await run(folder, ["equations", "nl", "36", "--verify"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^nl 36 +untested +0 +nothing to test\n\n0 passed, 0 failed, 1 without anything to test\n$/m);
});

test.each([
  [{ largest: { difference: 0.00000123, tolerance: 1e-5 } }, "1.2e-6, allowed 1e-5"],
  [{ largest: { difference: 0, tolerance: 1e-5 } }, "exact"],
  [{ exact: true }, "exact"],
  [{}, "no numbers compared"],
])("passes with %j", async (comparisons, text) => {
  await runnerThatSays([{ ...passed, ...comparisons }, whole]);
  const { code, stdout, stderr } = await run(folder, verify);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `1 tests, 1 of 1 files: ${file}\n` });
  expect(stdout).toMatch(/^entry +result +tests +largest difference$/m);
  expect(stdout).toContain(`titans 13  pass    1      ${text}\n\n1 passed, 0 failed\n`);
});

test.each([
  ["fails", { ...passed, state: "failed", error: "1 is not 2" }, { ...whole, state: "failed" }, "failed: 1 is not 2"],
  [
    "is not there",
    { ...passed, title: "another" },
    { ...whole, error: "a syntax error" },
    "did not run: a syntax error",
  ],
])("a test that %s is a failure", async (_, one, file, text) => {
  await runnerThatSays([one, file]);
  const { code, stdout } = await run(folder, verify);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^titans 13 +fail +0$/m);
  expect(stdout).toContain(text);
  expect(stdout).toContain("0 passed, 1 failed");
  const json = await run(folder, [...verify, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { paper: "titans", id: "13", result: "fail", tests: 0, largest: null },
  ]);
});

test("a test that cannot run here is skipped", async () => {
  await runnerThatSays([{ ...passed, state: "skipped" }, whole]);
  const { code, stdout } = await run(folder, verify);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^titans 13 +skipped +0 +not run$/m);
  expect(stdout).toContain("0 passed, 0 failed, 1 skipped");
});

test("an interrupt ends the tests", async () => {
  await runnerThatSays([whole], 60);
  const running = await start(folder, verify);
  await running.says("1 of 1 files");
  running.process.kill("SIGINT");
  const { code, stdout, stderr } = await running.done;
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toContain("stopping the tests");
});
