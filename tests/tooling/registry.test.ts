import { readFileSync } from "node:fs";
import { join } from "node:path";
import katex from "katex";
import { describe, expect, test } from "vitest";
import { readDocstrings } from "../../scripts/equations/docstrings.mjs";
import { readEntryPoints } from "../../scripts/equations/entry-points.mjs";
import { unreadable } from "../../scripts/equations/formulas.mjs";
import { missing, readRegistry } from "../../scripts/equations/registry.mjs";
import { papers, parseSee, parseTitle, spelled } from "../../scripts/equations/tags.mjs";
import { readTitles } from "../../scripts/equations/titles.mjs";
import { tableRowNames } from "../../src/miras/index.ts";
import { randomSource } from "../oracles/index.ts";
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

const atlas = `"13":
  title: The memory forgets.
  section: "3.1"
  status: implemented
  formula: |-
    M_t = (1-\\alpha_t)
    M_{t-1}
  erratum: none
`;

const packageJson = JSON.stringify({
  name: "small",
  exports: { ".": { default: "./dist/index.js" }, "./titans": { default: "./dist/titans/index.js" } },
});

const project = {
  "package.json": packageJson,
  "src/index.ts": `export * from "./titans/index.ts";`,
  "src/titans/index.ts": `export { type Gates, memoryUpdate } from "./memory.ts";`,
  "scripts/equations/atlas/titans.yaml": atlas,
  "src/titans/memory.ts": memory,
  "tests/titans/memory.test.ts": tests,
};

function problemsOf(files: Record<string, string>): string[] {
  return readRegistry(fixture(files)).problems;
}

