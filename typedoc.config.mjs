/** The API documentation: one page tree for every public entry point, with formulas as MathML. */
import { readFileSync } from "node:fs";
import formulas from "@vscode/markdown-it-katex";
import katex from "katex";

/** @type {{ exports: Record<string, string | { default: string }> }} */
const { exports } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const entryPoints = Object.values(exports)
  .filter((entry) => typeof entry === "object")
  .map((entry) => entry.default.replace("./dist/", "src/").replace(/\.js$/, ".ts"))
  // The first module that exports a name gets its page: that is its room, not the root that collects the rooms.
  .reverse();

/** A formula that cannot be read is only logged by the plugin, so it is counted here. */
let unreadable = 0;
process.on("exit", () => {
  if (unreadable > 0) process.exitCode = 1;
});
const renderer = {
  /** @type {typeof katex.renderToString} */
  renderToString(formula, options) {
    try {
      return katex.renderToString(formula, { ...options, throwOnError: true, output: "mathml" });
    } catch (error) {
      unreadable++;
      console.error(`unreadable formula: ${formula}`);
      throw error;
    }
  },
};

/** @type {Partial<import("typedoc").TypeDocOptions>} */
export default {
  entryPoints,
  out: "docs/api",
  tsconfig: "tsconfig.build.json",
  includeVersion: true,
  // A clone need not have a remote to link to.
  disableGit: true,
  sourceLinkTemplate: "{path}#L{line}",
  excludeInternal: true,
  requiredToBeDocumented: ["Function", "Class"],
  validation: { invalidLink: true, notDocumented: true, notExported: false },
  treatValidationWarningsAsErrors: true,
  markdownItLoader: (parser) => {
    parser.use(formulas.default, { katex: renderer });
  },
};
