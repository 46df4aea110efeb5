/** `generate`: lets a model write on from a prompt, while its memory goes on learning. */
import type { Command } from "commander";
import type { EngineName } from "../array/index.ts";
import { generate, loadMemory, modelFingerprint, Reader, saveMemory } from "../inference/index.ts";
import { loadCheckpoint } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { onInterrupt } from "./interrupt.ts";
import { collect, engineOption, jsonOption, number, openEngine, threadsOption, wholeNumber } from "./options.ts";
import { printJson } from "./output.ts";

interface GenerateFlags {
  readonly prompt?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  readonly memoryIn?: string;
  readonly memoryOut?: string;
  readonly learn?: boolean;
  readonly engine: EngineName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds the command. */
export function addGenerate(program: Command): void {
  program
    .command("generate")
    .description("write on from a prompt")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints")
    .option("--prompt <text>", "text to go on from; standard input if it is left out")
    .option("--max-tokens <n>", "tokens to write at most; 0 only reads the prompt", wholeNumber(0), 200)
    .option("--temperature <t>", "0 always takes the likeliest token, 1 samples from the model as it is", number, 0.8)
    .option("--top-k <k>", "only the k likeliest tokens", wholeNumber(1))
    .option("--top-p <p>", "only the likeliest tokens that hold this probability together", number)
    .option("--seed <n>", "same seed, same text", wholeNumber(0), 0)
    .option("--stop <text>", "end before this text; repeatable", collect)
    .option("--memory-in <file>", "begin with a memory that --memory-out saved")
    .option("--memory-out <file>", "save the memory after the last token")
    .option(
      "--learn",
      "let the networks of a continuum memory learn from what is written too, not from the prompt alone",
    )
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory generate runs/first --prompt "Call me" --temperature 0.7 --top-k 40
  $ neural-memory generate runs/first --max-tokens 0 --memory-out book.memory < book.txt
  $ neural-memory generate runs/first --memory-in book.memory --prompt "And then" --stop "."`,
    )
    .action(runGenerate);
}

async function runGenerate(path: string, flags: GenerateFlags): Promise<void> {
  const { model, params, tokenizer, path: checkpoint } = await loadCheckpoint(path);
  if (flags.learn && model.learn === undefined)
    throw new ConfigError(
      `"${model.config.architecture}" has no networks that learn while it reads; leave --learn away, or train a model with model.continuum`,
    );
  const fingerprint = await modelFingerprint(model, params);
  const memory =
    flags.memoryIn === undefined ? undefined : await loadMemory(flags.memoryIn, model, params, fingerprint);
  const prompt = flags.prompt ?? (await readStandardInput());
  const reader = new Reader(await openEngine(flags), model, params);
  const session = memory === undefined ? await reader.open() : reader.resume(memory, 1);

  const interrupt = onInterrupt("stopping after this token");
  const closed = new AbortController();
  process.stdout.on("error", () => closed.abort());
  const { maxTokens, temperature, topK, topP, seed, stop = [] } = flags;
  const pieces = generate(session, tokenizer, {
    ...{ prompt, maxTokens, temperature, seed, stop, learn: flags.learn ?? false },
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    signal: AbortSignal.any([interrupt.signal, closed.signal]),
  });
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (!flags.json) process.stdout.write(piece);
    // Interrupts and closed pipes are heard only when the event loop turns.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (flags.memoryOut !== undefined) await saveMemory(flags.memoryOut, session.memory, fingerprint);
  if (flags.json) printJson({ checkpoint, prompt, text, position: session.position });
  else if (process.stdout.isTTY) process.stdout.write("\n");
  if (interrupt.exitCode !== undefined) process.exitCode = interrupt.exitCode;
}

async function readStandardInput(): Promise<string> {
  if (process.stdin.isTTY) throw new ConfigError("there is no prompt; give --prompt, or a text on standard input");
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts).toString("utf8");
}
