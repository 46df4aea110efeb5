/** `npm run registry`: writes dist/equations.json. With `--check`, fails on tags and tests that do not hold together. */
import { mkdirSync, writeFileSync } from "node:fs";
import { missing, readRegistry, untested } from "./equations/registry.mjs";
import { enforceRequired, paperEntries } from "./equations/tags.mjs";

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
  const failures = [...problems, ...untested(rows), ...(enforceRequired ? missing(rows) : [])];
  for (const failure of failures) console.error(failure);
  if (!enforceRequired) for (const line of missing(rows)) console.log(`not enforced yet: ${line}`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}
