/** The examples as a user runs them, at toy size, on the build. */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildMissing, root } from "../../scripts/project.mjs";
import { runNode } from "../tooling/fixture.ts";

beforeAll(() => {
  expect(buildMissing(), "exit code of the build").toBe(0);
});

/** The rows of the table an example prints: names and numbers. */
function rowsOf(stdout: string): [name: string, ...numbers: number[]][] {
  const rows = stdout.split("\n").slice(2, -1);
  return rows.map((row) => {
    const [name, ...numbers] = row.replace(" %", "").split(/\s{2,}/);
    return [name!, ...numbers.map(Number)];
  });
}

test("forecast.mjs compares forecasts by squared and absolute error", () => {
  const flags = ["--steps", "1", "--windows", "4", "--engine", "wasm"];
  const { code, stdout, stderr } = runNode(root, [join("examples", "forecast.mjs"), ...flags]);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("4 windows of 28 days, 2 days ahead");
  const rows = rowsOf(stdout);
  expect(rows.map(([name]) => name)).toEqual([
    "neural memory",
    "the same, never written",
    "last value",
    "last day",
    "last week",
  ]);
  for (const [name, squared, absolute] of rows) {
    // A mean of squares is at least the square of the mean; rounded to three places.
    expect(squared, name).toBeGreaterThan(absolute! ** 2 - 0.01);
    expect(absolute, name).toBeGreaterThan(0.2);
  }
});

test("classify.mjs compares classifiers by accuracy", () => {
  const flags = ["--steps", "1", "--tests", "10", "--engine", "wasm"];
  const { code, stdout, stderr } = runNode(root, [join("examples", "classify.mjs"), ...flags]);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("10 test sequences, 32 to train on");
  const rows = rowsOf(stdout);
  expect(rows.map(([name]) => name)).toEqual([
    "neural memory",
    "the same, never written",
    "more frequent class",
    "counts of 2-mers",
    "counts of 3-mers",
    "counts of 4-mers",
  ]);
  for (const [name, accuracy] of rows) {
    expect(accuracy! % 10, name).toBe(0);
    expect(accuracy, name).toBeLessThanOrEqual(100);
  }
});
