import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cruise, type ICruiseResult, type IForbiddenRuleType } from "dependency-cruiser";
import { describe, expect, test } from "vitest";
import configuration from "../../.dependency-cruiser.mjs";
import { fixture, root } from "./fixture.ts";

const { forbidden, options } = configuration;

/** The rules that a project breaks, each with the import that breaks it. */
async function violations(folder: string): Promise<string[]> {
  const { output } = await cruise(["src"], {
    ...options,
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: forbidden as IForbiddenRuleType[] },
  });
  return (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

function project(files: Record<string, string>): string {
  return fixture({ "package.json": readFileSync(join(root, "package.json"), "utf8"), ...files });
}

/** Each wrong import with the only rule it breaks. */
const wrongImports: [rule: string, files: Record<string, string>][] = [
  ["room-utils", { "src/utils/a.ts": 'import "../array/b.ts";', "src/array/b.ts": "" }],
  ["room-array", { "src/array/a.ts": 'import "../optim/b.ts";', "src/optim/b.ts": "" }],
  ["room-optim", { "src/optim/a.ts": 'import "../common/b.ts";', "src/common/b.ts": "" }],
  ["room-common", { "src/common/a.ts": 'import "../titans/b.ts";', "src/titans/b.ts": "" }],
  ["room-titans", { "src/titans/a.ts": 'import "../miras/b.ts";', "src/miras/b.ts": "" }],
  ["room-miras", { "src/miras/a.ts": 'import "../titans/b.ts";', "src/titans/b.ts": "" }],
  ["room-nl", { "src/nl/a.ts": 'import "../models/b.ts";', "src/models/b.ts": "" }],
  ["room-models", { "src/models/a.ts": 'import "../data/b.ts";', "src/data/b.ts": "" }],
  ["room-data", { "src/data/a.ts": 'import "../optim/b.ts";', "src/optim/b.ts": "" }],
  ["room-training", { "src/training/a.ts": 'import "../evaluation/b.ts";', "src/evaluation/b.ts": "" }],
  ["room-inference", { "src/inference/a.ts": 'import "../training/b.ts";', "src/training/b.ts": "" }],
  ["room-evaluation", { "src/evaluation/a.ts": 'import "../cli/b.ts";', "src/cli/b.ts": "" }],
  ["room-cli", { "src/cli/a.ts": 'import "../index.ts";', "src/index.ts": "" }],
  [
    "room-titans",
    { "src/titans/a.ts": 'import type { B } from "../models/b.ts";', "src/models/b.ts": "export type B = 1;" },
  ],
  ["room-titans", { "src/titans/a.ts": 'export const b = () => import("../models/b.ts");', "src/models/b.ts": "" }],
  ["known-rooms", { "src/index.ts": 'import "./attic/b.ts";', "src/attic/b.ts": "" }],
  ["array-library", { "src/optim/a.ts": 'import { numpy } from "@jax-js/jax"; numpy.zeros([1]);' }],
  ["array-library", { "src/cli/a.ts": 'export type { Array } from "@jax-js/jax";' }],
  ["no-cycles", { "src/utils/a.ts": 'import "./b.ts";', "src/utils/b.ts": 'import "./a.ts";' }],
  [
    "browser-entry-points",
    {
      "src/common/index.ts": 'import "./a.ts";',
      "src/common/a.ts": 'import "../array/b.ts";',
      "src/array/b.ts": 'import { readFileSync } from "node:fs"; readFileSync("x");',
    },
  ],
  ["browser-entry-points", { "src/index.ts": 'import "./data/a.ts";', "src/data/a.ts": 'import "node:fs/promises";' }],
  ["browser-entry-points", { "src/titans/index.ts": 'export const b = () => import("node:os");' }],
  ["browser-entry-points", { "src/models/index.ts": 'import "fs";' }],
  ["optional-dependencies", { "src/training/a.ts": 'import { parse } from "yaml"; parse("x");' }],
  ["declared-dependencies", { "src/data/a.ts": 'import { build } from "esbuild"; build({});' }],
  ["declared-dependencies", { "src/array/a.ts": 'import chalk from "chalk"; chalk.red("x");' }],
  ["resolvable", { "src/utils/a.ts": 'import "./nowhere.ts";' }],
];

describe("a wrong import breaks the rule that forbids it", () => {
  test.for(wrongImports)("%s: %j", async ([rule, files]) => {
    const broken = await violations(project(files));
    expect(new Set(broken.map((line) => line.split(":")[0]))).toEqual(new Set([rule]));
  });

  test("every rule has a wrong import here", () => {
    const tested = new Set(wrongImports.map(([rule]) => rule));
    expect(forbidden?.map(({ name }) => name).filter((name) => name !== undefined && !tested.has(name))).toEqual([]);
  });
});

test("imports in the order of the rooms break no rule", async () => {
  const files = {
    "src/array/a.ts": 'import { numpy } from "@jax-js/jax"; import "../utils/a.ts"; numpy.zeros([1]);',
    "src/utils/a.ts": 'import { distance } from "fastest-levenshtein"; distance("a", "b");',
    "src/data/a.ts": 'import "node:fs"; import "../array/a.ts"; import { parse } from "yaml"; parse("x");',
    "src/titans/index.ts": 'import "../array/a.ts";',
    "src/nl/a.ts": 'import "../titans/index.ts"; import "../miras/a.ts";',
    "src/miras/a.ts": "",
    "src/evaluation/a.ts": 'import "../training/a.ts"; import "../inference/a.ts";',
    "src/training/a.ts": 'import "../nl/a.ts"; import "../data/a.ts"; import "node:fs";',
    "src/inference/a.ts": "",
    "src/index.ts": 'import "./titans/index.ts";',
  };
  expect(await violations(project(files))).toEqual([]);
});

test("this project breaks no rule", async () => {
  expect(await violations(root)).toEqual([]);
});
