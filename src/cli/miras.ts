/** `miras`: the rows of Table 1, their training, and what retention gates and biases do. */
import type { Command } from "commander";
import { stringify } from "yaml";
import { type EngineName, engineNames } from "../array/index.ts";
import { bundledCorpora } from "../data/index.ts";
import {
  type CompareHooks,
  describeRow,
  describeRows,
  exactSentence,
  failedChecks,
  formSentence,
  type RowDescription,
  type RowTrainingData,
  resumeRowTraining,
  smallestGate,
  trainRows,
  writeMirasReport,
} from "../evaluation/index.ts";
import { ConfigError } from "../utils/index.ts";
import { commandLayers } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { jobReporter } from "./job-reporter.ts";
import { jsonOption, names, oneOf, openEngine, threadsOption, wholeNumber } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

interface MirasFlags {
  readonly dim: number;
  readonly heads: number;
  readonly report?: string;
  readonly train?: boolean;
  readonly rows?: readonly string[];
  readonly steps?: number;
  readonly seed?: number;
  readonly corpus?: string;
  readonly engine?: EngineName;
  readonly threads?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addMiras(program: Command): void {
  program
    .command("miras")
    .description("list the rows of Table 1 of MIRAS, train all of them, or draw what retention gates and biases do")
    .argument("[row]", "one row in full, with its configuration to start from", rowName)
    .option("--dim <n>", "width of the layer whose parameters are counted", wholeNumber(1), 64)
    .option("--heads <n>", "its heads", wholeNumber(1), 2)
    .option("--report <folder>", "write a page that draws retention gates and biases, from writes of the engine")
    .option("--train", "train every row on the same text, and write a page about all of them")
    .option("--rows <names>", "train some rows only, with commas between them", (text) => names(text).map(rowName))
    .option("--steps <n>", "steps of each training (default: 100)", wholeNumber(1))
    .option("--seed <n>", "seed of the weights and of the order of the text", wholeNumber(0))
    .option("--corpus <text>", `${bundledCorpora.join(", ")}, a file, a folder, or a glob pattern`)
    .option("--engine <name>", `what computes: ${engineNames.join(", ")}`, oneOf("engine", engineNames))
    .addOption(threadsOption())
    .option("--out <folder>", "folder of the trainings (default: runs/miras-rows-<number>)")
    .option("--resume <folder>", "go on with trainings that were stopped")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
A row is trained with: neural-memory train --arch miras:<row>
Ctrl-C finishes the step, saves and stops; --train --resume goes on exactly there, and trains nothing twice.

Examples:
  $ neural-memory miras
  $ neural-memory miras gated-deltanet
  $ neural-memory miras --report runs/miras
  $ neural-memory miras --train --rows gla,moneta --steps 50 --out runs/rows
  $ neural-memory miras --train --resume runs/rows`,
    )
    .action(runMiras);
}

/** Rows are also known by what --arch takes. */
function rowName(text: string): string {
  return text.replace(/^miras:/, "");
}

const ofTraining = ["rows", "steps", "seed", "corpus", "out", "resume"] as const;
const ofComputing = ["engine", "threads"] as const;

async function runMiras(row: string | undefined, flags: MirasFlags): Promise<void> {
  checkFlags(row, flags);
  if (flags.train) return runTraining(flags);
  if (flags.report !== undefined) return runReport(flags.report, flags);
  const { dim, heads, json } = flags;
  if (row !== undefined) {
    const described = describeRow(row, { dim, heads });
    return json ? printJson(described) : printRow(described, flags);
  }
  const rows = describeRows({ dim, heads });
  if (json) return printJson(rows);
  printRows(rows, flags);
}

/** Options of one use of the command that are given with another would be silently ignored. */
function checkFlags(row: string | undefined, flags: MirasFlags): void {
  const given = (options: readonly (keyof MirasFlags)[]) => options.find((option) => flags[option] !== undefined);
  if (flags.train && flags.report !== undefined)
    throw new ConfigError("--train and --report are two jobs; ask for one");
  if (row !== undefined && (flags.train || flags.report !== undefined))
    throw new ConfigError(`"${row}" is shown by itself; to train it, use --train --rows ${row}`);
  const stray = flags.train
    ? undefined
    : (given(ofTraining) ?? (flags.report === undefined ? given(ofComputing) : undefined));
  if (stray !== undefined) throw new ConfigError(`--${stray} belongs to --train; add --train, or leave it away`);
  const settled =
    flags.resume === undefined ? undefined : given(["rows", "steps", "seed", "corpus", "engine", "threads", "out"]);
  if (settled !== undefined)
    throw new ConfigError("--resume goes on as the trainings began; leave the other options away");
}

function short(text: string): string {
  return text.replace("gradient descent", "GD");
}

function printRows(rows: readonly RowDescription[], { dim, heads }: MirasFlags): void {
  printTable([
    ["row", "memory", "bias", "retention", "algorithm"],
    ...rows.map(({ name, columns: { memory, bias, retention, algorithm } }) => [
      name,
      memory,
      bias,
      retention,
      short(algorithm),
    ]),
  ]);
  console.log();
  printTable([
    ["row", "parameters", "computed", "chunk", "update"],
    ...rows.map(({ name, parameters, form, exact, update }) => [
      name,
      count(parameters).padStart("parameters".length),
      form,
      exact ? "exact" : "frozen",
      update,
    ]),
  ]);
  console.log(`
GD: gradient descent. Parameters: of one layer with dim ${dim} and ${heads} ${heads === 1 ? "head" : "heads"} (--dim, --heads).
lowRank, triangular: no token's weights are built; boundary: they are, from what the chunk accumulates;
recurrent: token by token; set: attention. exact: a chunk equals its tokens one by one; frozen: gradients
are taken at the chunk's start, which is another function than the token rule (chunkSize 1 is the token rule).
One row in full: neural-memory miras <row>. To train one: neural-memory train --arch miras:<row>`);
}

function printRow(row: RowDescription, { dim, heads }: MirasFlags): void {
  const { title, architecture, columns, update, where, note, parameters, configuration } = row;
  printTable([
    ["row", title],
    ["architecture", architecture],
    ...Object.entries(columns),
    ["update", update],
    ...(where === undefined ? [] : [["where", where]]),
    ["computed", formSentence(row)],
    ["chunk", exactSentence(row)],
    ["parameters", `${count(parameters)} in one layer with dim ${dim} and ${heads} ${heads === 1 ? "head" : "heads"}`],
    ...(note === undefined ? [] : [["note", note]]),
  ]);
  console.log(
    `\n# To change it, save this as row.yaml: neural-memory train --config row.yaml\n${stringify(configuration).trimEnd()}`,
  );
}

