/** `compare`: several models on the same text, with the same seed and as many steps, in one report. */
import type { Command } from "commander";
import { engineNames } from "../array/index.ts";
import { bundledCorpora } from "../data/index.ts";
import { type CompareData, type CompareHooks, compareJob, ranked, resumeCompareJob } from "../evaluation/index.ts";
import { comparedPresets, presets } from "../models/index.ts";
import { ConfigError } from "../utils/index.ts";
import { commandLayers } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { jobReporter } from "./job-reporter.ts";
import { jsonOption, names, threadsOption, wholeNumber } from "./options.ts";
import { count, printJson, printTable } from "./output.ts";

interface CompareFlags {
  readonly presets?: readonly string[];
  readonly corpus?: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly engine?: string;
  readonly threads?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addCompare(program: Command): void {
  program
    .command("compare")
    .description("train several models on the same text, one after the other, and write one report about all of them")
    .option(
      "--presets <names>",
      `some of ${Object.keys(presets).join(", ")}, with commas between them (default: ${comparedPresets.join(",")})`,
      names,
    )
    .option("--corpus <text>", `${bundledCorpora.join(", ")}, a file, a folder, or a glob pattern`)
    .option("--steps <n>", "steps of each training (default: the first preset's)", wholeNumber(1))
    .option("--seed <n>", "seed of the weights and of the order of the text", wholeNumber(0))
    .option("--engine <name>", `what computes: ${engineNames.join(", ")}`)
    .addOption(threadsOption())
    .option("--out <folder>", "folder of the report, with a run for each model in it (default: runs/compare-<number>)")
    .option("--resume <folder>", "go on with a comparison that was stopped")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
All models read the same windows in as many steps: those of the first preset, unless --steps says otherwise.
Each run is an ordinary one: generate, evaluate and inspect take <folder>/<preset>.
Ctrl-C finishes the step, saves and stops; --resume goes on exactly there, and trains nothing twice.

Examples:
  $ neural-memory compare
  $ neural-memory compare --presets lmm-small,transformer-small --steps 200 --out runs/against-attention
  $ neural-memory compare --resume runs/against-attention`,
    )
    .action(runCompare);
}

async function runCompare(flags: CompareFlags): Promise<void> {
  const { presets: chosen, corpus, steps, seed, engine, threads, out, resume, json } = flags;
  if (
    resume !== undefined &&
    [chosen, corpus, steps, seed, engine, threads, out].some((option) => option !== undefined)
  ) {
    throw new ConfigError("--resume goes on as the comparison began; leave the other options away");
  }
  const { layers, where } = await commandLayers(undefined, { corpus, engine, threads, training: { steps, seed } }, []);
  const interrupt = onInterrupt("finishing this step and saving");
  const reporter = jobReporter();
  const hooks: CompareHooks = { signal: interrupt.signal, onEvent: reporter.tell };
  const job =
    resume === undefined ? compareJob({ presets: chosen, layers, where, out }, hooks) : resumeCompareJob(resume, hooks);
  const result = await job.finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: neural-memory compare --resume ${result.folder}`);
  if (json) return printJson(result.finished ? { ...result, data: undefined } : result);
  if (!result.finished) return;
  printRanking(result.data);
  console.log(`report: ${result.report.html}`);
}

function printRanking({ models }: CompareData): void {
  printTable([
    ["preset", "bits/byte", "below order 0", "parameters", "seconds/step", "engine"],
    ...ranked(models).map(({ name, final, gainOverOrder0, parameters, secondsPerStep, engine }) => [
      name,
      final.bitsPerByte.toFixed(3),
      `${gainOverOrder0.toFixed(1)} %`,
      count(parameters),
      secondsPerStep.toPrecision(2),
      engine.name,
    ]),
  ]);
}
