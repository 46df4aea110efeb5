/** `evaluate --task`: how many questions of a task a model answers, and whether it needs its memory for that. */
import { mkdir } from "node:fs/promises";
import type { EngineName } from "../array/index.ts";
import {
  memoryConditions,
  runPathOf,
  type TaskEvaluation,
  TaskEvaluator,
  taskOfCheckpoint,
  writeTaskEvaluation,
} from "../evaluation/index.ts";
import { loadCheckpoint, mergeLayers } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { assignedLayer } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { openEngine } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";
import { startProgress } from "./progress.ts";

/** Rows of each length, unless it is said how many. */
const ROWS = 128;

/** What the command was told. */
export interface EvaluateTaskFlags {
  /** A task's name, or that of the run is meant. */
  readonly task: string | true;
  readonly length?: readonly number[];
  readonly rows?: number;
  readonly segment?: number;
  readonly set?: readonly string[];
  readonly report?: boolean;
  readonly out?: string;
  readonly engine: EngineName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Evaluates a checkpoint on a task at one length after the other; what is finished when it is interrupted is shown. */
export async function evaluateOnTask(path: string, flags: EvaluateTaskFlags): Promise<void> {
  const checkpoint = await loadCheckpoint(path);
  const { meta, model, params } = checkpoint;
  const task = await taskOfCheckpoint(meta, {
    ...(flags.task === true ? {} : { name: flags.task }),
    changes: taskChanges(flags.set ?? []),
    where: flags.set === undefined ? "--task" : "--set",
  });
  const { length: lengths = [meta.training.length], rows = ROWS, segment } = flags;
  const engine = await openEngine(flags);
  const evaluator = new TaskEvaluator(engine, model);
  const optionsOf = (length: number) => ({ length, rows, ...(segment === undefined ? {} : { segment }) });
  for (const length of lengths) evaluator.check(task, optionsOf(length));

  const interrupt = onInterrupt("stopping");
  const evaluations: TaskEvaluation[] = [];
  for (const length of lengths) {
    const { batch } = evaluator.check(task, optionsOf(length));
    const tokens = batch * length * Math.ceil(rows / batch);
    const progress = startProgress(`length ${length}: token`, tokens);
    let before = 0;
    try {
      evaluations.push(
        await evaluator.evaluate(params, task, {
          ...optionsOf(length),
          signal: interrupt.signal,
          async onProgress(done) {
            progress.update(done * batch, { tokens: done * batch - before });
            before = done * batch;
            // Interrupts are heard only when the event loop turns.
            await new Promise((resolve) => setImmediate(resolve));
          },
        }),
      );
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
      break;
    } finally {
      progress.stop();
    }
  }

  const complete = evaluations.length === lengths.length;
  if (!complete) process.exitCode = interrupt.exitCode;
  if (evaluations.length === 0) return console.error("stopped before a length was finished");
  const report = flags.report ? await writtenReport() : undefined;
  if (flags.json) {
    const found = { checkpoint: checkpoint.path, complete, evaluations };
    return printJson(report === undefined ? found : { ...found, report });
  }
  showEvaluations(evaluations);
  if (!complete) console.log("stopped early: longer rows were not read");
  if (report !== undefined) console.log(`report: ${report.html}`);

  async function writtenReport() {
    const folder = flags.out ?? runPathOf(checkpoint.path);
    await mkdir(folder, { recursive: true });
    return writeTaskEvaluation(checkpoint, task, evaluations, { folder, engine });
  }
}

/** Changes of knobs among what `--set` asks for. */
function taskChanges(assignments: readonly string[]) {
  const { task, ...others } = mergeLayers(assignments.map(assignedLayer));
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new ConfigError(`--set changes knobs of the task here, such as task.pairs=8; "${other}" is not one of them`);
  }
  if (task === undefined) return {};
  if (typeof task !== "object" || task === null)
    throw new ConfigError("name the task with --task, its knobs with --set");
  return task as Readonly<Record<string, unknown>>;
}

function showEvaluations(evaluations: readonly TaskEvaluation[]): void {
  const { task, segment, chance } = evaluations[0]!;
  console.log(`${task}, read ${segment} tokens at a time; guessing gets ${percent(chance)} of answer tokens right`);
  console.log();
  const rows = evaluations.flatMap(({ length, all, carried }) => {
    const conditions = carried ? memoryConditions.map((name) => [`memory ${name}`, carried[name]] as const) : [];
    return [["all questions", all] as const, ...conditions].map(
      ([name, { answers, rightAnswers, rightTokens, tokens }]) => {
        return [count(length), name, count(answers), percent(rightAnswers / answers), percent(rightTokens / tokens)];
      },
    );
  });
  printTable([["length", "", "questions", "right answers", "right tokens"], ...rows]);
  if (evaluations[0]!.carried === undefined) {
    console.log("\nthe model has no memory that could be switched off");
    return;
  }
  console.log("\nConditions are compared on questions whose fact lies in an earlier segment than their answer.\n");
  printTable([
    ["length", "writes", "of slots", "mean step size", "mean inner-loss drop"],
    ...evaluations.map(({ length, writes, lossDrop, lossDropShare }) => [
      count(length),
      count(writes.writes),
      count(writes.slots),
      writes.meanStepSize.toPrecision(3),
      `${lossDrop!.toPrecision(3)}${lossDropShare === null ? "" : ` (${percent(lossDropShare)} of the loss)`}`,
    ]),
  ]);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