async function runReport(folder: string, { engine = "auto", threads, json }: MirasFlags): Promise<void> {
  const opened = await openEngine({ engine, ...(threads === undefined ? {} : { threads }) });
  const { report, data } = await writeMirasReport(folder, opened, { onStage: console.error }).finally(() =>
    opened.dispose(),
  );
  if (json) return printJson({ report, data });
  console.log(`report: ${report.html}`);
}

async function runTraining(flags: MirasFlags): Promise<void> {
  const { rows, corpus, steps, seed, engine, threads, out, resume, json } = flags;
  const { layers, where } = await commandLayers(undefined, { corpus, engine, threads, training: { steps, seed } }, []);
  const interrupt = onInterrupt("finishing this step and saving");
  const reporter = jobReporter();
  const hooks: CompareHooks = { signal: interrupt.signal, onEvent: reporter.tell };
  const job = resume === undefined ? trainRows({ rows, layers, where, out }, hooks) : resumeRowTraining(resume, hooks);
  const result = await job.finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: neural-memory miras --train --resume ${result.folder}`);
  if (json) return printJson(result);
  if (!result.finished) return;
  printTraining(result.data);
  console.log(`report: ${result.report.html}`);
}

function printTraining({ rows, baselines, steps, seed, corpus }: RowTrainingData): void {
  printTable([
    ["row", "computed", "chunk", "bits/byte", "output zero", "no writes", "smallest gate gradient", "s/step", "shows"],
    ...rows.map((row) => {
      const { name, form, exact } = row;
      const failed = failedChecks(row);
      const shows = failed.length === 0 ? "all" : `not: ${failed.join(", ")}`;
      const how = [name, form, exact ? "exact" : "frozen"];
      if (row.failure !== undefined) return [...how, "", "", "", "", "", row.failure];
      const gate = smallestGate(row);
      return [
        ...how,
        row.bitsPerByte.toFixed(3),
        `+${row.withoutOutput.difference.toFixed(3)}`,
        row.withoutWrites === undefined ? "" : `+${row.withoutWrites.difference.toFixed(4)}`,
        gate === undefined ? "none learned" : `${gate.norm.toExponential(1)} ${gate.gate}`,
        row.secondsPerStep.toPrecision(2),
        shows,
      ];
    }),
  ]);
  console.log(`
${steps} steps on ${corpus} with seed ${seed}; validation in bits per byte, order 0: ${baselines.order0.toFixed(3)}. Output zero, no writes: bits per byte more when
everything the mixers put out is set to zero, and when nothing is written to the memories.`);
}
