/**
 * `npm run mutate [-- --only symbol]`: makes each function that implements an equation wrong, one at a time, and expects one of the
 * tests that name it to fail.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readRegistry } from "./equations/registry.mjs";

/** @typedef {{ symbol: string, file: string, tests: string[] }} Mutant */

const { only } = parseArgs({ options: { only: { type: "string" } } }).values;
const mutants = listMutants().filter(({ symbol }) => only === undefined || symbol === only);
if (mutants.length === 0) {
  console.error(
    only === undefined ? "no function implements an equation" : `no symbol "${only}" implements an equation`,
  );
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), "mutate-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const width = Math.max(...mutants.map(({ symbol }) => symbol.length));
let survivors = 0;
for (const mutant of mutants) {
  const { killed, how } = run(mutant);
  if (!killed) survivors++;
  console.log(`${killed ? "killed  " : "SURVIVED"}  ${mutant.symbol.padEnd(width)}  ${how}  (${mutant.file})`);
}
console.log(`\n${mutants.length - survivors} killed, ${survivors} survived`);
process.exitCode = survivors > 0 ? 1 : 0;

/** @returns {Mutant[]} */
function listMutants() {
  /** @type {Map<string, Mutant>} */
  const found = new Map();
  const { entries } = readRegistry(process.cwd());
  for (const { symbol, file, tests } of entries.flatMap(({ symbols, tests }) =>
    symbols.map((one) => ({ ...one, tests })),
  )) {
    const known = found.get(`${file}#${symbol}`)?.tests ?? [];
    found.set(`${file}#${symbol}`, {
      symbol,
      file,
      tests: [...new Set([...known, ...tests.map((test) => test.file)])],
    });
  }
  return [...found.values()];
}

/**
 * @param {Mutant} mutant
 * @returns {{ killed: boolean, how: string }}
 */
function run({ symbol, file, tests }) {
  if (tests.length === 0) return { killed: false, how: "no tests" };
  const output = join(scratch, `${symbol}.json`);
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  const title = String.raw`(Titans|MIRAS|NL) (Eq\.|Algorithm|Table 1) .*\b${symbol}\b`;
  const args = [vitest, "run", ...tests, "-t", title, "--reporter=json", `--outputFile=${output}`];
  const { stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, MUTATE: `${file}#${symbol}` },
    encoding: "utf8",
  });
  return judge(output, stderr);
}

/**
 * @param {string} output where vitest wrote its results
 * @param {string} stderr
 */
function judge(output, stderr) {
  /** @type {{ numPassedTests: number, numFailedTests: number, testResults: { status: string, assertionResults: { failureMessages: string[] }[] }[] }} */
  let report;
  try {
    report = JSON.parse(readFileSync(output, "utf8"));
  } catch {
    throw new Error(`vitest wrote no results:\n${stderr}`);
  }
  const { numPassedTests, numFailedTests, testResults } = report;
  const ran = numPassedTests + numFailedTests;
  const messages = testResults.flatMap((file) => file.assertionResults.flatMap((test) => test.failureMessages));
  // A wrong value that makes a test throw is found as well, but says less about the test than a failed assertion.
  const asserted = messages.some((message) => message.startsWith("AssertionError"));
  if (numFailedTests > 0)
    return { killed: true, how: `${numFailedTests} of ${ran} tests failed${asserted ? "" : ", by throwing"}` };
  if (testResults.some((file) => file.status === "failed")) return { killed: true, how: "a test file did not load" };
  return { killed: false, how: ran === 0 ? "no test ran" : `${ran} tests passed` };
}
