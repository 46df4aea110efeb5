/** `equations`: what every equation of the papers says, which symbol computes it, and which tests prove it. */
import { Argument, type Command } from "commander";
import { type AtlasEntry, type Paper, paperNames, papers, readAtlas, select, shortName } from "./equation-atlas.ts";
import { printEntry } from "./equation-page.ts";
import { jsonOption, oneOf } from "./options.ts";
import { printJson, printTable } from "./output.ts";
import { printVerifications, verifyEntries } from "./verify-equations.ts";

interface EquationsFlags {
  readonly symbol?: string;
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addEquations(program: Command): void {
  program
    .command("equations")
    .description("from an equation of the papers to its formula, code and tests, and from a function to its equations")
    .addArgument(new Argument("[paper]", paperNames.join(", ")).argParser(oneOf("paper", paperNames)))
    .argument("[number]", "an equation's number, algorithm-<n>, or a row of Table 1 of MIRAS")
    .option("--symbol <name>", "what a function or class of the library implements")
    .option("--verify", "run the tests behind the entries; in a clone of the repository only")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory equations titans
  $ neural-memory equations titans 14
  $ neural-memory equations miras gated-deltanet
  $ neural-memory equations nl algorithm-1
  $ neural-memory equations --symbol memoryUpdate
  $ neural-memory equations nl 57 --verify
  $ neural-memory equations --json`,
    )
    .action(runEquations);
}

async function runEquations(
  paper: Paper | undefined,
  number: string | undefined,
  { symbol, verify, json }: EquationsFlags,
): Promise<void> {
  const entries = select(await readAtlas(), { paper, number, symbol });
  if (verify) return runVerification(entries, json);
  if (json) return printJson(entries);
  if (number !== undefined) return printEntry(entries[0]!);
  printTable([
    ["entry", "status", "tests", "symbols", "what it says"],
    ...entries.map((entry) => [
      shortName(entry),
      entry.status,
      String(entry.tests.length),
      entry.symbols.map((one) => one.symbol).join(" "),
      entry.title,
    ]),
  ]);
  console.log();
  printTable([["paper", "entries", "with a symbol", "with a test"], ...coverage(entries)]);
}

async function runVerification(entries: readonly AtlasEntry[], json?: boolean): Promise<void> {
  const found = await verifyEntries(entries);
  if (typeof found === "number") {
    process.exitCode = found;
    return;
  }
  if (json) printJson(found);
  else printVerifications(entries, found);
  if (found.some(({ result }) => result === "fail")) process.exitCode = 1;
}

/** A line a paper. */
function coverage(entries: readonly AtlasEntry[]): string[][] {
  return paperNames.flatMap((paper) => {
    const own = entries.filter((entry) => entry.paper === paper);
    if (own.length === 0) return [];
    const count = (some: readonly AtlasEntry[]) => String(some.length);
    const withSymbol = own.filter(({ symbols }) => symbols.length > 0);
    const withTest = own.filter(({ tests }) => tests.length > 0);
    return [[papers[paper], count(own), count(withSymbol), count(withTest)]];
  });
}
