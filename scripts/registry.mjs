/** `npm run registry`: writes dist/equations.json. With `--check`, fails where atlas, tags and tests do not hold together. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { missing, readRegistry } from "./equations/registry.mjs";
import { paperEntries } from "./equations/tags.mjs";

const { entries, problems } = readRegistry(process.cwd());
mkdirSync("dist", { recursive: true });
writeFileSync("dist/equations.json", `${JSON.stringify(entries, null, 2)}\n`);

for (const [paper, { source }] of paperEntries()) {
  const own = entries.filter((entry) => entry.paper === paper);
  const kinds = /** @type {const} */ (["equation", "algorithm", "row"]).map((kind) => {
    const some = own.filter((entry) => entry.kind === kind);
    const tested = some.filter(({ tests }) => tests.length > 0);
    return some.length === 0 ? "" : `${tested.length} of ${some.length} ${kind}s`;
  });
  console.log(`${source}: ${kinds.filter((text) => text !== "").join(", ")} have a symbol and a test`);
}

if (process.argv.includes("--check")) {
  const { unreadable } = await import("./equations/formulas.mjs");
  const { requiredEquations = [] } = existsSync("package.json") ? JSON.parse(readFileSync("package.json", "utf8")) : {};
  const failures = [...problems, ...missing(entries, requiredEquations), ...unreadable(entries)];
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
}
