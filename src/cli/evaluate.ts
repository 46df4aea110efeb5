/** `evaluate`: how well a model predicts a text, or answers the questions of a task. */
import type { Command } from "commander";
import { encodeText } from "../data/index.ts";
import { Reader, type Score, scoreText } from "../inference/index.ts";
import { type EvaluationSplit, evaluationSplits, loadCheckpoint, openEvaluationText } from "../training/index.ts";
import { ConfigError, DataError } from "../utils/index.ts";
import { type EvaluateTaskFlags, evaluateOnTask } from "./evaluate-task.ts";
import { onInterrupt } from "./interrupt.ts";
import { collect, engineOption, jsonOption, names, oneOf, openEngine, threadsOption, wholeNumber } from "./options.ts";
import { count, printJson } from "./output.ts";
import { startProgress } from "./progress.ts";

interface EvaluateFlags extends Omit<EvaluateTaskFlags, "task"> {
  readonly task?: string | true;
  readonly corpus?: string;
  readonly split?: EvaluationSplit;
  readonly write: boolean;
}

/** Adds the command. */
export function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description(
      "measure bits per byte on a text, read once from beginning to end with the memory carried along, or right answers to a task with the memory on and off",
    )
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints")
    .option("--corpus <text>", "what train takes (default: the text the model was trained on)")
    .option(
      "--split <name>",
      `${evaluationSplits.join(", ")} (default: validation of the text the model was trained on, all of any other)`,
      oneOf("split", evaluationSplits),
    )
    .option("--no-write", "read without writing to memory")
    .option("--task [name]", "count right answers to a task instead (default: the one the model was trained on)")
    .option("--length <n,...>", "of a task's rows, in tokens (default: the training's)", lengths)
    .option("--rows <n>", "of a task, for each length (default: 128)", wholeNumber(1))
    .option("--segment <n>", "tokens of a task read at a time (default: as few as the model can)", wholeNumber(1))
    .option(
      "--set <key=value>",
      "changes a knob of the task, such as task.pairs=8; may be given several times",
      collect,
    )
    .option("--report", "write a page about the task into the run's folder: heat maps, controls, writes")
    .option("--out <folder>", "where the page goes instead")
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory evaluate runs/first
  $ neural-memory evaluate runs/first --corpus other-book.txt --json
  $ neural-memory evaluate runs/first --no-write
  $ neural-memory evaluate runs/recall-1 --task --length 64,256,1024 --report
  $ neural-memory evaluate runs/recall-1 --task recall --set task.pairs=8 --rows 500 --json

Of a task, four conditions are compared: the memory on; off (empty, not written); shuffled (another row's); frozen (as it was
at the start, not written).`,
    )
    .action(runEvaluate);
}

function lengths(text: string): number[] {
  return names(text).map(wholeNumber(1));
}

async function runEvaluate(path: string, flags: EvaluateFlags): Promise<void> {
  const { task } = flags;
  checkTogether(flags);
  if (task !== undefined) return evaluateOnTask(path, { ...flags, task });
  const { model, params, tokenizer, meta, path: checkpoint } = await loadCheckpoint(path);
  const { text, split, close } = await openEvaluationText(meta, flags.corpus, flags.split);
  const source = await encodeText(text, tokenizer);
  if (source.length < 2) throw new DataError(`"${text.name}" has nothing to predict; at least 2 tokens are needed`);
  const session = await new Reader(await openEngine(flags), model, params).open();

  const interrupt = onInterrupt("stopping");
  const progress = startProgress("token", source.length - 1);
  let score: Score = { bits: 0, bytes: 0, tokens: 0 };
  try {
    for await (const next of scoreText(session, tokenizer, source, { write: flags.write, signal: interrupt.signal })) {
      progress.update(next.tokens, { bitsPerByte: next.bits / next.bytes, tokens: next.tokens - score.tokens });
      score = next;
      // Interrupts are heard only when the event loop turns.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    progress.stop();
  }
  source.close();
  close();

  const complete = score.tokens === source.length - 1;
  if (!complete) process.exitCode = interrupt.exitCode;
  const { bits, bytes, tokens } = score;
  const bitsPerByte = bits / bytes;
  if (flags.json)
    return printJson({
      checkpoint,
      corpus: text.name,
      split,
      bitsPerByte,
      bytes,
      tokens,
      writes: flags.write,
      complete,
    });
  const how = `${split === "all" ? "" : `${split} part of `}${text.name}, writes ${flags.write ? "on" : "off"}`;
  console.log(
    `${bitsPerByte.toFixed(4)} bits per byte over ${count(bytes)} bytes (${how}${complete ? "" : ", stopped early"})`,
  );
}

/** A text and a task are asked different things. */
function checkTogether({ task, corpus, split, write, length, rows, segment, set, report, out }: EvaluateFlags): void {
  const ofText = { "--corpus": corpus, "--split": split, "--no-write": write ? undefined : true };
  const ofTask = {
    "--length": length,
    "--rows": rows,
    "--segment": segment,
    "--set": set,
    "--report": report,
    "--out": out,
  };
  const given = (options: Readonly<Record<string, unknown>>) =>
    Object.keys(options).find((option) => options[option] !== undefined);
  const [textOption, taskOption] = [given(ofText), given(ofTask)];
  if (task !== undefined && textOption !== undefined)
    throw new ConfigError(`${textOption} is about a text, --task about a task; leave one of them out`);
  if (task === undefined && taskOption !== undefined)
    throw new ConfigError(`${taskOption} is about a task; add --task, or leave it out`);
  if (out !== undefined && !report) throw new ConfigError("--out is where a page goes; add --report, or leave it out");
}
