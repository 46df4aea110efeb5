/** The API documentation: one page tree for every public entry point, with formulas as MathML. */
import { readFileSync } from "node:fs";
import { formulas } from "./scripts/site/formulas.mjs";

/** @type {{ exports: Record<string, string | { default: string }> }} */
const { exports } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const entryPoints = Object.values(exports)
  .filter((entry) => typeof entry === "object")
  .map((entry) => entry.default.replace("./dist/", "src/").replace(/\.js$/, ".ts"))
  // The first module that exports a name gets its page: that is its room, not the root that collects the rooms.
  .reverse();

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  entryPoints,
  plugin: ["./scripts/typedoc/documented.mjs", "./scripts/typedoc/addresses.mjs"],
  readme: "none",
  out: "docs/api",
  tsconfig: "tsconfig.build.json",
  includeVersion: true,
  // A clone need not have a remote to link to.
  disableGit: true,
  // All pages with sources lie one folder deep in the reference, which the site has at /api beside /source.
  sourceLinkTemplate: "../../source/src/{path}.html#L{line}",
  excludeInternal: true,
  // What classes of errors inherit from the language has no page of source.
  excludeExternals: true,
  requiredToBeDocumented: ["Function", "Class", "Interface", "TypeAlias", "Variable"],
  validation: { invalidLink: true, notDocumented: true, notExported: false },
  treatValidationWarningsAsErrors: true,
  markdownItLoader: formulas({ output: "mathml" }),
};
