/** `optimizers`: what trains the weights. */
import type { Command } from "commander";
import { optimizerNames, optimizers } from "../optim/index.ts";
import { optimizerSettings } from "../training/index.ts";
import { jsonOption } from "./options.ts";
import { printJson, printTable, settingsText } from "./output.ts";

/** Adds the command. */
export function addOptimizers(program: Command): void {
  program
    .command("optimizers")
    .description("list the optimizers that train a model, with their settings")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory optimizers
  $ neural-memory optimizers --json
  $ neural-memory train --optimizer m3 --set training.optimizer.period=10`,
    )
    .action(runOptimizers);
}

function runOptimizers({ json }: { readonly json?: boolean }): void {
  const listed = optimizerNames.map((name) => {
    const { title, paper, equation } = optimizers[name];
    return { name, title, paper, equation, defaults: optimizerSettings({ optimizer: { name } }) };
  });
  if (json) return void printJson(listed);
  printTable([
    ["optimizer", "equation", "paper", ""],
    ...listed.map(({ name, equation, paper, title }) => [name, equation, paper, title]),
  ]);
  console.log();
  printTable([
    ["optimizer", "default settings"],
    ...listed.map(({ name, defaults }) => [name, settingsText(defaults)]),
  ]);
  console.log(`
Equation: of Nested Learning, which the optimizer follows or is read as.
Choose one with train --optimizer <name>, and settings with --set training.optimizer.<setting>=<value>.
training.beta1, beta2 and weightDecay hold for every optimizer that has them; learningRate, warm-up and clipNorm for all.
The default learningRate is for adamw; others may need another.`);
}
