/** `tasks`: what a model can be trained and tested on beside text. */
import type { Command } from "commander";
import { describeTask, openTask, taskNamed, taskSchema, tasks } from "../data/index.ts";
import { writeTaskReport } from "../evaluation/index.ts";
import { ConfigError, parseConfig } from "../utils/index.ts";
import { jsonOption } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

interface TasksFlags {
  readonly report?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addTasks(program: Command): void {
  program
    .command("tasks")
    .description("list the tasks that models can be trained on, show one in full, or report on a run on one")
    .argument("[task]", "one task, with its definition, knobs and an example")
    .option("--report <run>", "write a page about a run on a task into its folder: losses, right answers, the task")
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
  $ neural-memory tasks passkey --json
  $ neural-memory tasks --report runs/recall-1`,
    )
    .action(runTasks);
}

async function runTasks(name: string | undefined, { report, json }: TasksFlags): Promise<void> {
  if (report !== undefined) {
    if (name !== undefined) throw new ConfigError("--report is about the run's own task; leave the task out");
    const paths = await writeTaskReport(report);
    return json ? printJson({ report: paths }) : console.log(`report: ${paths.html}`);
  }
  if (name !== undefined) return showTask(name, json ?? false);
  const listed = Object.values(tasks).map(({ name: task, summary, source }) => ({ name: task, summary, source }));
  if (json) return printJson(listed);
  printTable([["task", ""], ...listed.map(({ name: task, summary }) => [task, summary])]);
}

async function showTask(name: string, json: boolean): Promise<void> {
  const family = taskNamed(name);
  const described = describeTask(await openTask(parseConfig(taskSchema, { name }, name)));
  const example = described.example.join(" ");
  const answers = described.answers.map(({ symbols }) => symbols.join(" "));
  if (json) return printJson({ ...described, example, answers });
  const { summary, definition, source, vocabularySize, shortestLength, chance } = described;
  printTable([
    ["task", name],
    ["summary", summary],
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
    ...described.knobs.map(({ knob, value, about }) => [`task.${knob}`, JSON.stringify(value) ?? "", about]),
  ]);
}
