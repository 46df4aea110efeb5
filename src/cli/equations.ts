/** `equations`: which equation of which paper is implemented where, and tested by what. */
import { readFile } from "node:fs/promises";
import { Argument, type Command } from "commander";
import { z } from "zod";
import { MissingPackageError, parseConfig } from "../utils/index.ts";
import { jsonOption, oneOf } from "./options.ts";
import { printJson, printTable } from "./output.ts";

const papers = ["titans", "miras", "nl"] as const;
type Paper = (typeof papers)[number];

/** The build writes this file beside the code. */
const REGISTRY = new URL("../equations.json", import.meta.url);

const registrySchema = z.array(
  z.object({
    paper: z.string(),
    number: z.number(),
    title: z.string().nullable(),
    symbol: z.string().nullable(),
    file: z.string().nullable(),
    line: z.number().nullable(),
    tests: z.array(z.object({ file: z.string(), title: z.string() })),
    status: z.enum(["tested", "untested", "missing"]),
  }),
);
type Row = z.output<typeof registrySchema>[number];

/** Adds the command. */
export function addEquations(program: Command): void {
  program
    .command("equations")
    .description("list the papers' equations: where each is implemented, and how many tests cover it")
    .addArgument(new Argument("[paper]", papers.join(", ")).argParser(oneOf("paper", papers)))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory equations titans
  $ neural-memory equations --json`,
    )
    .action(runEquations);
}

async function runEquations(paper: Paper | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  const text = await readFile(REGISTRY, "utf8").catch((cause) => {
    throw new MissingPackageError("the equation registry has not been made; run: npm run build", { cause });
  });
  const all = parseConfig(registrySchema, JSON.parse(text), "the equation registry");
  const rows = all.filter((row) => paper === undefined || row.paper === paper);
  if (json) return printJson(rows);
  printTable([
    ["equation", "status", "tests", "symbol", "where", "what"],
    ...rows.map(({ number, status, tests, symbol, file, line, title, paper: source }) => [
      `${source} ${number}`,
      status,
      String(tests.length),
      symbol ?? "",
      file === null ? "" : `${file}:${line}`,
      title ?? "",
    ]),
  ]);
  console.log();
  printTable([["paper", "equations", "implemented", "tested"], ...coverage(rows)]);
}

/** A line a paper: an equation with several symbols counts once. */
function coverage(rows: readonly Row[]): string[][] {
  return [...new Set(rows.map((row) => row.paper))].map((paper) => {
    const distinct = (some: readonly Row[]) => String(new Set(some.map((row) => row.number)).size);
    const own = rows.filter((row) => row.paper === paper);
    const present = own.filter((row) => row.status !== "missing");
    return [paper, distinct(own), distinct(present), distinct(own.filter((row) => row.status === "tested"))];
  });
}
