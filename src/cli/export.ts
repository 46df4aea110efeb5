/** `export`: a model as ONNX files for every language that has onnxruntime. */
import { stat } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { checkExport, type ExportFiles, exportFiles, exportModel, writeExport } from "../inference/index.ts";
import { loadCheckpoint } from "../training/index.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

interface ExportFlags {
  readonly to: string;
  readonly tokens?: number;
  readonly batch: number | "symbolic";
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Full calls that `--check` makes. */
const CHECKED_CALLS = 8;
/** The exit code of a check that found a difference. */
const DIFFERENT = 1;

/** Adds the command. */
export function addExport(program: Command): void {
  program
    .command("export")
    .description("write a model as ONNX files that go on learning at test time in any onnxruntime")
    .argument("<checkpoint>", "a run's folder, or one of its checkpoints")
    .requiredOption(
      "--to <file>",
      "the model's file, such as model.onnx; its initial state and description go beside it",
    )
    .option(
      "--tokens <n>",
      "slots a call, a multiple of the chunk size: few for writing, many for reading (default: the training segment)",
      wholeNumber(1),
    )
    .option("--batch <n>", 'sequences a call, or "symbolic" for any number', batchSize, 1)
    .option("--check", "run the files with onnxruntime-node and compare them with the checkpoint")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory export runs/first --to first.onnx --check
  $ neural-memory export runs/first --to writer.onnx --tokens 16
  $ neural-memory export runs/first --to server.onnx --batch symbolic`,
    )
    .action(runExport);
}

function batchSize(text: string): number | "symbolic" {
  if (text === "symbolic") return text;
  const size = Number(text);
  if (Number.isSafeInteger(size) && size >= 1) return size;
  throw new InvalidArgumentError("It must be a whole number of at least 1, or symbolic.");
}

async function runExport(path: string, flags: ExportFlags): Promise<void> {
  exportFiles(flags.to);
  const { model, params, meta, path: checkpoint } = await loadCheckpoint(path);
  const { tokens = meta.training.segment, batch } = flags;
  console.error(`exporting ${checkpoint}: tracing ${model.config.architecture} over ${tokens} tokens`);
  if (model.learn !== undefined) console.error("its levels stand still in the file: they learn in this library only");
  const exported = exportModel(model, params, { tokens, batch, step: meta.step, tokenizer: meta.tokenizer });
  const files = await writeExport(flags.to, exported);
  const { architecture, step, chunkSize } = exported.description;
  const sizes = await fileSizes(files);
  if (!flags.json) {
    console.log(
      `${architecture} of step ${count(step)}, ${tokens} tokens a call in chunks of ${chunkSize}, batch ${batch}`,
    );
    printTable(Object.values(files).map((file, i) => [file, `${count(Object.values(sizes)[i]!)} bytes`]));
  }
  const check = flags.check
    ? await checkExport(files, model, params, {
        calls: CHECKED_CALLS,
        seed: 0,
        onCall: (done) => console.error(`check ${done}/${CHECKED_CALLS}`),
      })
    : undefined;
  if (flags.json) printJson({ checkpoint, files, sizes, architecture, step, tokens, chunkSize, batch, check });
  else if (check) {
    const { logits, state, passed, calls } = check;
    console.log(
      `${passed ? "the same as" : "different from"} the checkpoint over ${calls} calls: largest difference of logits ` +
        `${logits.difference.toExponential(1)} (largest ${logits.largest.toPrecision(3)}), of state ` +
        `${state.difference.toExponential(1)} (largest ${state.largest.toPrecision(3)})`,
    );
  }
  if (check && !check.passed) process.exitCode = DIFFERENT;
}

async function fileSizes(files: ExportFiles): Promise<Record<string, number>> {
  const sizes = Object.entries(files).map(async ([name, file]) => [name, (await stat(file)).size] as const);
  return Object.fromEntries(await Promise.all(sizes));
}
