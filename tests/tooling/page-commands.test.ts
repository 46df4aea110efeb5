/** The commands that the texts name exist, with these options. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { commandProgram } from "../../src/cli/program.ts";
import { root } from "./fixture.ts";
import { blocksOf, pages } from "./pages.ts";

/** The words of a line of a shell, without what quotes, pipes and redirections do. */
function wordsOf(line: string): string[] {
  const [command] = line.replace(/\s#.*$/, "").split(/\s[|<>]\s?/);
  return [...command!.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
}

/** Command lines of a page: what is given to `neural-memory`, and to npm. */
function commandsOf(page: string) {
  const lines = blocksOf(page, "sh").flatMap(({ text }) => text.split("\n"));
  // A text may come through a pipe.
  const commands = lines.map((line) => wordsOf(line.replace(/^.*\| (?=npx )/, "")));
  return {
    ours: commands.flatMap(([npx, name, ...args]) => (npx === "npx" && name === "neural-memory" ? [args] : [])),
    npm: commands.filter(([npm]) => npm === "npm"),
  };
}

/** Parses a command line as the program does, and runs nothing. */
async function parsed(args: readonly string[]): Promise<string | undefined> {
  const program = commandProgram();
  for (const command of program.commands)
    command.action(() => {}).configureOutput({ writeErr: () => {}, writeOut: () => {} });
  try {
    await program.parseAsync([...args], { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    return (error as Error).message;
  }
}

test("a command line that does not exist is noticed", async () => {
  expect(await parsed(["train", "--preset", "lmm-small"])).toBeUndefined();
  expect(await parsed(["train", "--presets", "lmm-small"])).toContain("--presets");
  expect(await parsed(["export", "runs/mine"])).toContain("--to");
  expect(await parsed(["inspect"])).toContain("checkpoint");
});

test.each(pages)("%s names commands that exist", async (page) => {
  const { ours, npm } = commandsOf(page);
  for (const args of ours) expect(await parsed(args), `npx neural-memory ${args.join(" ")}`).toBeUndefined();
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  for (const [, verb, ...rest] of npm) {
    if (verb === "ci" || verb === "install") continue;
    const script = verb === "run" ? rest[0] : verb;
    expect(Object.keys(scripts), `npm ${verb} ${rest.join(" ")}`).toContain(script);
    if (script === "start" && rest[0] === "--")
      expect(await parsed(["start", ...rest.slice(1)]), `npm start ${rest.join(" ")}`).toBeUndefined();
  }
});
