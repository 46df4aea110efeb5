/** `inspect`: what a checkpoint is. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { countParameters, parameterGroups } from "../inference/index.ts";
import { levelRows } from "../nl/index.ts";
import { loadCheckpoint, optimizerSettings, runLevels } from "../training/index.ts";
import { jsonOption } from "./options.ts";
import { count, printJson, printTable, settingsText } from "./output.ts";

/** Adds the command. */
export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("show a checkpoint's configuration, parameters, levels, tokenizer, engine and sizes")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory inspect runs/first
  $ neural-memory inspect runs/first/checkpoints/step-0000010 --json`,
    )
    .action(runInspect);
}

async function runInspect(path: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { path: checkpoint, meta, model } = await loadCheckpoint(path);
  const { step, corpus, engine, training } = meta;
  const { kind, name, vocabularySize } = meta.tokenizer;
  const found = {
    checkpoint,
    step,
    corpus,
    tokenizer: { kind, name, vocabularySize },
    engine,
    optimizer: { name: training.optimizer.name, ...optimizerSettings(training) },
    parameters: { total: countParameters(model), groups: parameterGroups(model) },
    levels: levelRows(runLevels(model, training)),
    files: await fileSizes(checkpoint),
    model: meta.model,
    training,
  };
  if (json) return printJson(found);
  printTable([
    ["checkpoint", checkpoint],
    ["step", `${count(step)} of ${count(training.steps)}`],
    ["corpus", corpus],
    ["tokenizer", `${name}, ${count(vocabularySize)} tokens`],
    ["engine", `${engine.name}, ${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}`],
    ["optimizer", `${training.optimizer.name}, ${settingsText(optimizerSettings(training))}`],
    ["parameters", count(found.parameters.total)],
    ...Object.entries(found.parameters.groups).map(([group, n]) => [`  ${group}`, count(n)]),
    ["levels", ""],
    ...found.levels
      .flat()
      .map(({ updates, component, parameters, objective }) => [
        `  ${updates}`,
        `${component} (${parameters}): ${objective}`,
      ]),
    ["files", ""],
    ...Object.entries(found.files).map(([file, bytes]) => [`  ${file}`, `${count(bytes)} bytes`]),
    ["model", JSON.stringify(meta.model)],
    ["training", JSON.stringify(training)],
  ]);
}

async function fileSizes(folder: string): Promise<Record<string, number>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).size] as const)),
  );
}
