/** The runner behind `neural-memory equations --verify`, on a project of its own. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { titlePattern } from "../../scripts/equations/titles.mjs";
import { fixture, root } from "./fixture.ts";

const tests = `import { describe, expect, test } from "vitest";
const describeNative = describe;
describeNative("in a block", () => {
  describe("Titans Eq. 1:", () => {
    test.each([1, 2])("add gives %d", (n) => {
      expect(1e-7 * n).toBeLessThan(1e-6);
      expect(1e-9).toBeLessThanOrEqual(1e-8);
      expect(0.5).toBeLessThan(1);
      expect(1e-5).not.toBeLessThan(1e-6);
      expect(-1).toBeLessThan(1e-6);
    });
    test("add is close (to 1)", () => { expect(1.001).toBeCloseTo(1, 2); expect([1, [2]]).toEqual([1, [2]]); });
    test("add has a name", () => expect("add").toBe("add"));
    test("add fails", () => expect(1).toBe(2));
    test("add is another", () => {});
  });
});
`;

test("runs the tests asked for, and tells the largest difference of each with its tolerance", () => {
  const folder = fixture({
    "tests/add.test.ts": tests,
    "tests/broken.test.ts": "throw new Error('does not load');",
    "tests/comparisons.ts": readFileSync(join(root, "tests/setup/comparisons.ts"), "utf8"),
    "vitest.config.mjs": `export default { test: { setupFiles: ["tests/comparisons.ts"] } };`,
  });
  const titles = ["gives *", "is close (to 1)", "has a name", "fails"].map(
    (title) => `in a block > Titans Eq. 1: > add ${title}`,
  );
  const input = JSON.stringify({ files: ["tests/add.test.ts", "tests/broken.test.ts"], titles });
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_ENV$|NODE_V8)/.test(name));
  const { stdout } = spawnSync(process.execPath, [join(root, "scripts/equations/run-tests.mjs")], {
    cwd: folder,
    input,
    encoding: "utf8",
    env: Object.fromEntries(inherited),
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { title: string | null; state: string; file: string });
  const own = Object.fromEntries(
    lines
      .filter(({ title, state }) => title !== null && state !== "skipped")
      .map(({ title, file, ...rest }) => [title!.replace("in a block > Titans Eq. 1: > add ", ""), rest]),
  );
  expect(own).toEqual({
    "gives 1": { state: "passed", error: null, largest: { difference: 1e-7, tolerance: 1e-6 } },
    "gives 2": { state: "passed", error: null, largest: { difference: 2e-7, tolerance: 1e-6 } },
    "is close (to 1)": {
      state: "passed",
      error: null,
      exact: true,
      largest: { difference: expect.closeTo(0.001, 9), tolerance: 0.005 },
    },
    "has a name": { state: "passed", error: null },
    fails: { state: "failed", error: expect.stringContaining("expected 1 to be 2"), exact: true },
  });
  const files = lines.filter(({ title }) => title === null);
  expect(files.sort((a, b) => (a.file < b.file ? -1 : 1))).toEqual([
    { file: "tests/add.test.ts", title: null, state: "failed", error: null },
    { file: "tests/broken.test.ts", title: null, state: "failed", error: "does not load" },
  ]);
});

test("a pattern matches a title whatever templates and tables put in", () => {
  const matches = (title: string, full: string) => new RegExp(titlePattern(title)).test(full);
  expect(matches("block > f(x) is *", "block > f(x) is 3")).toBe(true);
  expect(matches("f is %j, $name", "f is {}, it")).toBe(true);
  expect(matches("f is", "gf is")).toBe(false);
  expect(matches("f is", "f is not")).toBe(false);
});
