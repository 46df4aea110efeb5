/** `optimizers`: what trains the weights, listed or compared. */
import type { Command } from "commander";
import { type EngineName, engineNames } from "../array/index.ts";
import { bundledCorpora } from "../data/index.ts";
import {
  COMPARED_PRESET,
  COMPARED_SEEDS,
  COMPARED_STEPS,
  type CompareHooks,
  compareOptimizers,
  compareOptimizersOnToys,
  divergences,
  type OptimizerToyData,
  type OptimizerTrainings,
  optimizerVerdict,
  resumeOptimizerComparison,
  summarizeOptimizers,
  toyVerdicts,
  withSpread,
} from "../evaluation/index.ts";
import { presets } from "../models/index.ts";
import { type OptimizerName, optimizerNames, optimizers } from "../optim/index.ts";
import { optimizerSettings } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { commandLayers } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { jobReporter } from "./job-reporter.ts";
import { jsonOption, oneOf, threadsOption, wholeNumber } from "./options.ts";
import { printJson, printTable, settingsText } from "./output.ts";

interface OptimizersFlags {
  readonly list?: boolean;
  readonly steps?: number;
  readonly seeds?: number;
  readonly preset?: string;
  readonly corpus?: string;
  readonly engine?: EngineName;
  readonly threads?: number;
  readonly toysOnly?: boolean;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addOptimizers(program: Command): void {
  program
    .command("optimizers")
    .description("compare optimizers on the same text with several seeds in one page, or list them")
    .argument("[names...]", "some of them (default: all)", optimizerName)
    .option("--list", "list them with paper, equation and settings; nothing is trained")
    .option("--steps <n>", `steps of each training (default: ${COMPARED_STEPS})`, wholeNumber(1))
    .option("--seeds <n>", `trainings of each optimizer (default: ${COMPARED_SEEDS})`, wholeNumber(1))
    .option(
      "--preset <name>",
      `the model that is trained: ${Object.keys(presets).join(", ")} (default: ${COMPARED_PRESET})`,
    )
    .option("--corpus <text>", `${bundledCorpora.join(", ")}, a file, a folder, or a glob pattern`)
    .option("--engine <name>", `what computes: ${engineNames.join(", ")}`, oneOf("engine", engineNames))
    .addOption(threadsOption())
    .option("--toys-only", "the toy problems of the paper alone, in half a minute; nothing is trained on text")
    .option(
      "--out <folder>",
      "folder of the page, with a run for each training in it (default: runs/optimizers-<number>)",
    )
    .option("--resume <folder>", "go on with a comparison that was stopped")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Each optimizer is trained with the learning rate of its own that --list shows; train --optimizer uses it too, except adamw, whose
rate is the preset's. With one seed no spread can be given. A training that meets a number that is not finite is a result.
Ctrl-C finishes the step, saves and stops; --resume goes on exactly there, and trains nothing twice.

Examples:
  $ neural-memory optimizers --list
  $ neural-memory optimizers
  $ neural-memory optimizers adamw muon m3 --steps 300 --seeds 3 --out runs/matrices
  $ neural-memory optimizers sgd adamw --preset lmm-tiny --steps 20 --seeds 2
  $ neural-memory optimizers momentum delta-momentum --toys-only
  $ neural-memory optimizers --resume runs/matrices
  $ neural-memory train --optimizer m3 --set training.optimizer.period=10`,
    )
    .action(runOptimizers);
}

/** Collects one name after the other. */
function optimizerName(text: string, before: readonly OptimizerName[] = []): OptimizerName[] {
  return [...before, oneOf("optimizer", optimizerNames)(text)];
}

const ofTraining = ["steps", "seeds", "preset", "corpus", "engine", "threads"] as const;

async function runOptimizers(named: readonly OptimizerName[], flags: OptimizersFlags): Promise<void> {
  checkFlags(named, flags);
  checkToys(flags);
  if (flags.list) return list(flags);
  if (flags.toysOnly) return compareToys(named.length === 0 ? undefined : named, flags);
  return compare(named.length === 0 ? undefined : named, flags);
}

/** Options of one use of the command that are given with another would be silently ignored. */
function checkFlags(named: readonly OptimizerName[], flags: OptimizersFlags): void {
  const given = (options: readonly (keyof OptimizersFlags)[]) =>
    named.length > 0
      ? named[0]
      : options
          .map((option) => `--${option === "toysOnly" ? "toys-only" : option}`)
          .find((_, i) => flags[options[i]!] !== undefined);
  const beside = flags.list ? given([...ofTraining, "out", "resume", "toysOnly"]) : undefined;
  if (beside !== undefined) throw new ConfigError(`--list lists all optimizers and trains none; leave ${beside} away`);
  const settled = flags.resume === undefined ? undefined : given([...ofTraining, "out"]);
  if (settled !== undefined) throw new ConfigError(`--resume goes on as the comparison began; leave ${settled} away`);
}

function checkToys(flags: OptimizersFlags): void {
  const stray = [...ofTraining, "resume" as const].find((option) => flags[option] !== undefined);
  if (flags.toysOnly && stray !== undefined)
    throw new ConfigError(`--toys-only trains nothing on text; leave --${stray} away`);
}

function list({ json }: OptimizersFlags): void {
  const listed = optimizerNames.map((name) => {
    const { title, paper, equation, learningRate } = optimizers[name];
    const defaults = optimizerSettings({ optimizer: { name } });
    return { name, title, paper, equation, learningRate, defaults };
  });
  if (json) return void printJson(listed);
  printTable([
    ["optimizer", "equation", "paper", ""],
    ...listed.map(({ name, equation, paper, title }) => [name, equation, paper, title]),
  ]);
  console.log();
  printTable([
    ["optimizer", "rate", "default settings"],
    ...listed.map(({ name, learningRate, defaults }) => [name, `${learningRate}`, settingsText(defaults)]),
  ]);
  console.log(`
Equation: of Nested Learning, which the optimizer follows or is read as.
Choose one with train --optimizer <name>, and settings with --set training.optimizer.<setting>=<value>.
training.beta1, beta2 and weightDecay hold for every optimizer that has them; warm-up, decay and clipNorm for all.
Rate: what training.learningRate is where it is not given; with adamw it is the preset's. Found with ${COMPARED_PRESET} in ${COMPARED_STEPS} steps.`);
}

async function compareToys(
  chosen: readonly OptimizerName[] | undefined,
  { out, json }: OptimizersFlags,
): Promise<void> {
  const reporter = jobReporter();
  const result = await compareOptimizersOnToys({ optimizers: chosen, out }, { onEvent: reporter.tell }).finally(
    reporter.stop,
  );
  if (json) return printJson(result);
  printToys(result.data.toys);
  console.log(`report: ${result.report.html}`);
}

function printToys(toys: OptimizerToyData): void {
  const mean = (steps: readonly (number | null)[]) => {
    const arrived = steps.filter((step) => step !== null);
    if (arrived.length === 0) return "never";
    return `${(arrived.reduce((sum, step) => sum + step, 0) / arrived.length).toFixed(0)} (${arrived.length} of ${steps.length})`;
  };
  const names = toys.findings[0]?.results.map(({ optimizer }) => optimizer) ?? [];
  printTable([
    ["steps to arrive", ...toys.findings.map(({ problem }) => problem)],
    ...names.map((name, i) => [name, ...toys.findings.map(({ results }) => mean(results[i]!.arrival))]),
  ]);
  const verdicts = toyVerdicts(toys).map(
    ({ claim, problem, holds, seeds }) => `\n${claim} (${problem}): in ${holds} of ${seeds} seeds.`,
  );
  console.log(`${toys.seeds.length} seeds; in brackets how many arrive.${verdicts.join("")}`);
}

async function compare(chosen: readonly OptimizerName[] | undefined, flags: OptimizersFlags): Promise<void> {
  const { steps, seeds, preset, corpus, engine, threads, out, resume, json } = flags;
  const { layers, where } = await commandLayers(
    undefined,
    { preset, corpus, engine, threads, training: { steps } },
    [],
  );
  const interrupt = onInterrupt("finishing this step and saving");
  const reporter = jobReporter();
  const hooks: CompareHooks = { signal: interrupt.signal, onEvent: reporter.tell };
  const job =
    resume === undefined
      ? compareOptimizers({ optimizers: chosen, seeds, layers, where, out }, hooks)
      : resumeOptimizerComparison(resume, hooks);
  const result = await job.finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: neural-memory optimizers --resume ${result.folder}`);
  if (json) return printJson(result);
  if (!result.finished) return;
  if (result.data.trainings !== undefined) printTrainings(result.data.trainings);
  console.log();
  printToys(result.data.toys);
  console.log(`report: ${result.report.html}`);
}

function printTrainings({ runs, steps, corpus, seeds, baselines }: OptimizerTrainings): void {
  const summaries = summarizeOptimizers(runs);
  printTable([
    ["optimizer", "bits/byte", "rate", "state/parameter", "s/step", "stopped"],
    ...summaries.map(({ optimizer, final, learningRate, statePerParameter, secondsPerStep, diverged }) => [
      optimizer,
      final === undefined ? "" : withSpread(final),
      `${learningRate}`,
      statePerParameter.toFixed(2),
      Number.isFinite(secondsPerStep) ? secondsPerStep.toPrecision(2) : "",
      diverged.length === 0 ? "" : `${diverged.length} of ${seeds}`,
    ]),
  ]);
  const stopped = summaries.flatMap(divergences).map((sentence) => `\n${sentence}`);
  console.log(`
${steps} steps on ${corpus} with ${seeds === 1 ? "one seed" : `${seeds} seeds`}; order 0: ${baselines.order0.toFixed(3)}.${stopped.join("")}
${optimizerVerdict(summaries)}`);
}