describe("readRegistry", () => {
  test("has an entry for everything in the papers, with its symbols and the tests that carry both", () => {
    const { entries, problems } = readRegistry(fixture(project));
    expect(problems).toEqual([]);
    expect(entries).toHaveLength(35 + 32 + 121 + 3 + 20 + 1);
    const title = "Titans Eq. 13-14: memoryUpdate >";
    expect(entries.find(({ paper, number }) => paper === "titans" && number === 13)).toEqual({
      paper: "titans",
      id: "13",
      kind: "equation",
      number: 13,
      title: "The memory forgets.",
      section: "3.1",
      formula: "M_t = (1-\\alpha_t)\nM_{t-1}",
      status: "implemented",
      reason: null,
      erratum: "none",
      symbols: [
        {
          symbol: "memoryUpdate",
          title: "Forgetting-gated memory update.",
          formula: "M_t = (1-\\alpha_t) M_{t-1} + S_t",
          file: "src/titans/memory.ts",
          line: 12,
          entryPoint: "small/titans",
        },
      ],
      tests: [
        { file: "tests/titans/memory.test.ts", title: `${title} equals the scalar recurrence` },
        { file: "tests/titans/memory.test.ts", title: `${title} is linear` },
      ],
    });
    const present = entries.filter(({ symbols }) => symbols.length > 0);
    expect(present.map((entry) => `${entry.paper} ${entry.id} ${entry.symbols.map(({ symbol }) => symbol)}`)).toEqual([
      "titans 2 Layer",
      "titans 13 memoryUpdate",
      "titans 14 memoryUpdate",
      "titans 15 Layer",
      "miras 3 memoryUpdate",
    ]);
    const layer = present.find(({ id }) => id === "15")?.symbols[0];
    expect(layer).toMatchObject({ title: "One layer over two lines.", formula: null, entryPoint: null });
  });

  test("has algorithms and rows, the latter from titles that put their names in as well", () => {
    const text = `/** Steps.
 * @see Nested Learning (arXiv:2512.24695) Algorithm 1
 * @see MIRAS (arXiv:2504.13173) Table 1 */
export function step() {}
`;
    const titles = [
      'test("NL Algorithm 1: step steps", () => {});',
      `test(\`MIRAS Table 1 row \${name}: step runs\`, () => {});`,
      'test("MIRAS Table 1 row mesa: step solves", () => {});',
    ];
    const { entries, problems } = readRegistry(fixture({ "src/a.ts": text, "tests/a.test.ts": titles.join("\n") }));
    expect(problems).toEqual([]);
    const find = (id: string) => entries.find((entry) => entry.id === id && entry.symbols.length > 0);
    expect(find("algorithm-1")).toMatchObject({ paper: "nl", kind: "algorithm", number: 1 });
    expect(find("table-1-gla")).toMatchObject({
      paper: "miras",
      kind: "row",
      number: null,
      tests: [{ title: "MIRAS Table 1 row gla: step runs" }],
    });
    expect(find("table-1-mesa")?.tests.map(({ title }) => title)).toEqual(["MIRAS Table 1 row mesa: step solves"]);
  });

  test("sets several formulas of a docstring one below the other", () => {
    const text =
      "/** Two. $$a$$ and\n *\n * $$b\n * c$$\n * @see Titans (arXiv:2501.00663) Eq. 1 */\nexport class Two {}";
    const formula = "\\begin{gathered} a \\\\ b c \\end{gathered}";
    expect(readDocstrings("a.ts", text).implementations[0]?.formula).toBe(formula);
  });

  test.each([
    ["an id that the paper lacks", '"36":\n  status: empty\n', 'the paper has no "36"'],
    ["a field that there is not", '"1":\n  status: empty\n  name: x\n', '"name" is not a text among'],
    ["a number for a text", '"1":\n  status: empty\n  section: 3.1\n', '"section" is not a text among'],
    ["another status", '"1":\n  status: done\n', 'the status "done" is not one of'],
  ])("reports atlas data with %s", (_, yaml, problem) => {
    expect(problemsOf({ "scripts/equations/atlas/titans.yaml": yaml })).toEqual([expect.stringContaining(problem)]);
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
    const { implementations, problems } = readDocstrings("src/a.ts", overloaded);
    expect(problems).toEqual([]);
    expect(implementations.map(({ symbol }) => symbol)).toEqual(["add"]);
  });

  test.each([
    ["a number beyond the paper", "Titans (arXiv:2501.00663) Eq. 36", "does not exist"],
    ["a range that ends before it starts", "Titans (arXiv:2501.00663) Eq. 14-13", "does not exist"],
    ["no full stop", "Titans (arXiv:2501.00663) Eq 13", "not of the form"],
    ["a dash that is no hyphen", "Titans (arXiv:2501.00663) Eq. 13\u201314", "not of the form"],
    ["another paper's number", "Titans (arXiv:2504.13173) Eq. 13", "not of the form"],
    ["words after the number", "Titans (arXiv:2501.00663) Eq. 13 (update)", "not of the form"],
    ["an algorithm beyond the paper", "Titans (arXiv:2501.00663) Algorithm 1", "does not exist"],
    ["a table that the paper lacks", "Titans (arXiv:2501.00663) Table 1 row gla", "not of the form"],
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
    ["an algorithm beyond the paper", "MIRAS Algorithm 4: memoryUpdate works", "does not exist"],
    ["a row that does not exist", "MIRAS Table 1 row glas: memoryUpdate works", "does not exist"],
    ["a table without a row", "MIRAS Table 1: memoryUpdate works", "another form"],
    ["no colon", "Titans Eq. 13 memoryUpdate works", "another form"],
  ])("reports a test title with %s", (_, title, problem) => {
    const titles = `test(${JSON.stringify(title)}, () => {});\n`;
    expect(problemsOf({ ...project, "tests/b.test.ts": titles })).toEqual([
      expect.stringMatching(`^tests/b.test.ts:1: .*${problem}`),
    ]);
  });

  test("takes a skipped test for no test", () => {
    const skipped = tests.replace("describe(", "describe.skip(");
    const source = "src/titans/memory.ts:12: memoryUpdate implements Titans (arXiv:2501.00663) Eq.";
    expect(problemsOf({ ...project, "tests/titans/memory.test.ts": skipped })).toEqual([
      expect.stringContaining(`${source} 13, but no test is titled "Titans Eq. 13: memoryUpdate ..."`),
      expect.stringContaining(`${source} 14`),
    ]);
  });
});

