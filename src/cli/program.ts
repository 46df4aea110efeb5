/** All commands as one program. */
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { addAdapt } from "./adapt.ts";
import { addCompare } from "./compare.ts";
import { addEquations } from "./equations.ts";
import { BAD_INPUT } from "./errors.ts";
import { addEvaluate } from "./evaluate.ts";
import { addExport } from "./export.ts";
import { addGenerate } from "./generate.ts";
import { addInspect } from "./inspect.ts";
import { addMiras } from "./miras.ts";
import { addModels } from "./models.ts";
import { addOptimizers } from "./optimizers.ts";
import { addReproduce } from "./reproduce.ts";
import { addStack } from "./stack.ts";
import { addStart } from "./start.ts";
import { addSweep } from "./sweep.ts";
import { addTasks } from "./tasks.ts";
import { addTrain } from "./train.ts";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** The program with all its commands. What a command line cannot mean is thrown, as a `CommanderError`. */
export function commandProgram(): Command {
  const program = new Command("neural-memory")
    .description("Sequence models with a memory that goes on learning at test time.")
    .version(version)
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory start                                       train the default model on a book and write a report
  $ neural-memory train --preset lmm-tiny --out runs/first    a first model in seconds
  $ neural-memory generate runs/first --prompt "Call me"`,
    );
  for (const add of [
    addStart,
    addTrain,
    addCompare,
    addSweep,
    addGenerate,
    addEvaluate,
    addStack,
    addAdapt,
    addExport,
    addModels,
    addTasks,
    addMiras,
    addOptimizers,
    addReproduce,
    addInspect,
    addEquations,
  ])
    add(program);
  return program;
}

/**
 * Runs a command line. The exit code is left in `process.exitCode`: 0, 2 for a command line that cannot be used, or 130 after an interrupt.
 *
 * @param argv Node's, the program's name included
 */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await commandProgram().parseAsync([...argv]);
  } catch (error) {
    // The sentence has been printed by then.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : BAD_INPUT;
  }
}
