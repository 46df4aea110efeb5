/**
 * `npm run notebooks [names] [-- --out <folder>]`: executes notebooks from top to bottom in Jupyter, with Deno's kernel for TypeScript, and writes their
 * outputs into them, or into copies in a folder. Says in a sentence what is missing where they cannot run.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { buildMissing, heading, root } from "./project.mjs";

const folder = join(root, "notebooks");
const MOST_ATTEMPTS = 4;

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
 * Executes notebooks; what is printed while they run is shown. On a busy machine Deno's kernel now and then loses what a cell shows: then the notebook is
 * executed again.
 *
 * @param {readonly string[]} names
 * @param {string} [out] where to write; each notebook itself by default
 * @returns {number} the exit code of Jupyter, 0 if every cell of every notebook ran and nothing was lost
 */
export function runNotebooks(names, out = folder) {
  const work = mkdtempSync(join(tmpdir(), "notebooks-"));
  const executed = join(work, "executed");
  try {
    writeKernel(work);
    let open = [...names];
    for (let attempt = 1; attempt <= MOST_ATTEMPTS && open.length > 0; attempt++) {
      const status = execute(open, work, executed);
      if (status !== 0) return status;
      open = open.filter((name) => lacksOutput(join(executed, `${name}.ipynb`)));
    }
    for (const name of open) console.error(`${name}.ipynb: what a cell shows was lost ${MOST_ATTEMPTS} times`);
    if (open.length > 0) return 1;
    for (const name of names) copyFileSync(join(executed, `${name}.ipynb`), join(out, `${name}.ipynb`));
    return 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} work a folder in which Jupyter will look for kernels */
function writeKernel(work) {
  const kernel = join(work, "kernels/deno");
  mkdirSync(kernel, { recursive: true });
  const argv = [deno(), "jupyter", "--kernel", "--conn", "{connection_file}"];
  const spec = { argv, display_name: "Deno", language: "typescript", env: { NO_COLOR: "1" } };
  writeFileSync(join(kernel, "kernel.json"), JSON.stringify(spec));
}

/**
 * @param {readonly string[]} names
 * @param {string} work where the kernel is
 * @param {string} out where to write
 * @returns {number} the exit code
 */
function execute(names, work, out) {
  const { JUPYTER_PATH: others } = process.env;
  const options = ["--ExecutePreprocessor.record_timing=False", "--ExecutePreprocessor.timeout=600"];
  const files = names.map((name) => `${name}.ipynb`);
  const args = ["nbconvert", "--to", "notebook", "--execute", "--output-dir", out, ...options, ...files];
  const { status } = spawnSync("jupyter", args, {
    cwd: folder,
    stdio: "inherit",
    env: { ...process.env, JUPYTER_PATH: others === undefined ? work : work + delimiter + others },
  });
  return status ?? 1;
}

/**
 * @param {string} file an executed notebook
 * @returns {boolean} whether a cell that shows or prints something has nothing of it
 */
function lacksOutput(file) {
  const { cells } = JSON.parse(readFileSync(file, "utf8"));
  return cells.some(
    (/** @type {{ source: string[], outputs?: { output_type: string }[] }} */ { source, outputs = [] }) => {
      const has = (/** @type {string} */ type) => outputs.some(({ output_type }) => output_type === type);
      const begins = (/** @type {RegExp} */ line) => source.some((text) => line.test(text));
      return (
        (begins(/^await (lines|bars|matrices|table)\(/) && !has("display_data")) ||
        (begins(/^console\.log\(/) && !has("stream"))
      );
    },
  );
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
