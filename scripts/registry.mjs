/** `npm run registry`: writes dist/equations.json. With `--check`, fails on tags and tests that do not hold together. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { missing, readRegistry, untested } from "./equations/registry.mjs";
import { paperEntries } from "./equations/tags.mjs";

const { rows, problems } = readRegistry(process.cwd());
mkdirSync("dist", { recursive: true });
writeFileSync("dist/equations.json", `${JSON.stringify(rows, null, 2)}\n`);

for (const [paper, { source, equations }] of paperEntries()) {
  /** @param {typeof rows} some */
  const count = (some) => new Set(some.map((row) => row.number)).size;
  const present = rows.filter((row) => row.paper === paper && row.status !== "missing");
  const tested = present.filter((row) => row.status === "tested");
  console.log(`${source}: ${count(present)} of ${equations} equations implemented, ${count(tested)} tested`);
}

if (process.argv.includes("--check")) {
  const { requiredEquations = {} } = existsSync("package.json") ? JSON.parse(readFileSync("package.json", "utf8")) : {};
  const failures = [...problems, ...untested(rows), ...missing(rows, requiredEquations)];
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
}
