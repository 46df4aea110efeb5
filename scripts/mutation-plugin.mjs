/** A vite plugin that replaces one exported function or class by a wrong one: `MUTATE="src/file.ts#symbol"`. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { exportedName } from "./equations/docstrings.mjs";

const perturb = fileURLToPath(new URL("../tests/setup/perturb.ts", import.meta.url));

/**
 * @param {string} target `src/file.ts#symbol`
 * @returns {import("vite").Plugin}
 */
export function mutation(target) {
  const [file = "", symbol = ""] = target.split("#");
  let root = "";
  return {
    name: "mutation",
    enforce: "pre",
    configResolved(config) {
      root = config.root;
    },
    transform(code, id) {
      const path = relative(root, id.split("?")[0] ?? "").replaceAll("\\", "/");
      return path === file ? mutate(code, symbol) : undefined;
    },
  };
}

/**
 * The module with one symbol replaced. Callers inside the module, also those that run before the symbol's line, get the wrong one too.
 *
 * @param {string} code
 * @param {string} symbol an exported function or class
 */
export function mutate(code, symbol) {
  const source = ts.createSourceFile("mutated.ts", code, ts.ScriptTarget.Latest, true);
  const declarations = source.statements.filter((statement) => exportedName(statement) === symbol);
  const [first] = declarations;
  if (first === undefined) throw new Error(`there is no exported function or class "${symbol}" to mutate`);

  if (ts.isClassDeclaration(first))
    return `${code}\nimport { perturbMethods as mutationOf } from ${JSON.stringify(perturb)};\nmutationOf(${symbol});\n`;

  let renamed = code;
  for (const declaration of declarations.filter(ts.isFunctionDeclaration).reverse()) {
    const { name, modifiers } = declaration;
    const exported = modifiers?.find((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
    if (name === undefined || exported === undefined) continue;
    renamed = `${renamed.slice(0, name.getStart(source))}original_${symbol}${renamed.slice(name.getEnd())}`;
    renamed = renamed.slice(0, exported.getStart(source)) + renamed.slice(exported.getEnd());
  }
  return `${renamed}
import { perturb as mutationOf } from ${JSON.stringify(perturb)};
export function ${symbol}(...args) {
  return mutationOf(original_${symbol}(...args));
}
`;
}
