/** `adapt`: a deployed model reads a text, and what it has become is kept. */
import type { Command } from "commander";
import type { EngineName } from "../array/index.ts";
import { bundledCorpora } from "../data/index.ts";
import { type AdaptResult, adaptJob, resetAdaptation, sumOfScores } from "../evaluation/index.ts";
import type { Score } from "../inference/index.ts";
import { ConfigError } from "../utils/index.ts";
import { onInterrupt } from "./interrupt.ts";
import { engineOption, jsonOption, openEngine, threadsOption } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";
import { type Progress, startProgress } from "./progress.ts";

interface AdaptFlags {
  readonly on?: string;
  readonly probe?: string;
  readonly out?: string;
  readonly frozen?: boolean;
  readonly report?: boolean;
  readonly reset?: boolean;
  readonly engine: EngineName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds the command. */
export function addAdapt(program: Command): void {
  program
    .command("adapt")
    .description("let a model learn from a text while it reads it, and keep what it has become")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints; it stays as it is")
    .option("--on <text>", `${bundledCorpora.join(", ")}, a file, a folder, a glob pattern, or - for standard input`)
    .option("--probe <text>", "text that is asked before and after (default: the beginning of the text itself)")
    .option("--out <folder>", "folder of the adapted state (default: adapted, in the run's folder)")
    .option("--frozen", "neither write to memories nor learn: the control")
    .option(
      "--report",
      "write a page: when each level changed, how far, how long a fact is known; levels.html beside the state",
    )
    .option("--reset", "forget what was adapted before; without --on that is all")
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Ctrl-C saves and stops; the same command goes on exactly there. After a text another one may follow.
The adapted state is a memory file: generate --memory-in writes with it.

Examples:
  $ neural-memory adapt runs/learner --on letters.txt --report
  $ neural-memory adapt runs/learner --on - --probe next-letter.txt --out runs/letters < letters.txt
  $ neural-memory adapt runs/learner --on letters.txt --frozen --out runs/control
  $ neural-memory generate runs/learner --memory-in runs/learner/adapted/memory.safetensors --prompt "Dear"
  $ neural-memory adapt runs/learner --reset`,
    )
    .action(runAdapt);
}

async function runAdapt(path: string, { on, json, ...flags }: AdaptFlags): Promise<void> {
  if (on === undefined) {
    if (!flags.reset)
      throw new ConfigError("there is no text to adapt to; name one with --on, or - for standard input");
    const { state, existed } = await resetAdaptation(path, flags.out);
    if (json) return printJson({ state, reset: true });
    const done = existed ? `${state} is forgotten` : `there is no adapted state at ${state}, and nothing to forget`;
    return console.log(`${done}; the checkpoint is as it was`);
  }
  const interrupt = onInterrupt("finishing this piece and saving");
  let progress: Progress | undefined;
  const hooks = {
    signal: interrupt.signal,
    onStage: (sentence: string) => console.error(sentence),
    onPiece: (read: number, total: number, { bits, bytes, tokens }: Score) => {
      progress ??= startProgress("token", total, read - tokens);
      progress.update(read, { bitsPerByte: bits / bytes, tokens });
    },
  };
  const result = await adaptJob(path, { on, ...flags }, () => openEngine(flags), hooks).finally(() => progress?.stop());
  if (interrupt.exitCode !== undefined && result.adaptation.probe.after === undefined)
    process.exitCode = interrupt.exitCode;
  if (json) return printJson(described(result));
  printResult(path, result);
}

const perByte = ({ bits, bytes }: Score) => (bytes === 0 ? null : bits / bytes);

function described({ checkpoint, state, adaptation, read, complete, report }: AdaptResult) {
  const { text, probe, frozen, tenths } = adaptation;
  const all = sumOfScores(tenths);
  return {
    ...{ checkpoint, state, complete, frozen },
    text: { name: text.name, tokens: text.tokens, read },
    probe: {
      name: probe.name,
      before: perByte(probe.before),
      after: probe.after === undefined ? null : perByte(probe.after),
    },
    during: { bitsPerByte: perByte(all), bytes: all.bytes },
    tenths: tenths.map(perByte),
    ...(report && { report }),
  };
}

function printResult(path: string, result: AdaptResult): void {
  const { text, probe, during, tenths, state, complete, frozen } = described(result);
  const bits = (x: number | null) => (x === null ? "not yet" : x.toFixed(4));
  const first = tenths.find((tenth) => tenth !== null) ?? null;
  const last = tenths.findLast((tenth) => tenth !== null) ?? null;
  const whole = `${text.name}, ${count(text.read)} of ${count(text.tokens)} tokens: from ${bits(first)} to ${bits(last)}, by tenths`;
  printTable([
    ["bits per byte", "", frozen ? "(frozen: nothing was written or learned)" : ""],
    ["before", bits(probe.before), probe.name],
    ["during", bits(during.bitsPerByte), whole],
    ["after", bits(probe.after), probe.name],
  ]);
  console.log(`state: ${state}`);
  if (result.report !== undefined) console.log(`report: ${result.report.html}`);
  if (!complete) console.log("stopped; the same command goes on exactly there");
  else console.log(`write with it: neural-memory generate ${path} --memory-in ${state} --prompt <text>`);
}
