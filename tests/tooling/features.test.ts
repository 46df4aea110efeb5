/** FEATURES.md names symbols, commands and files that exist, and a status of each. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandProgram } from "../../src/cli/program.ts";
import * as data from "../../src/data/index.ts";
import * as evaluation from "../../src/evaluation/index.ts";
import * as library from "../../src/index.ts";
import * as inference from "../../src/inference/index.ts";
import * as training from "../../src/training/index.ts";
import { root } from "./fixture.ts";

const exported = { ...library, ...data, ...training, ...inference, ...evaluation };
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
const commands = commandProgram().commands.map((command) => command.name());

const rows = readFileSync(join(root, "FEATURES.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| (?!feature |-)/.test(line))
  .map((line) => line.split("|").slice(1, -1));

const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, inside]) => inside!);

test.each(rows.map((row) => [row[0]!.trim(), row] as const))("%s", (_, row) => {
  expect(row).toHaveLength(4);
  const [, symbols, status, where] = row as [string, string, string, string];
  expect(quoted(symbols)).not.toEqual([]);
  for (const name of quoted(symbols)) {
    const [first, second, third] = name.split(" ");
    if (first === "neural-memory") expect(commands, name).toContain(second);
    else if (first === "npm") expect(Object.keys(scripts), name).toContain(third);
    else expect(Object.keys(exported), name).toContain(name);
  }
  expect(status).toMatch(/^ (tested|measured|partial|planned)\b/);
  expect(quoted(where)).not.toEqual([]);
  for (const path of quoted(where)) expect(existsSync(join(root, path)), path).toBe(true);
  // What is measured has a place where that stands.
  if (/\bmeasured\b/.test(status) && !/in two examples/.test(status)) expect(where).toContain("results/");
});
