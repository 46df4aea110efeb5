/** `stack`: makes a trained model's feed-forward networks learn while it reads. */
import { type Command, InvalidArgumentError } from "commander";
import { optimizerNames } from "../optim/index.ts";
import { stackCheckpoint } from "../training/index.ts";
import { jsonOption, oneOf } from "./options.ts";
import { printJson } from "./output.ts";

interface StackFlags {
  readonly periods: readonly (number | null)[];
  readonly stepSize: number | readonly number[];
  readonly optimizer: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addStack(program: Command): void {
  program
    .command("stack")
    .description("turn the feed-forward networks of a trained model into levels that learn while it reads")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints; it stays as it is")
    .requiredOption(
      "--periods <tokens>",
      "tokens between two updates of each level, with commas between; static for one that stands still",
      periods,
    )
    .option(
      "--step-size <eta>",
      "of a token's gradient, gradients being summed: one, or one a level; 0 changes nothing",
      stepSizes,
      0.001,
    )
    .option("--optimizer <name>", "whose rule the levels follow (see: neural-memory optimizers)", optimizer, "sgd")
    .option("--out <folder>", "folder of the new run (default: runs/stacked-<number>)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Levels are spread evenly over the blocks, the first one lowest. The model is the same until it has read.

Examples:
  $ neural-memory stack runs/first --periods 64 --out runs/learner
  $ neural-memory stack runs/first --periods 64,256 --step-size 0.003,0.001
  $ neural-memory stack runs/first --periods 64,static --step-size 0.003`,
    )
    .action(runStack);
}

const optimizer = oneOf("optimizer", optimizerNames);

function periods(text: string): (number | null)[] {
  return text.split(",").map((entry) => {
    const period = Number(entry);
    if (entry.trim() === "static") return null;
    if (entry.trim() !== "" && Number.isSafeInteger(period) && period >= 1) return period;
    throw new InvalidArgumentError("It must be whole numbers of tokens, or static, such as 64,256.");
  });
}

function stepSizes(text: string): number | number[] {
  const steps = text.split(",").map((entry) => (entry.trim() === "" ? Number.NaN : Number(entry)));
  if (!steps.every((step) => Number.isFinite(step) && step >= 0))
    throw new InvalidArgumentError("It must be numbers of at least 0, such as 0.003 or 0.003,0.001.");
  return steps.length === 1 ? steps[0]! : steps;
}

async function runStack(path: string, flags: StackFlags): Promise<void> {
  const { periods, stepSize, optimizer: name, out, json } = flags;
  const levels = { periods, stepSize, optimizer: { name: optimizer(name) } };
  const { folder, checkpoint, model } = await stackCheckpoint(path, levels, out);
  const { periods: blocks, stepSize: steps } = model.config.continuum!;
  if (json) return printJson({ folder, checkpoint, periods: blocks, stepSize: steps });
  const listed = blocks.map(
    (period, block) => `block ${block}: ${period === null ? "static" : `every ${period} tokens`}`,
  );
  console.log(`${folder}: ${listed.join(", ")}\nadapt it with: neural-memory adapt ${folder} --on <text>`);
}