test("readEntryPoints names the room's entry point, else another's, else the whole library's", () => {
  const folder = fixture({
    "package.json": packageJson,
    "src/index.ts": `export * from "./titans/index.ts";\nexport { other } from "./other.ts";`,
    "src/other.ts": "export function other() {}\nexport function inner() {}",
    "src/shared.ts": "export function shared() {}",
    "src/titans/index.ts": `export * from "./all.ts";\nexport { shared } from "../shared.ts";`,
    "src/titans/all.ts": "export class All {}",
  });
  const entryPointOf = readEntryPoints(folder);
  expect(entryPointOf("All", "src/titans/all.ts")).toBe("small/titans");
  expect(entryPointOf("shared", "src/shared.ts")).toBe("small/titans");
  expect(entryPointOf("other", "src/other.ts")).toBe("small");
  expect(entryPointOf("inner", "src/other.ts")).toBe(null);
  expect(readEntryPoints(fixture({}))("other", "src/other.ts")).toBe(null);
});

test("missing says what an entry of a complete paper lacks", () => {
  const { entries } = readRegistry(fixture(project));
  const [complete, other] = [entries.find(({ id }) => id === "13")!, entries.find(({ id }) => id === "14")!];
  expect(missing([complete], ["titans"])).toEqual([]);
  expect(missing([other], [])).toEqual([]);
  const lacks = (what: Partial<typeof complete>) => missing([{ ...complete, ...what }], ["titans"]);
  const name = spelled(complete, "source");
  expect(missing([other], ["titans"])).toEqual([
    expect.stringMatching(/Eq\. 14 has no title and section in .*titans.yaml/),
  ]);
  expect(lacks({ formula: "" })).toEqual([`${name} has no formula in the atlas`]);
  expect(lacks({ tests: [] })).toEqual([`${name} has no test`]);
  expect(lacks({ symbols: [], reason: "so" })).toEqual([expect.stringContaining("said to be implemented")]);
  expect(lacks({ symbols: [], status: "identity tested" })).toEqual([
    expect.stringContaining("neither a symbol nor a reason"),
  ]);
  expect(lacks({ status: "motivation" })).toEqual([expect.stringContaining("does not say of what")]);
  expect(lacks({ status: "empty" })).toEqual([`${name} is said to be empty, but is tagged`]);
  expect(lacks({ status: "empty", symbols: [], tests: [], formula: "" })).toEqual([]);
});

test("unreadable finds formulas that cannot be typeset, in the atlas and in docstrings", () => {
  const entry = readRegistry(fixture(project)).entries.find(({ id }) => id === "13")!;
  const [symbol] = entry.symbols;
  expect(unreadable([entry])).toEqual([]);
  expect(unreadable([{ ...entry, formula: "\\frac{a}" }])).toEqual([
    expect.stringMatching(/Eq\. 13: the formula cannot be typeset/),
  ]);
  expect(unreadable([{ ...entry, symbols: [{ ...symbol!, formula: "\\nothing" }] }])).toEqual([
    expect.stringContaining("src/titans/memory.ts:12: memoryUpdate: the formula cannot be typeset"),
  ]);
});

test("parseSee and parseTitle read lists of numbers and ranges", () => {
  const titans = (...numbers: number[]) => numbers.map((number) => ({ paper: "titans", id: String(number) }));
  expect(parseSee("Titans (arXiv:2501.00663) Eq. 1-3, 5")).toEqual({ references: titans(1, 2, 3, 5), problems: [] });
  expect(parseSee("Titans (arXiv:2501.00663) section 3")).toEqual({ references: [], problems: [] });
  expect(parseSee("MIRAS (arXiv:2504.13173) Algorithm 1-2").references.map(({ id }) => id)).toEqual([
    "algorithm-1",
    "algorithm-2",
  ]);
  expect(parseSee("MIRAS (arXiv:2504.13173) Table 1").references).toHaveLength(papers.miras.rows.length);
  expect(parseTitle("Titans Eq. 1, 3-4: f")).toEqual({ references: titans(1, 3, 4), problems: [] });
  expect(parseTitle("Titans Eq. 1; NL Eq. 121: f").references).toEqual([...titans(1), { paper: "nl", id: "121" }]);
  expect(parseTitle("MIRAS Eq. 2 and MIRAS Table 1 row softmax-attention: f").references).toEqual([
    { paper: "miras", id: "2" },
    { paper: "miras", id: "table-1-softmax-attention" },
  ]);
});

