/** `reproduce`: the papers' claims as experiments, with a verdict each. */
import { availableParallelism } from "node:os";
import { type Command, Option } from "commander";
import {
  type CompareEvent,
  experimentNamed,
  experiments,
  type ReproduceEvent,
  type ReproduceResult,
  reproduce,
} from "../evaluation/index.ts";
import { lossOf } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { onInterrupt } from "./interrupt.ts";
import { jobReporter } from "./job-reporter.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { clock, printJson, printTable } from "./output.ts";

interface ReproduceFlags {
  readonly list?: boolean;
  readonly seeds?: number;
  readonly smoke?: boolean;
  readonly workers?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Where experiments are kept unless it is said. */
const FULL = "runs/reproduce";
const SMOKE = "runs/reproduce-smoke";
/** Lines about each of several trainings. */
const TOLD = 10;

/** Adds the command. */
export function addReproduce(program: Command): void {
  program
    .command("reproduce")
    .description(
      "test claims of the papers: train what an experiment compares, with several seeds, and write a page with a verdict",
    )
    .argument("[names...]", "some of them (default: all)", experimentName)
    .option("--list", "list the experiments; nothing is trained")
    .option("--seeds <n>", "trainings of each model (default: what the experiment's rule needs)", wholeNumber(1))
    .option("--smoke", "tiny models and a few steps: whether everything runs, no verdict")
    .option(
      "--workers <n>",
      "parts that are trained at a time (default: as many as the machine runs at once)",
      wholeNumber(1),
    )
    .addOption(
      new Option("--out <folder>", "folder of the pages and of a run for each part").default(
        undefined,
        `${FULL}, with --smoke ${SMOKE}`,
      ),
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Ctrl-C finishes the step, saves and stops; the same command goes on exactly there, and trains nothing twice.
Every part (one model with one seed) is an ordinary run on one thread in <out>/<experiment>/<arm>-<seed>: evaluate, inspect and
generate take it. Pages: <out>/<experiment>.html and <out>/index.html, with the numbers as JSON beside them.

Examples:
  $ neural-memory reproduce --list
  $ neural-memory reproduce --smoke
  $ neural-memory reproduce needle-length`,
    )
    .action((names: readonly string[], flags: ReproduceFlags) => runReproduce(names, flags, program.version()!));
}

/** Refuses an unknown one before anything is done. */
function experimentName(text: string, before: readonly string[] = []): string[] {
  return [...before, experimentNamed(text).name];
}

async function runReproduce(names: readonly string[], flags: ReproduceFlags, version: string): Promise<void> {
  if (flags.list) return list(flags);
  const { seeds, smoke = false, workers = availableParallelism(), out = smoke ? SMOKE : FULL, json } = flags;
  const interrupt = onInterrupt("finishing this step and saving");
  const reporter = jobReporter();
  const tellOne = workers === 1 ? reporter.tell : tellSeveral;
  const tell = (event: ReproduceEvent) => (event.kind === "parts" ? tellParts(event) : tellOne(event));
  const result = await reproduce(
    {
      ...(names.length > 0 ? { names } : {}),
      seeds,
      workers,
      size: smoke ? "smoke" : "full",
      out,
      command: commandText(names, flags),
      version,
    },
    { onEvent: tell, signal: interrupt.signal },
  ).finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: ${commandText(names, flags)}`);
  if (json) return printJson({ ...result, experiments: result.experiments.map(summary) });
  printTable([
    ["experiment", "verdict", "page"],
    ...result.experiments.map(({ data, report }) => [data.name, data.verdict, report.html]),
  ]);
  console.log(`all: ${result.index.html}`);
}

/** Without the parts, which the files have. */
function summary({ report, data }: ReproduceResult["experiments"][number]) {
  const { name, verdict, because, missing } = data;
  return { name, verdict, because, missing, report };
}

function tellParts({ done, total, secondsLeft }: Extract<ReproduceEvent, { kind: "parts" }>): void {
  const left = secondsLeft === undefined || done === total ? "" : `, about ${clock(secondsLeft)} left`;
  console.error(`${done} of ${total} parts${left}`);
}

/** Parts that are trained side by side have no live line each. */
const tellSeveral = (event: CompareEvent) => {
  switch (event.kind) {
    case "stage":
      return console.error(`begins: ${event.stage}`);
    case "stage done":
      return console.error(`done in ${clock(event.seconds)}: ${event.stage}`);
    case "note":
      return console.error(event.sentence);
    case "step": {
      const { of, step, steps } = event;
      const piece = (reached: number) => Math.floor((TOLD * reached) / steps);
      if (piece(step) === piece(step - 1)) return;
      const { bits, unit } = lossOf(event);
      return console.error(`${of}: step ${step}/${steps}, ${bits.toFixed(3)} bits per ${unit}`);
    }
    case "validation":
      return;
    default:
      event satisfies never;
  }
};

function commandText(names: readonly string[], { seeds, smoke, out }: ReproduceFlags): string {
  const options = [
    ...(seeds === undefined ? [] : [`--seeds ${seeds}`]),
    ...(smoke ? ["--smoke"] : []),
    ...(out === undefined ? [] : [`--out ${out}`]),
  ];
  return ["neural-memory reproduce", ...names, ...options].join(" ");
}

function list({ seeds, smoke, out, json }: ReproduceFlags): void {
  if (seeds !== undefined || smoke || out !== undefined)
    throw new ConfigError("--list trains nothing; leave --seeds, --smoke and --out away");
  const described = experiments.map((sized) => {
    const { name, paper, claim, arms, seeds: each } = sized.of("full");
    const parts = arms.reduce((sum, arm) => sum + Math.min(each, arm.seeds ?? each), 0);
    return { name, paper, claim, parts };
  });
  if (json) {
    printJson(described);
    return;
  }
  printTable([
    ["experiment", "paper", "parts", "claim"],
    ...described.map(({ name, paper, parts, claim }) => [name, paper, String(parts), claim]),
  ]);
}
