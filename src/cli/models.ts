/** `models`: which architectures and presets there are. */
import type { Command } from "commander";
import { countParameters } from "../inference/index.ts";
import { architectures, LanguageModel, presets, rowArchitectures } from "../models/index.ts";
import { trainingSchema } from "../training/index.ts";
import { jsonOption } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

/** Adds the command. */
export function addModels(program: Command): void {
  program
    .command("models")
    .description("list architectures and presets")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory models
  $ neural-memory models --json`,
    )
    .action(runModels);
}

function runModels({ json }: { readonly json?: boolean }): void {
  const listed = { architectures: listArchitectures(), presets: listPresets() };
  if (json) return void printJson(listed);
  const isRow = (name: string) => name.startsWith("miras:");
  const rows = listed.architectures.filter(({ name }) => isRow(name)).length;
  printTable([
    ["architecture", "", "source"],
    ...listed.architectures
      .filter(({ name }) => !isRow(name))
      .map(({ name, summary, source }) => [name, summary, source]),
    [rowArchitectures, `one of ${rows} existing models as settings of MIRAS; see: neural-memory miras`, ""],
  ]);
  console.log();
  printTable([
    ["preset", "architecture", "dim", "layers", "heads", "parameters", "steps", ""],
    ...listed.presets.map(({ name, summary, architecture, dim, layers, heads, parameters, steps }) => [
      name,
      architecture,
      ...[dim, layers, heads, parameters, steps].map(count),
      summary,
    ]),
  ]);
}

function listArchitectures() {
  return Object.entries(architectures).map(([name, { summary, source }]) => ({ name, summary, source }));
}

function listPresets() {
  return Object.entries(presets).map(([name, preset]) => {
    const model = new LanguageModel(preset.model);
    const { architecture, dim, layers, heads } = model.config;
    const { steps } = trainingSchema.parse(preset.training);
    const parameters = countParameters(model);
    return { name, summary: preset.summary, architecture, dim, layers, heads, parameters, steps };
  });
}
