/** Where a user of the package imports a symbol from. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import ts from "typescript";
import { exportedName } from "./docstrings.mjs";

/**
 * @param {string} root a project, with a `package.json` if it has entry points
 * @returns {(symbol: string, file: string) => string | null} the entry point that exports a file's symbol: its room's before another's, the
 * whole library's last
 */
export function readEntryPoints(root) {
  if (!existsSync(join(root, "package.json"))) return () => null;
  const { name, exports = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const points = Object.entries(/** @type {Record<string, { default?: string }>} */ (exports)).flatMap(
    ([key, target]) => {
      const index = target.default?.replace(/^\.\/dist\//, "src/").replace(/\.js$/, ".ts") ?? "";
      if (!existsSync(join(root, index)) || index === "") return [];
      return [
        {
          entryPoint: posix.join(name, key),
          folder: key === "." ? "" : dirname(index),
          exported: exportsOf(root, index),
        },
      ];
    },
  );
  return (symbol, file) => {
    const found = points.filter(({ exported }) => exported.has(`${file}#${symbol}`));
    const own = found.find(({ folder }) => folder !== "" && file.startsWith(`${folder}/`));
    return (own ?? found.find(({ folder }) => folder !== "") ?? found[0])?.entryPoint ?? null;
  };
}

/**
 * @param {string} root
 * @param {string} file a module
 * @returns {Set<string>} `file#symbol` of every function and class that it declares, and of all that it re-exports under the same name
 */
function exportsOf(root, file) {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest);
  /** @type {Set<string>} */
  const found = new Set();
  for (const statement of source.statements) {
    const declared = exportedName(statement);
    if (declared !== undefined) found.add(`${file}#${declared}`);
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    const from = posix.join(posix.dirname(file), /** @type {ts.StringLiteral} */ (statement.moduleSpecifier).text);
    const clause = statement.exportClause;
    if (clause === undefined) for (const name of exportsOf(root, from)) found.add(name);
    else if (ts.isNamedExports(clause)) for (const { name } of clause.elements) found.add(`${from}#${name.text}`);
  }
  return found;
}