test("the atlas knows the rows of Table 1 that the library has", () => {
  expect(papers.miras.rows).toEqual([...tableRowNames]);
});

test("readTitles finds every form of a test and nothing else", () => {
  const text = `
    describe.each([1])("outer", () => {
      it("a", () => {});
      test.skipIf(false)("b", () => {});
      test.todo("c");
      describeNative("native", () => { it("e", () => {}); });
      describe("inner", () => { test.for([1])(\`d \${x} e\`, () => {}); });
      regex.test("f"); other("g"); test(name, () => {});
    });`;
  expect(readTitles("x.test.ts", text).map(({ title, line }) => `${line} ${title}`)).toEqual([
    "3 outer > a",
    "4 outer > b",
    "6 outer > native > e",
    "7 outer > inner > d * e",
  ]);
});

test("registry.mjs writes the registry, and its check fails on a problem", () => {
  const script = join(root, "scripts/registry.mjs");
  const good = fixture(project);
  expect(runNode(good, [script, "--check"])).toMatchObject({ code: 0 });
  const written = JSON.parse(readFileSync(join(good, "dist/equations.json"), "utf8"));
  expect(written).toEqual(readRegistry(good).entries);

  const bad = fixture({ "src/titans/memory.ts": memory });
  const { code, stderr } = runNode(bad, [script, "--check"]);
  expect(code).toBe(1);
  expect(stderr).toContain("memoryUpdate implements MIRAS (arXiv:2504.13173) Eq. 3, but no test is titled");
  expect(runNode(bad, [script]).code).toBe(0);
});

describe("this project's atlas", () => {
  const seed = Date.now() % 100_000;
  console.log(`ten entries are drawn with the seed ${seed}`);
  const random = randomSource(seed);
  const { entries } = readRegistry(root);
  const filled = entries.filter(({ status }) => status !== "empty");
  const drawn = Array.from({ length: 10 }, () => filled[Math.floor(random.uniform() * filled.length)]!);

  test.each(drawn.map((entry) => [spelled(entry, "tag"), entry] as const))(
    "leads from %s to a formula, to tagged code and to a test",
    (name, { formula, symbols, tests, ...reference }) => {
      expect(() => katex.renderToString(formula, { displayMode: true, strict: "error" })).not.toThrow();
      expect(symbols, name).not.toEqual([]);
      for (const { symbol, file, line } of symbols) {
        const text = readFileSync(join(root, file), "utf8");
        const lines = text.split("\n");
        expect(lines[line - 1]).toMatch(new RegExp(`^export .*\\b${symbol}\\b`));
        const docstring = lines
          .slice(0, line - 1)
          .join("\n")
          .slice(
            lines
              .slice(0, line - 1)
              .join("\n")
              .lastIndexOf("/**"),
          );
        const tags = [...docstring.matchAll(/@see (.*)/g)].flatMap(([, see = ""]) => parseSee(see).references);
        expect(tags).toContainEqual({ paper: reference.paper, id: reference.id });
      }
      expect(tests, name).not.toEqual([]);
      for (const { file, title } of tests) {
        const titles = readTitles(file, readFileSync(join(root, file), "utf8")).map((test) => test.title);
        expect(
          titles.some(
            (known) => known === title || title === known.replace("row *", title.match(/row [a-z0-9-]+/)?.[0] ?? ""),
          ),
        ).toBe(true);
      }
    },
  );
});
