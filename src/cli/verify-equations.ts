/** `equations --verify`: runs the tests behind entries of the atlas, and says how close their numbers came. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { MissingPackageError } from "../utils/index.ts";
import { type AtlasEntry, shortName } from "./equation-atlas.ts";
import { onInterrupt } from "./interrupt.ts";
import { printTable } from "./output.ts";

const ROOT = new URL("../../", import.meta.url);
const RUNNER = new URL("scripts/equations/run-tests.mjs", ROOT);
const TITLES = new URL("scripts/equations/titles.mjs", ROOT);

/** What a line of the runner says; a file's own line has no title. */
interface TestResult {
  readonly file: string;
  readonly title: string | null;
  readonly state: "passed" | "failed" | "skipped" | "pending";
  readonly error: string | null;
  readonly largest?: { readonly difference: number; readonly tolerance: number };
  readonly exact?: boolean;
}

/** What the tests of an entry found. */
export interface Verification {
  readonly paper: string;
  readonly id: string;
  /** `skipped` where none of its tests can run on this machine, `untested` of an entry that says nothing. */
  readonly result: "pass" | "fail" | "skipped" | "untested";
  readonly tests: number;
  /** The largest difference that the tests saw between a result and its oracle, and what it was allowed to be. */
  readonly largest: { readonly difference: number; readonly tolerance: number } | null;
  /** Whether numbers were found equal. */
  readonly exact: boolean;
  /** A sentence a test that failed or did not run. */
  readonly failures: readonly string[];
}

/**
 * Runs the tests of some entries.
 *
 * @returns what each found, or the exit code of an interrupt
 * @throws MissingPackageError outside of a clone with its development packages
 */
export async function verifyEntries(entries: readonly AtlasEntry[]): Promise<Verification[] | number> {
  if (!canRunTests())
    throw new MissingPackageError(
      "--verify runs the project's tests, which the package does not have; use it in a clone of the repository, after npm install",
    );
  const tests = entries.flatMap((entry) => entry.tests);
  const files = [...new Set(tests.map(({ file }) => file))];
  const titles = [...new Set(tests.map(({ title }) => title))];
  if (titles.length === 0) return entries.map((entry) => judge(entry, [], () => ""));
  const interrupt = onInterrupt("stopping the tests");
  const results = await runTests(files, titles, interrupt.signal);
  if (interrupt.exitCode !== undefined) return interrupt.exitCode;
  const { titlePattern } = (await import(TITLES.href)) as { titlePattern(title: string): string };
  return entries.map((entry) => judge(entry, results, titlePattern));
}

function canRunTests(): boolean {
  if (!existsSync(fileURLToPath(RUNNER))) return false;
  try {
    return createRequire(RUNNER).resolve("vitest/node") !== "";
  } catch {
    return false;
  }
}

/** Says while it runs how far it is: one live line on a terminal, a line a file elsewhere. */
async function runTests(files: readonly string[], titles: readonly string[], signal: AbortSignal) {
  const runner = spawn(process.execPath, [fileURLToPath(RUNNER)], {
    cwd: fileURLToPath(ROOT),
    stdio: ["pipe", "pipe", "pipe"],
    signal,
  });
  const complaints = text(runner.stderr);
  runner.on("error", () => {}); // an interrupt ends it
  runner.stdin.on("error", () => {}); // it may have ended without reading
  runner.stdin.end(JSON.stringify({ files, titles }));
  const live = process.stderr.isTTY;
  const results: TestResult[] = [];
  let [ended, tested] = [0, 0];
  if (live) process.stderr.write(`running the tests of ${files.length} files`);
  for await (const line of createInterface({ input: runner.stdout })) {
    if (!line.startsWith("{")) continue; // what a test prints
    const result = JSON.parse(line) as TestResult;
    results.push(result);
    if (result.title === null) ended++;
    else if (result.state !== "skipped") tested++;
    const progress = `${tested} tests, ${ended} of ${files.length} files`;
    if (live) process.stderr.write(`\r\x1b[K${progress}`);
    else if (result.title === null) console.error(`${progress}: ${result.file}`);
  }
  if (live) process.stderr.write("\r\x1b[K");
  if (results.length === 0 && !signal.aborted)
    throw new Error(`the tests did not start: ${(await complaints).trim().split("\n").at(-1)}`);
  return results;
}

function judge(
  { paper, id, tests }: AtlasEntry,
  results: readonly TestResult[],
  patternOf: (title: string) => string,
): Verification {
  const failures: string[] = [];
  const ran: TestResult[] = [];
  for (const { file, title } of tests) {
    const pattern = new RegExp(patternOf(title));
    const own = results.filter((one) => one.file === file && one.title !== null && pattern.test(one.title));
    if (own.length === 0) {
      const whole = results.find((one) => one.file === file && one.title === null);
      failures.push(`${file}: "${title}" did not run${whole?.error ? `: ${whole.error}` : ""}`);
    }
    for (const one of own)
      if (one.state === "failed") failures.push(`${file}: "${one.title}" failed: ${one.error}`);
      else if (one.state === "passed") ran.push(one);
  }
  const differences = ran.flatMap(({ largest }) => (largest === undefined ? [] : [largest]));
  const unlessFailed = tests.length === 0 ? "untested" : ran.length === 0 ? "skipped" : "pass";
  return {
    ...{ paper, id, failures },
    result: failures.length > 0 ? "fail" : unlessFailed,
    tests: ran.length,
    largest: differences.sort((a, b) => b.difference - a.difference)[0] ?? null,
    exact: ran.some(({ exact }) => exact),
  };
}

/** Prints a line an entry, then what failed. */
export function printVerifications(entries: readonly AtlasEntry[], found: readonly Verification[]): void {
  printTable([
    ["entry", "result", "tests", "largest difference"],
    ...found.map((one, i) => [shortName(entries[i]!), one.result, String(one.tests), differenceText(one, entries[i]!)]),
  ]);
  for (const failure of found.flatMap(({ failures }) => failures)) console.log(failure);
  const count = (result: Verification["result"]) => found.filter((one) => one.result === result).length;
  const [skipped, untested] = [count("skipped"), count("untested")];
  const rest = [
    ...(skipped === 0 ? [] : [`, ${skipped} skipped (their tests need the native engine)`]),
    ...(untested === 0 ? [] : [`, ${untested} without anything to test`]),
  ];
  console.log(`\n${count("pass")} passed, ${count("fail")} failed${rest.join("")}`);
}

function differenceText({ result, largest, exact, tests }: Verification, { status }: AtlasEntry): string {
  if (status === "empty") return "nothing to test";
  if (tests === 0) return result === "skipped" ? "not run" : "";
  if (largest !== null && largest.difference > 0)
    return `${largest.difference.toExponential(1)}, allowed ${largest.tolerance.toExponential(0)}`;
  return largest !== null || exact ? "exact" : "no numbers compared";
}
