/** The examples as a user runs them, at toy size, on the build. */
import { readdirSync, readFileSync } from "node:fs";
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

const examples = join(root, "examples");
/** They compare with baselines of their own, and are longer for that. */
const long = ["classify.mjs", "forecast.mjs"];

/** What an example prints; it must end well and have nothing to complain of. */
function outputOf(...args: string[]): string {
  const { code, stdout, stderr } = runNode(root, [join(examples, args[0]!), ...args.slice(1)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** Every number that stands behind a word or sign, in the order in which they are printed. */
function numbersAfter(word: string, text: string): number[] {
  return [...text.matchAll(new RegExp(`${word} ([\\d.]+)`, "g"))].map(([, number]) => Number(number));
}

test("the examples are short, and their table names all of them", () => {
  const files = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(mjs|py|html|yaml)$/.test(file),
  );
  const table = readFileSync(join(examples, "README.md"), "utf8");
  for (const file of files) {
    const lines = readFileSync(join(examples, file), "utf8").split("\n").length - 1;
    if (!long.includes(file)) expect(lines, file).toBeLessThan(60);
    expect(table).toContain(`(${file.replaceAll("\\", "/")})`);
  }
});

test("associative-recall.mjs: a memory that was written recalls", () => {
  const errors = numbersAfter("recall error", outputOf("associative-recall.mjs"));
  expect(errors).toHaveLength(9);
  expect(errors[0]).toBeGreaterThan(0.9);
  expect(errors.at(-1)).toBeLessThan(0.01);
});

test("sensor-memory.mjs: a memory that goes on learning follows changes", () => {
  const rows = outputOf("sensor-memory.mjs", "320").split("\n").slice(1, 4);
  const [always, first, never] = rows.map((row) =>
    row
      .trim()
      .split(/\s{2,}/)
      .slice(1)
      .map(Number),
  );
  expect(always).toHaveLength(4);
  expect(first![0], "the first regime is learned by both").toBe(always![0]);
  for (const regime of [1, 2, 3])
    expect(always![regime], `regime ${regime}`).toBeLessThan(Math.min(first![regime]!, never![regime]!));
});

test("custom-bias.mjs: log-cosh is not led astray by outliers, l2 is", () => {
  const errors = numbersAfter("error", outputOf("custom-bias.mjs"));
  expect(errors).toHaveLength(6);
  expect(Math.min(...errors.slice(0, 3))).toBeGreaterThan(2);
  expect(Math.max(...errors.slice(3))).toBeLessThan(1);
});

test("stream-novel.mjs: every level is updated at its own frequency, and memory does not grow", () => {
  const rows = outputOf("stream-novel.mjs", "1", "2048").split("\n").slice(-3, -1);
  const columns = rows.map((row) => row.trim().split(/\s{2,}/));
  expect(columns.map(([bytes]) => bytes)).toEqual(["1024", "2048"]);
  // The last chunk is learned from when the byte after it arrives.
  expect(columns.map((row) => row[3])).toEqual(["15, 3, 0", "31, 7, 1"]);
  expect(columns[0]![4]).toBe(columns[1]![4]);
  for (const row of columns) expect(Number(row[1])).toBeGreaterThan(1);
});
