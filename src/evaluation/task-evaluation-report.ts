/** Evaluates a checkpoint on a task, and writes a page about it (Node only). */
import { basename, dirname, join } from "node:path";
import { countElements } from "../array/index.ts";
import { describeTask, openTask, symbolTokenizer, type Task, taskNamed, taskSchema } from "../data/index.ts";
import { type CheckpointMeta, type LoadedCheckpoint, mergeLayers, type RunLayer } from "../training/index.ts";
import { ConfigError, parseConfig } from "../utils/index.ts";
import { loadPlotter } from "./plots.ts";
import { renderTaskEvaluation } from "./render-task-evaluation.ts";
import { type ReportPaths, writePage } from "./report.ts";
import type { TaskEvaluation } from "./task-evaluation.ts";
import type { TaskEvaluationData } from "./task-evaluation-data.ts";

/**
 * The task that a checkpoint is to be evaluated on.
 *
 * @param meta the checkpoint's
 * @param asked its `name`, by default that of the task it was trained on, whose knobs it then has; `changes` of knobs, and `where` they were written
 * @throws ConfigError if there is no such task, or its symbols are not those that the model was trained with
 */
export async function taskOfCheckpoint(
  meta: Pick<CheckpointMeta, "task" | "tokenizer" | "corpus">,
  asked: { readonly name?: string; readonly changes: RunLayer; readonly where: string },
): Promise<Task> {
  const { name = meta.task?.name, changes, where } = asked;
  if (name === undefined)
    throw new ConfigError(`the model was trained on ${meta.corpus}, which is no task; name one of its symbols`);
  const own = taskNamed(name).name === meta.task?.name ? meta.task : { name };
  const task = await openTask(parseConfig(taskSchema, mergeLayers([{ ...own }, changes]), where));
  if (symbolTokenizer(name, task.symbols).fingerprint === meta.tokenizer.fingerprint) return task;
  throw new ConfigError(
    `the task "${name}" has ${task.vocabularySize} symbols with these settings, and they are not the ${meta.tokenizer.vocabularySize} of "${meta.tokenizer.name}" that the model was trained with; ` +
      "choose a task and knobs with the same symbols, or train a model on it",
  );
}

/**
 * Writes `task-evaluation.html` and `task-evaluation.json`.
 *
 * @param checkpoint what was evaluated; its arrays are borrowed
 * @param evaluations one a length, at least one
 * @param options the `folder` to write into, and the `engine` that computed
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeTaskEvaluation(
  { path, meta, params }: LoadedCheckpoint,
  task: Task,
  evaluations: readonly TaskEvaluation[],
  { folder, engine }: { readonly folder: string; readonly engine: TaskEvaluationData["engine"] },
): Promise<ReportPaths> {
  const data: TaskEvaluationData = {
    format: 1,
    name: basename(runPathOf(path)),
    step: meta.step,
    trainedOn: meta.task?.name ?? meta.corpus,
    trainedLength: meta.training.length,
    task: describeTask(task),
    model: meta.model,
    parameters: countElements(params),
    engine: { name: engine.name, threads: engine.threads },
    evaluations,
  };
  return writePage(join(folder, "task-evaluation"), data, renderTaskEvaluation(await loadPlotter(), data));
}

/** The folder of a checkpoint's run, or its own where it lies in none. */
export function runPathOf(checkpoint: string): string {
  const parent = dirname(checkpoint);
  return basename(parent) === "checkpoints" ? dirname(parent) : checkpoint;
}
