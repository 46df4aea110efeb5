import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { missingForNotebooks, notebooks as names, runNotebooks } from "../../scripts/notebooks.mjs";
import { buildMissing, root } from "../../scripts/project.mjs";
import { difference, entryPoints, folder, readNotebook, runCells, typeErrors } from "./cells.ts";

const notebooks = names.map(readNotebook);
const lastEquations: Readonly<Record<string, number>> = { Titans: 35, MIRAS: 32, "Nested Learning": 121 };

describe.each(notebooks)("$name.ipynb", (notebook) => {
  const { code, prose } = notebook;

  test("its code cells run in Node, from top to bottom, and put out what the notebook holds", async () => {
    const found = await runCells(notebook);
    expect(found).toHaveLength(code.length);
    const differences = code.flatMap(({ text, sampled }, i) =>
      sampled ? (found[i] === "" ? "nothing was sampled" : []) : (difference(found[i]!, text) ?? []),
    );
    expect(differences).toEqual([]);
  });

  test("was executed in Jupyter as it is, with figures and tables", () => {
    expect(code.map(({ executed }) => executed)).toEqual(code.map((_, i) => i + 1));
    expect(code.filter(({ failed }) => failed)).toEqual([]);
    const shown = code.flatMap(({ shown }) => shown);
    expect(shown).toContain("image/svg+xml");
    expect(shown).toContain("text/markdown");
  });

  test("names equations that exist", () => {
    const named = [...prose.matchAll(/(Titans|MIRAS|Nested Learning) Eq\. ([\d, -]*\d)/g)];
    expect(named.length).toBeGreaterThan(3);
    for (const [, paper, numbers] of named)
      for (const number of numbers!.split(/[, -]+/).map(Number))
        expect(number).toSatisfy((n: number) => n >= 1 && n <= lastEquations[paper!]!);
  });
});

test("the code of all notebooks has no type errors", () => {
  expect(typeErrors(notebooks)).toEqual([]);
});

test("Deno finds every entry point of the package", () => {
  const { imports } = JSON.parse(readFileSync(join(folder, "deno.json"), "utf8")) as {
    imports: Record<string, string>;
  };
  const sources = Object.entries(imports).map(([name, path]) => [
    name,
    join(folder, path.replace("dist", "src").replace(/js$/, "ts")),
  ]);
  expect(Object.fromEntries(sources)).toEqual(entryPoints());
});

describe("outputs are compared", () => {
  test("as text, with numbers to their last digit", () => {
    expect(difference("error 0.123, 16 pairs", "error 0.124, 16  pairs\n")).toBeUndefined();
    expect(difference("error 2.1e-8", "error 3.4e-7")).toBeUndefined();
  });

  test("so that other words, other counts and other values are found", () => {
    expect(difference("loss 1.50", "error 1.50")).toContain("text differs");
    expect(difference("16 pairs", "17 pairs")).toContain("16 is not 17");
    expect(difference("loss 1.50", "loss 1.55")).toContain("1.50 is not 1.55");
  });
});

describe("the command says in a sentence", () => {
  const run = (args: readonly string[], path: string) => {
    const script = join(root, "scripts/notebooks.mjs");
    const { status, stderr } = spawnSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      env: { ...process.env, PATH: path },
    });
    return { status, stderr };
  };

  test("that Jupyter is missing", () => {
    expect(run([], "")).toEqual({ status: 2, stderr: expect.stringMatching(/^Jupyter is missing: install .*\.\n$/) });
  });

  test("that there is no such notebook", () => {
    expect(run(["titan"], "")).toEqual({ status: 2, stderr: expect.stringMatching(/^There is no notebook "titan"; /) });
  });
});

const missing = missingForNotebooks();
const out = mkdtempSync(join(tmpdir(), "notebooks-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

test.skipIf(missing !== undefined)("Jupyter runs every notebook", { timeout: 600_000 }, () => {
  expect(buildMissing(), "exit code of the build").toBe(0);
  expect(runNotebooks(names, out)).toBe(0);
});
