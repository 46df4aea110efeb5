/** `tasks`: what a model can be trained and tested on beside text. */
import type { Command } from "commander";
import { openTask, type TaskFamily, taskBatch, taskNamed, taskSchema, tasks } from "../data/index.ts";
import { parseConfig } from "../utils/index.ts";
import { jsonOption } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

/** Tokens of an example beyond the shortest row. */
const ROOM = 8;

/** Adds the command. */
export function addTasks(program: Command): void {
  program
    .command("tasks")
    .description("list the tasks that models can be trained on, or show one with its definition, knobs and an example")
    .argument("[task]", "one task in full")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
A task is trained with: neural-memory train --task <task> --set task.<knob>=<value>
The loss is that of answers alone, in bits per answer token; validations also say how many answers are right.
With --set 'task.lengths=[64,128]' the first 40 % of the steps are made at these lengths, which must fit the task.

Examples:
  $ neural-memory tasks
  $ neural-memory tasks recall
  $ neural-memory tasks passkey --json`,
    )
    .action(runTasks);
}

async function runTasks(name: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  if (name === undefined) {
    const listed = Object.values(tasks).map(({ name: task, summary, source }) => ({ name: task, summary, source }));
    if (json) return printJson(listed);
    return printTable([["task", ""], ...listed.map(({ name: task, summary }) => [task, summary])]);
  }
  const family = taskNamed(name);
  const described = await describeTask(family);
  if (json) return printJson(described);
  const { definition, source, vocabularySize, shortestLength, chance, example, answers } = described;
  printTable([
    ["task", name],
    ["summary", family.summary],
    ["definition", definition],
    ["source", source],
    ["tokens", `${count(vocabularySize)} symbols, rows of at least ${count(shortestLength)}`],
    ["chance", `${(100 * chance).toFixed(1)} % of answer tokens`],
    ["example", example],
    ["answers", answers.join("; ")],
    ["try", `neural-memory train --preset lmm-small --task ${name} --set ${family.example}`],
  ]);
  console.log();
  printTable([
    ["knob", "default", ""],
    ...described.knobs.map(({ knob, usual, about }) => [`task.${knob}`, JSON.stringify(usual), about]),
  ]);
}

async function describeTask(family: TaskFamily) {
  const { name, summary, definition, source, schema } = family;
  const settings = parseConfig(taskSchema, { name }, name);
  const task = await openTask(settings);
  const length = task.shortestLength + ROOM;
  const { tokens, questions } = taskBatch(task, { batch: 1, length, seed: 0, step: 0 });
  const symbols = Array.from(tokens, (token) => task.symbols[token]!);
  const knobs = Object.entries(schema.shape)
    .filter(([knob]) => knob !== "name")
    .map(([knob, value]) => ({
      knob,
      usual: (settings as unknown as Record<string, unknown>)[knob],
      about: (value as { readonly description?: string }).description ?? "",
    }));
  return {
    name,
    summary,
    definition,
    source,
    knobs,
    vocabularySize: task.vocabularySize,
    shortestLength: task.shortestLength,
    chance: task.chance,
    example: symbols.join(" "),
    answers: questions[0]!.map(({ target, count: size }) => symbols.slice(target + 1, target + 1 + size).join(" ")),
  };
}
