import { join } from "node:path";
import { expect, test } from "vitest";
import { fixture, root, runNode } from "./fixture.ts";

const rules = `
export interface Shape { readonly rows: number }

/**
 * Doubles.
 * @see Titans (arXiv:2501.00663) Eq. 3
 */
export function double(x: number): number {
  return 2 * x;
}

/**
 * Keeps a sum.
 * @see Titans (arXiv:2501.00663) Eq. 4
 */
export class Sum {
  total = 0;
  add(x: number): void {
    this.total += x;
  }
}

/**
 * Halves.
 * @see Titans (arXiv:2501.00663) Eq. 5
 */
export const unrelated = (x: number): number => x / 2;
export function half(x: number): number {
  return unrelated(x);
}
`;

const tests = `
import { describe, expect, test } from "vitest";
import { double, half, Sum } from "../src/rules.ts";
describe("Titans Eq. 3: double", () => {
  test("runs", () => expect(double(1)).toBe(2));
  test("does not run", () => expect(half(2)).toBe(1));
});
test("Titans Eq. 4: Sum runs", async () => { await Promise.resolve(); new Sum().add(1); });
test("Titans Eq. 4: Sum does not run", () => { half(2); double(2); });
test("Titans Eq. 3: double fails by itself", () => { throw new Error("own failure"); });
test("Titans Eq. 3: double, not the word Sum, runs", () => expect(double(1)).toBe(2));
test("an untagged test of double", () => {});
`;

const files = {
  "src/rules.ts": rules,
  "tests/rules.test.ts": tests,
  "vitest.config.mjs": `export default { test: {
    globalSetup: [${JSON.stringify(join(root, "tests/setup/implementations.ts"))}],
    setupFiles: [${JSON.stringify(join(root, "tests/setup/executed.ts"))}],
    coverage: { provider: "istanbul", include: ["src/**"], reporter: [] },
  } };`,
};

function run(...options: string[]): Record<string, string> {
  const folder = fixture(files);
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--reporter=json", "--silent", ...options];
  const { stdout } = runNode(folder, args);
  const report: { testResults: { assertionResults: { fullName: string; failureMessages: string[] }[] }[] } = JSON.parse(
    stdout.slice(stdout.indexOf("{")),
  );
  const results = report.testResults.flatMap((file) => file.assertionResults);
  return Object.fromEntries(
    results.map(({ fullName, failureMessages }) => [fullName, failureMessages.join().split("\n")[0] ?? ""]),
  );
}

test("with coverage, a tagged test fails unless it executes the function or class it names", () => {
  expect(run("--coverage")).toEqual({
    "Titans Eq. 3: double runs": "",
    "Titans Eq. 3: double does not run": expect.stringContaining(
      'the test "Titans Eq. 3: double > does not run" names double (src/rules.ts) but did not execute it',
    ),
    "Titans Eq. 4: Sum runs": "",
    "Titans Eq. 4: Sum does not run": expect.stringContaining("names Sum (src/rules.ts) but did not execute it"),
    "Titans Eq. 3: double fails by itself": "Error: own failure",
    "Titans Eq. 3: double, not the word Sum, runs": "",
    "an untagged test of double": "",
  });
});

test("without coverage, only a test's own failure counts", () => {
  const failed = Object.entries(run()).filter(([, message]) => message !== "");
  expect(failed).toEqual([["Titans Eq. 3: double fails by itself", "Error: own failure"]]);
});
