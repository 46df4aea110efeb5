/**
 * `npm run notebooks [names] [-- --out <folder>]`: executes notebooks from top to bottom in Jupyter, with Deno's kernel for TypeScript, and writes their
 * outputs into them, or into copies in a folder. Says in a sentence what is missing where they cannot run.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { buildMissing, heading, root } from "./project.mjs";

const folder = join(root, "notebooks");

/** Names of all notebooks. */
export const notebooks = readdirSync(folder)
  .filter((file) => file.endsWith(".ipynb"))
  .map((file) => file.slice(0, -".ipynb".length));

/** @returns {string | undefined} what is missing here to run notebooks, in a sentence */
export function missingForNotebooks() {
  const converter = spawnSync("jupyter", ["nbconvert", "--version"], { stdio: "ignore" });
  if (converter.status !== 0)
    return "Jupyter is missing: install jupyter-nbconvert (Debian: apt-get install jupyter-nbconvert python3-ipykernel; others: pip install nbconvert ipykernel).";
  return deno() === undefined ? "Deno is missing, whose kernel runs TypeScript in Jupyter: npm install." : undefined;
}

/**
 * Executes notebooks; what is printed while they run is shown.
 *
 * @param {readonly string[]} names
 * @param {string} [out] where to write; each notebook itself by default
 * @returns {number} the exit code of Jupyter, 0 if every cell of every notebook ran
 */
export function runNotebooks(names, out) {
  const kernels = mkdtempSync(join(tmpdir(), "kernels-"));
  const kernel = join(kernels, "kernels/deno");
  mkdirSync(kernel, { recursive: true });
  const argv = [deno(), "jupyter", "--kernel", "--conn", "{connection_file}"];
  writeFileSync(
    join(kernel, "kernel.json"),
    JSON.stringify({ argv, display_name: "Deno", language: "typescript", env: { NO_COLOR: "1" } }),
  );
  const { JUPYTER_PATH: others } = process.env;
  const place = out === undefined ? ["--inplace"] : ["--output-dir", out];
  const options = ["--ExecutePreprocessor.record_timing=False", "--ExecutePreprocessor.timeout=600"];
  const files = names.map((name) => `${name}.ipynb`);
  const { status } = spawnSync(
    "jupyter",
    ["nbconvert", "--to", "notebook", "--execute", ...place, ...options, ...files],
    {
      cwd: folder,
      stdio: "inherit",
      env: { ...process.env, JUPYTER_PATH: others === undefined ? kernels : kernels + delimiter + others },
    },
  );
  rmSync(kernels, { recursive: true, force: true });
  return status ?? 1;
}

/** @returns {string | undefined} the path of Deno's executable, which its package unpacks when it is first asked for */
function deno() {
  try {
    return createRequire(import.meta.url)("deno/install_api.cjs").runInstall();
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
  const unknown = positionals.find((name) => !notebooks.includes(name));
  const missing = missingForNotebooks();
  if (unknown !== undefined) fail(`There is no notebook "${unknown}"; there are ${notebooks.join(", ")}.`);
  else if (missing !== undefined) fail(missing);
  else process.exitCode = buildMissing() || run(positionals, values.out);
}

/**
 * @param {readonly string[]} names
 * @param {string | undefined} out
 */
function run(names, out) {
  heading("notebooks");
  return runNotebooks(names.length > 0 ? names : notebooks, out);
}

/** @param {string} sentence */
function fail(sentence) {
  console.error(sentence);
  process.exitCode = 2;
}
