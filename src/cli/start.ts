/** `start`: the main job, from a book to a trained memory and a report. */
import type { Command } from "commander";
import { engineNames } from "../array/index.ts";
import { bundledCorpora } from "../data/index.ts";
import { type MainJobHooks, mainJob, resumeMainJob } from "../evaluation/index.ts";
import { defaultPreset, presets } from "../models/index.ts";
import { ConfigError } from "../utils/index.ts";
import { commandLayers } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { jobReporter } from "./job-reporter.ts";
import { jsonOption, threadsOption, wholeNumber } from "./options.ts";
import { printJson } from "./output.ts";

interface StartFlags {
  readonly preset?: string;
  readonly corpus?: string;
  readonly steps?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly seed?: number;
  readonly engine?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds the command. */
export function addStart(program: Command): void {
  program
    .command("start")
    .description("the main job: train on a book or a text of yours, show what the memory does, write a report")
    .option("--preset <name>", `${Object.keys(presets).join(", ")} (default: ${defaultPreset})`)
    .option(
      "--corpus <text>",
      `${bundledCorpora.join(", ")}, a file, a folder, or a glob pattern (default: ${bundledCorpora[0]})`,
    )
    .option("--steps <n>", "steps of each of the two trainings (default: the preset's)", wholeNumber(1))
    .option("--out <folder>", "folder of the run and its report (default: runs/<preset>-<number>)")
    .option("--resume <folder>", "go on with a job that was stopped")
    .option("--seed <n>", "seed of the weights and of the order of the text", wholeNumber(0))
    .option("--engine <name>", `what computes: ${engineNames.join(", ")}`)
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ neural-memory start
  $ neural-memory start --preset lmm-tiny --out runs/tour
  $ neural-memory start --corpus my-text.txt --preset lmm-small --out runs/mine
  $ neural-memory start --resume runs/linear-small-1`,
    )
    .action(runStart);
}

async function runStart({ resume, json, ...asked }: StartFlags): Promise<void> {
  if (resume !== undefined && Object.values(asked).some((option) => option !== undefined)) {
    throw new ConfigError("--resume goes on as the job began; leave the other options away");
  }
  const { preset, corpus, steps, out, seed, engine, threads } = asked;
  const flags = { preset, corpus, engine, threads, training: { steps, seed } };
  const { layers, where } = await commandLayers(undefined, flags, []);
  const interrupt = onInterrupt("finishing this step and saving");
  const reporter = jobReporter();
  const hooks: MainJobHooks = { signal: interrupt.signal, onEvent: reporter.tell };
  const job = resume === undefined ? mainJob({ layers, where, out }, hooks) : resumeMainJob(resume, hooks);
  const result = await job.finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: neural-memory start --resume ${result.folder}`);
  if (json) printJson(result.finished ? { ...result, data: undefined } : result);
  else if (result.finished) console.log(`report: ${result.report.html}`);
}
