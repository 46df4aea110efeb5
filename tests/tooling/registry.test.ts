import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missing, readRegistry, untested } from "../../scripts/equations/registry.mjs";
import { papers, parseSee, parseTitle } from "../../scripts/equations/tags.mjs";
import { readTitles } from "../../scripts/equations/titles.mjs";
import { fixture, root, runNode } from "./fixture.ts";

const memory = `/** Header of the file. */
import { something } from "./other.ts";

/**
 * Forgetting-gated memory update. A second sentence.
 *
 * $$M_t = (1-\\alpha_t) M_{t-1} + S_t$$
 *
 * @see Titans (arXiv:2501.00663) Eq. 13-14
 * @see MIRAS (arXiv:2504.13173) Eq. 3
 */
export function memoryUpdate(x: number): number {
  return something(x);
}

/**
 * One layer
 * over two lines. More.
 * @see https://example.org/no-equation
 * @see Titans (arXiv:2501.00663) Eq. 2, 15
 */
export class Layer {}
`;

const tests = `import { describe, test } from "vitest";
describe("Titans Eq. 13-14: memoryUpdate", () => {
  test("equals the scalar recurrence", () => {});
  test.each([1, 2])("is linear", () => {});
});
test("Titans Eq. 2, 15: Layer retrieves", () => {});
test(\`MIRAS Eq. 3: memoryUpdate at \${1}\`, () => {});
test("an untagged test of memoryUpdate", () => {});
test("an oracle of Eq. 13, without a paper", () => {});
`;

const project = { "src/titans/memory.ts": memory, "tests/titans/memory.test.ts": tests };

function problemsOf(files: Record<string, string>): string[] {
  return readRegistry(fixture(files)).problems;
}

describe("readRegistry", () => {
  test("has one row for each equation and symbol, with the tests that carry both", () => {
    const { rows, problems } = readRegistry(fixture(project));
    expect(problems).toEqual([]);
    expect(rows.find(({ paper, number }) => paper === "titans" && number === 14)).toEqual({
      paper: "titans",
      number: 14,
      title: "Forgetting-gated memory update.",
      symbol: "memoryUpdate",
      file: "src/titans/memory.ts",
      line: 12,
      tests: [
        {
          file: "tests/titans/memory.test.ts",
          title: "Titans Eq. 13-14: memoryUpdate > equals the scalar recurrence",
        },
        { file: "tests/titans/memory.test.ts", title: "Titans Eq. 13-14: memoryUpdate > is linear" },
      ],
      status: "tested",
    });
    const present = rows.filter(({ status }) => status !== "missing");
    expect(present.map(({ paper, number, symbol }) => `${paper} ${number} ${symbol}`)).toEqual([
      "titans 2 Layer",
      "titans 13 memoryUpdate",
      "titans 14 memoryUpdate",
      "titans 15 Layer",
      "miras 3 memoryUpdate",
    ]);
    expect(present.find(({ symbol }) => symbol === "Layer")?.title).toBe("One layer over two lines.");
  });

  test("lists the equations that nothing implements as missing", () => {
    const { rows } = readRegistry(fixture({}));
    expect(rows).toHaveLength(35 + 32 + 121);
    expect(rows[0]).toEqual({
      paper: "titans",
      number: 1,
      title: null,
      symbol: null,
      file: null,
      line: null,
      tests: [],
      status: "missing",
    });
  });

  test("keeps one implementation of an overloaded function", () => {
    const overloaded = `/** Adds. @see nothing */
export function add(x: number): number;
/**
 * Adds.
 * @see Titans (arXiv:2501.00663) Eq. 9
 */
export function add(x: string): string;
export function add(x: unknown): unknown { return x; }
`;
    const { rows, problems } = readRegistry(fixture({ "src/a.ts": overloaded }));
    expect(problems).toEqual([]);
    expect(rows.filter(({ symbol }) => symbol === "add")).toHaveLength(1);
  });

  test.each([
    ["a number beyond the paper", "Titans (arXiv:2501.00663) Eq. 36", "does not exist"],
    ["a range that ends before it starts", "Titans (arXiv:2501.00663) Eq. 14-13", "does not exist"],
    ["no full stop", "Titans (arXiv:2501.00663) Eq 13", "not of the form"],
    ["a dash that is no hyphen", "Titans (arXiv:2501.00663) Eq. 13\u201314", "not of the form"],
    ["another paper's number", "Titans (arXiv:2504.13173) Eq. 13", "not of the form"],
    ["words after the number", "Titans (arXiv:2501.00663) Eq. 13 (update)", "not of the form"],
  ])("reports a docstring tag with %s", (_, tag, problem) => {
    const text = `/**\n * Sums.\n * @see ${tag}\n */\nexport function sum() {}\n`;
    expect(problemsOf({ "src/a.ts": text })).toEqual([expect.stringMatching(`^src/a.ts:3: .*${problem}`)]);
  });

  test.each([
    ["a constant", "export const sum = () => 0;"],
    ["a function that is not exported", "function sum() {}"],
    ["the file", "import {} from './b.ts';\nexport function sum() {}"],
  ])("reports a docstring tag on %s", (_, code) => {
    const text = `/** Sums.\n * @see Titans (arXiv:2501.00663) Eq. 3 */\n${code}\n`;
    expect(problemsOf({ "src/a.ts": text })).toEqual([
      expect.stringMatching("^src/a.ts:2: .*not an exported function"),
    ]);
  });

  test.each([
    ["a symbol that does not exist", "Titans Eq. 13: memoryUpgrade works", "names no symbol"],
    ["a symbol inside a longer word", "Titans Eq. 13: memoryUpdates work", "names no symbol"],
    ["an equation its symbol does not implement", "Titans Eq. 15: memoryUpdate works", "names no symbol"],
    ["a range that its symbol implements in part", "Titans Eq. 14-15: memoryUpdate works", "names no symbol"],
    ["a number beyond the paper", "MIRAS Eq. 33: memoryUpdate works", "does not exist"],
    ["the paper's long name", "Nested Learning Eq. 13: memoryUpdate works", "another form"],
    ["no full stop", "Titans Eq 13: memoryUpdate works", "another form"],
    ["no colon", "Titans Eq. 13 memoryUpdate works", "another form"],
  ])("reports a test title with %s", (_, title, problem) => {
    const titles = `test(${JSON.stringify(title)}, () => {});\n`;
    expect(problemsOf({ ...project, "tests/b.test.ts": titles })).toEqual([
      expect.stringMatching(`^tests/b.test.ts:1: .*${problem}`),
    ]);
  });

  test("takes a skipped test for no test", () => {
    const skipped = tests.replace("describe(", "describe.skip(");
    const { rows } = readRegistry(fixture({ ...project, "tests/titans/memory.test.ts": skipped }));
    expect(untested(rows)).toEqual([
      expect.stringContaining("src/titans/memory.ts:12: memoryUpdate implements Titans (arXiv:2501.00663) Eq. 13"),
      expect.stringContaining("src/titans/memory.ts:12: memoryUpdate implements Titans (arXiv:2501.00663) Eq. 14"),
    ]);
  });
});

