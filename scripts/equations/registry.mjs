/** The equation atlas: what every numbered thing of the papers says, which symbol computes it, and which tests prove that. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readAtlasData } from "./atlas-data.mjs";
import { readDocstrings } from "./docstrings.mjs";
import { readEntryPoints } from "./entry-points.mjs";
import { everythingIn, kindOf, namedSymbols, paperEntries, parseTitle, sameReference, spelled } from "./tags.mjs";
import { readTitles } from "./titles.mjs";

const STAR = "Table 1 row *";

/**
 * @typedef {import("./tags.mjs").Reference} Reference
 * @typedef {import("./docstrings.mjs").Implementation} Implementation
 *
 * @typedef {object} AtlasSymbol
 * @property {string} symbol
 * @property {string} title first sentence of its docstring
 * @property {string | null} formula of its docstring
 * @property {string} file
 * @property {number} line
 * @property {string | null} entryPoint where a user imports it from
 *
 * @typedef {object} AtlasEntry an equation, an algorithm or a row of a table
 * @property {import("./tags.mjs").Paper} paper
 * @property {string} id
 * @property {"equation" | "algorithm" | "row"} kind
 * @property {number | null} number
 * @property {string} title
 * @property {string} section
 * @property {string} formula
 * @property {import("./atlas-data.mjs").Status} status
 * @property {string | null} reason
 * @property {string | null} erratum
 * @property {AtlasSymbol[]} symbols
 * @property {{ file: string, title: string }[]} tests
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
 * @param {string} root a project with the folders `src` and `tests`, and the atlas's data in `scripts/equations/atlas`
 * @returns {{ entries: AtlasEntry[], problems: string[] }} the atlas; every tag that is malformed or leads nowhere, and every symbol without
 * a test of what it implements
 */
export function readRegistry(root) {
  const { implementations, problems } = readImplementations(root);
  const { data, problems: dataProblems } = readAtlasData(root);
  const entryPointOf = readEntryPoints(root);
  const tests = sourceFiles(root, "tests", ".test.ts")
    .flatMap((file) => readTitles(file, readFileSync(join(root, file), "utf8")))
    .map((test) => ({ ...test, ...parseTitle(test.title), named: namedSymbols(test.title, implementations) }));
  // A title's template that puts names of rows in it stands for those that no other title names.
  const single = new Set(
    tests.flatMap(({ title, references }) => (title.includes(STAR) ? [] : references.map(({ id }) => id))),
  );
  problems.push(...dataProblems);

  for (const { file, line, title, references, problems: found, named } of tests) {
    problems.push(...found.map((problem) => `${file}:${line}: ${problem}`));
    for (const reference of references)
      if (!named.some((one) => implementsIt(one, reference)))
        problems.push(
          `${file}:${line}: the test "${title}" names no symbol whose docstring has ${spelled(reference, "source")}`,
        );
  }

  const entries = paperEntries()
    .flatMap(([paper]) => everythingIn(paper))
    .map((reference) => {
      const { kind, number, row } = kindOf(reference.id);
      const own = implementations.filter((one) => implementsIt(one, reference));
      const about = tests.filter(
        ({ title, references, named }) =>
          references.some((one) => sameReference(one, reference)) &&
          own.some((one) => named.includes(one)) &&
          !(kind === "row" && title.includes(STAR) && single.has(reference.id)),
      );
      for (const one of own)
        if (!about.some(({ named }) => named.includes(one)))
          problems.push(
            `${one.file}:${one.line}: ${one.symbol} implements ${spelled(reference, "source")}, but no test is titled "${spelled(reference, "tag")}: ${one.symbol} ..."`,
          );
      const said = data.get(`${reference.paper} ${reference.id}`);
      /** @type {AtlasEntry} */
      const entry = {
        ...reference,
        kind,
        number,
        title: said?.title ?? "",
        section: said?.section ?? "",
        formula: said?.formula ?? "",
        status: said?.status ?? "implemented",
        reason: said?.reason ?? null,
        erratum: said?.erratum ?? null,
        symbols: own.map(({ symbol, title, formula, file, line }) => ({
          ...{ symbol, title, formula, file, line },
          entryPoint: entryPointOf(symbol, file),
        })),
        tests: about.map(({ file, title }) => ({
          file,
          title: row === null ? title : title.replace(STAR, `Table 1 row ${row}`),
        })),
      };
      return entry;
    });
  return { entries, problems };
}

/**
 * What is missing of the papers that the atlas must have in full.
 *
 * @param {AtlasEntry[]} entries
 * @param {string[]} complete papers
 * @returns {string[]} a sentence each
 */
export function missing(entries, complete) {
  return entries
    .filter(({ paper }) => complete.includes(paper))
    .flatMap((entry) => {
      const name = spelled(entry, "source");
      const { title, section, formula, status, reason, symbols, tests } = entry;
      if (title === "" || section === "")
        return [`${name} has no title and section in scripts/equations/atlas/${entry.paper}.yaml`];
      if (status === "empty")
        return symbols.length + tests.length === 0 ? [] : [`${name} is said to be empty, but is tagged`];
      return [
        formula === "" && `${name} has no formula in the atlas`,
        symbols.length === 0 &&
          status === "implemented" &&
          `${name} is said to be implemented, but no exported function or class is tagged with it`,
        symbols.length === 0 && reason === null && `${name} has neither a symbol nor a reason why there is none`,
        (status === "motivation" || status === "definition") &&
          reason === null &&
          `${name} is a ${status}, but the atlas does not say of what`,
        tests.length === 0 && `${name} has no test`,
      ].filter((problem) => problem !== false);
    });
}

/**
 * @param {Implementation} implementation
 * @param {Reference} reference
 */
function implementsIt({ references }, reference) {
  return references.some((one) => sameReference(one, reference));
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
