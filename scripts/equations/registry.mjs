/** The equation registry: which equation of which paper is implemented where, and tested by what. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readDocstrings } from "./docstrings.mjs";
import { expand, namedSymbols, paperEntries, papers, parseTitle, sameEquation } from "./tags.mjs";
import { readTitles } from "./titles.mjs";

/**
 * @typedef {import("./tags.mjs").Equation} Equation
 * @typedef {import("./docstrings.mjs").Implementation} Implementation
 *
 * @typedef {object} Row one equation and one symbol that implements it
 * @property {import("./tags.mjs").Paper} paper
 * @property {number} number
 * @property {string | null} title first sentence of the symbol's docstring
 * @property {string | null} symbol
 * @property {string | null} file
 * @property {number | null} line
 * @property {{ file: string, title: string }[]} tests
 * @property {"tested" | "untested" | "missing"} status
 */

/**
 * @param {string} root a project with the folders `src` and `tests`
 * @returns {{ implementations: Implementation[], problems: string[] }}
 */
export function readImplementations(root) {
  const read = sourceFiles(root, "src", ".ts").map((file) =>
    readDocstrings(file, readFileSync(join(root, file), "utf8")),
  );
  return {
    implementations: read.flatMap(({ implementations }) => implementations),
    problems: read.flatMap(({ problems }) => problems),
  };
}

/**
 * @param {string} root a project with the folders `src` and `tests`
 * @returns {{ rows: Row[], problems: string[] }} the registry, and every tag in it that is malformed or leads nowhere
 */
export function readRegistry(root) {
  const { implementations, problems } = readImplementations(root);
  const titles = sourceFiles(root, "tests", ".test.ts").flatMap((file) =>
    readTitles(file, readFileSync(join(root, file), "utf8")),
  );
  /** @type {Map<Implementation, import("./titles.mjs").TestTitle[]>} */
  const tests = new Map(implementations.map((implementation) => [implementation, []]));

  for (const test of titles) {
    const tag = parseTitle(test.title);
    problems.push(...tag.problems.map((problem) => `${test.file}:${test.line}: ${problem}`));
    const named = namedSymbols(test.title, implementations);
    for (const implementation of named) tests.get(implementation)?.push(test);
    for (const equation of tag.equations) {
      if (!named.some((one) => one.equations.some((other) => sameEquation(equation, other))))
        problems.push(
          `${test.file}:${test.line}: the test "${test.title}" names no symbol whose docstring has ${papers[equation.paper].source} Eq. ${equation.number}`,
        );
    }
  }
  return { rows: paperEntries().flatMap(([paper]) => rowsOf(paper, tests)), problems };
}

/**
 * @param {import("./tags.mjs").Paper} paper
 * @param {Map<Implementation, import("./titles.mjs").TestTitle[]>} tests
 * @returns {Row[]}
 */
function rowsOf(paper, tests) {
  return expand(paper, `1-${papers[paper].equations}`).equations.flatMap((equation) => {
    const { number } = equation;
    const rows = [...tests]
      .filter(([{ equations }]) => equations.some((one) => sameEquation(one, equation)))
      .map(([{ symbol, title, file, line }, titles]) => {
        const covering = titles.filter((test) =>
          parseTitle(test.title).equations.some((one) => sameEquation(one, equation)),
        );
        /** @type {Row} */
        const row = {
          paper,
          number,
          title,
          symbol,
          file,
          line,
          tests: covering.map((test) => ({ file: test.file, title: test.title })),
          status: covering.length > 0 ? "tested" : "untested",
        };
        return row;
      });
    if (rows.length > 0) return rows;
    return [{ paper, number, title: null, symbol: null, file: null, line: null, tests: [], status: "missing" }];
  });
}

/**
 * @param {Row[]} rows
 * @returns {string[]} a sentence for each equation that is implemented but not tested
 */
export function untested(rows) {
  return rows
    .filter((row) => row.status === "untested")
    .map(({ file, line, symbol, paper, number }) => {
      const { source, tag } = papers[paper];
      return `${file}:${line}: ${symbol} implements ${source} Eq. ${number}, but no test is titled "${tag} Eq. ${number}: ${symbol} ..."`;
    });
}

/**
 * @param {Row[]} rows
 * @param {Record<string, string>} required for each paper, the equations that must be implemented, such as `1-18`
 * @returns {string[]} a sentence for each equation that is required but missing
 */
export function missing(rows, required) {
  return paperEntries().flatMap(([paper, { source }]) =>
    expand(paper, required[paper] ?? "")
      .equations.filter((equation) => rows.some((row) => sameEquation(row, equation) && row.status === "missing"))
      .map(({ number }) => `${source} Eq. ${number} is required, but no exported function or class is tagged with it`),
  );
}

/**
 * @param {string} root
 * @param {string} folder
 * @param {string} ending
 * @returns {string[]} paths with forward slashes, sorted
 */
function sourceFiles(root, folder, ending) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}
