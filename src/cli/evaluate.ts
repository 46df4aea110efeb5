/** `evaluate`: how well a model predicts a text. */
import type { Command } from "commander";
import type { EngineName } from "../array/index.ts";
import { encodeText } from "../data/index.ts";
import { Reader, type Score, scoreText } from "../inference/index.ts";
import { type EvaluationSplit, evaluationSplits, loadCheckpoint, openEvaluationText } from "../training/index.ts";
import { DataError } from "../utils/index.ts";
import { onInterrupt } from "./interrupt.ts";
import { engineOption, jsonOption, oneOf, openEngine, threadsOption } from "./options.ts";
import { count, printJson } from "./output.ts";
import { startProgress } from "./progress.ts";

interface EvaluateFlags {
  readonly corpus?: string;
  readonly split?: EvaluationSplit;
  readonly write: boolean;
  readonly engine: EngineName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds the command. */
export function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description("measure bits per byte on a text, read once from beginning to end with the memory carried along")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints")
    .option("--corpus <text>", "what train takes (default: the text the model was trained on)")
    .option(
      "--split <name>",
      `${evaluationSplits.join(", ")} (default: validation of the text the model was trained on, all of any other)`,
      oneOf("split", evaluationSplits),
    )
    .option("--no-write", "read without writing to memory")
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory evaluate runs/first
  $ neural-memory evaluate runs/first --corpus other-book.txt --json
  $ neural-memory evaluate runs/first --no-write`,
    )
    .action(runEvaluate);
}

async function runEvaluate(path: string, flags: EvaluateFlags): Promise<void> {
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