test("missing names the required equations that nothing implements", () => {
  const { rows } = readRegistry(fixture(project));
  const lines = missing(rows, { titans: "1-18" });
  const { source } = papers.titans;
  expect(lines).toContain(`${source} Eq. 3 is required, but no exported function or class is tagged with it`);
  expect(lines.filter((line) => /Eq\. (2|13|14|15) /.test(line))).toEqual([]);
  expect(missing(rows, {})).toEqual([]);
});

test("parseSee and parseTitle read lists of numbers and ranges", () => {
  const titans = (...numbers: number[]) => numbers.map((number) => ({ paper: "titans", number }));
  expect(parseSee("Titans (arXiv:2501.00663) Eq. 1-3, 5")).toEqual({ equations: titans(1, 2, 3, 5), problems: [] });
  expect(parseSee("Titans (arXiv:2501.00663) section 3")).toEqual({ equations: [], problems: [] });
  expect(parseTitle("Titans Eq. 1, 3-4: f")).toEqual({ equations: titans(1, 3, 4), problems: [] });
  expect(parseTitle("Titans Eq. 1; NL Eq. 121: f").equations).toEqual([...titans(1), { paper: "nl", number: 121 }]);
});

test("readTitles finds every form of a test and nothing else", () => {
  const text = `
    describe.each([1])("outer", () => {
      it("a", () => {});
      test.skipIf(false)("b", () => {});
      test.todo("c");
      describe("inner", () => { test.for([1])(\`d \${x} e\`, () => {}); });
      regex.test("f"); other("g"); test(name, () => {});
    });`;
  expect(readTitles("x.test.ts", text).map(({ title, line }) => `${line} ${title}`)).toEqual([
    "3 outer > a",
    "4 outer > b",
    "6 outer > inner > d * e",
  ]);
});

test("registry.mjs writes the registry, and its check fails on a problem", () => {
  const script = join(root, "scripts/registry.mjs");
  const good = fixture(project);
  expect(runNode(good, [script, "--check"])).toMatchObject({ code: 0 });
  const written = JSON.parse(readFileSync(join(good, "dist/equations.json"), "utf8"));
  expect(written).toEqual(readRegistry(good).rows);

  const bad = fixture({ "src/titans/memory.ts": memory });
  const { code, stderr } = runNode(bad, [script, "--check"]);
  expect(code).toBe(1);
  expect(stderr).toContain("memoryUpdate implements MIRAS (arXiv:2504.13173) Eq. 3, but no test is titled");
  expect(runNode(bad, [script]).code).toBe(0);
});
