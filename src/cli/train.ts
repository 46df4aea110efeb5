/** `train`: trains a model, or goes on training it. */
import type { Command } from "commander";
import { engineNames } from "../array/index.ts";
import { bundledCorpora, taskNames } from "../data/index.ts";
import { architectureNames, defaultPreset, listedArchitectures, presets } from "../models/index.ts";
import { levelTable } from "../nl/index.ts";
import { optimizerNames } from "../optim/index.ts";
import { lossOf, resumeRun, runLevels, startRun, trainRun, type ValidationMetrics } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { commandLayers } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { collect, jsonOption, oneOf, threadsOption, wholeNumber } from "./options.ts";
import { clock, count, printJson } from "./output.ts";
import { startProgress } from "./progress.ts";

interface TrainFlags {
  readonly preset?: string;
  readonly arch?: string;
  readonly corpus?: string;
  readonly task?: string;
  readonly tokenizer?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly keep?: number;
  readonly optimizer?: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly engine?: string;
  readonly threads?: number;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly allowEngineChange?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addTrain(program: Command): void {
  program
    .command("train")
    .description("train a model on text, or on a task; its folder holds config.json, metrics.jsonl and checkpoints")
    .option(
      "--preset <name>",
      `a model and how it is trained: ${Object.keys(presets).join(", ")} (default: ${defaultPreset})`,
    )
    .option(
      "--arch <name>",
      `another architecture in the preset: ${listedArchitectures.join(", ")}`,
      oneOf("architecture", architectureNames, listedArchitectures),
    )
    .option(
      "--corpus <text>",
      `${bundledCorpora.join(", ")}, a file, a folder, a glob pattern, or - for standard input`,
    )
    .option("--task <name>", "train on a task instead, see: neural-memory tasks", oneOf("task", taskNames))
    .option("--tokenizer <name>", "bytes, or a Hugging Face tokenizer.json")
    .option("--out <folder>", "folder of the new run (default: runs/<preset>-<number>)")
    .option("--resume <folder>", "go on with a run, from its latest checkpoint or the one that is named")
    .option("--keep <n>", "checkpoints to keep", wholeNumber(1))
    .option(
      "--optimizer <name>",
      "how the weights are trained, adamw by default; see: neural-memory optimizers",
      oneOf("optimizer", optimizerNames),
    )
    .option("--steps <n>", "steps in the whole run", wholeNumber(1))
    .option("--seed <n>", "seed of the weights and of the order of the text", wholeNumber(0))
    .option("--engine <name>", `what computes: ${engineNames.join(", ")}`)
    .addOption(threadsOption())
    .option("--allow-engine-change", "resume although the engine gives other last digits")
    .option("--config <file>", "YAML or JSON file with the keys of a run's config.json")
    .option("--set <key=value>", "one entry of the configuration, such as model.dim=96; repeatable", collect)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
What is given later in this list wins: preset, --config, the other options, --set.
A preset's learning rate is for adamw; another optimizer has its own (optimizers --list) unless training.learningRate says
another.
Ctrl-C finishes the step, saves and stops; --resume goes on exactly there, also after a crash.

Examples:
  $ neural-memory train --preset lmm-tiny --out runs/first
  $ neural-memory train --corpus 'books/*.txt' --steps 1000 --set model.dim=96 --set training.learningRate=4e-3
  $ cat book.txt | neural-memory train --corpus - --arch transformer
  $ neural-memory train --preset lmm-small --arch miras:gated-deltanet --steps 200
  $ neural-memory train --optimizer muon --set training.optimizer.momentum=0.9
  $ neural-memory train --preset lmm-small --task recall --set task.pairs=8 --set training.length=64
  $ neural-memory train --resume runs/first`,
    )
    .action(runTrain);
}

async function runTrain(flags: TrainFlags): Promise<void> {
  const run = await openRun(flags);
  const { steps } = run.config.training;
  const interrupt = onInterrupt("finishing this step and saving");
  console.error(`training in ${run.folder.path}, step ${run.from.step} of ${steps}`);
  const levels = runLevels(run.model, run.config.training);
  console.error(levelTable(levels, "token", ["updates", "component", "parameters", "objective"]));
  const progress = startProgress("step", steps, run.from.step);
  const summary = await trainRun(run, {
    signal: interrupt.signal,
    onNote: console.error,
    onStep: (metrics) => progress.update(metrics.step, metrics),
    onValidation: (found) => progress.note(`validation ${validationText(found)}`),
  }).finally(() => progress.stop());

  if (!summary.complete)
    console.error(`stopped at step ${summary.step}; go on with: neural-memory train --resume ${summary.run}`);
  process.exitCode = interrupt.exitCode !== undefined && !summary.complete ? interrupt.exitCode : 0;
  if (flags.json) return printJson(summary);
  const { run: folder, validation, tokens, seconds } = summary;
  const found = validation === null ? "" : `, ${resultText(validation)} in validation`;
  console.log(`${folder}: step ${summary.step} of ${steps}${found}, ${count(tokens)} tokens in ${clock(seconds)}`);
}

/** A validation in a few characters. */
function validationText(found: ValidationMetrics): string {
  const { answerAccuracy } = found;
  const right = answerAccuracy === undefined ? "" : `, ${percent(answerAccuracy)} right`;
  return `${lossOf(found).bits.toFixed(3)}${right}`;
}

/** A validation in full. */
function resultText(found: ValidationMetrics): string {
  const { bits, unit } = lossOf(found);
  const { answerAccuracy, tokenAccuracy, answers } = found;
  const right =
    answerAccuracy === undefined
      ? ""
      : `, ${percent(answerAccuracy)} of ${count(answers!)} answers and ${percent(tokenAccuracy!)} of their tokens right`;
  return `${bits.toFixed(3)} bits per ${unit}${right}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

async function openRun(flags: TrainFlags) {
  const { preset, corpus, task, tokenizer, engine, threads, keep, arch, optimizer, steps, seed } = flags;
  const run = {
    preset,
    corpus,
    task: task === undefined ? undefined : { name: task },
    tokenizer,
    engine,
    threads,
    keep,
  };
  const written = { ...run, model: { architecture: arch }, training: { optimizer: { name: optimizer }, steps, seed } };
  const { layers, where } = await commandLayers(flags.config, written, flags.set ?? []);
  if (flags.resume === undefined) return startRun({ layers, where, out: flags.out, onNote: console.error });
  if (flags.out !== undefined) {
    throw new ConfigError("--resume goes on in the run's own folder; leave --out away");
  }
  return resumeRun({
    path: flags.resume,
    layers,
    where,
    allowEngineChange: flags.allowEngineChange ?? false,
    onNote: console.error,
  });
}
