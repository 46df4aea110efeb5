/** `sweep`: searches for good numbers. */
import type { Command } from "commander";
import {
  choiceText,
  resultText,
  resumeSweep,
  type SweepData,
  type SweepEvent,
  statusText,
  sweepJob,
  sweepVerdict,
} from "../evaluation/index.ts";
import { lossOf } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { readConfigFile } from "./config-layers.ts";
import { onInterrupt } from "./interrupt.ts";
import { jsonOption, wholeNumber } from "./options.ts";
import { clock, count, printJson, printTable } from "./output.ts";
import { type Progress, startProgress } from "./progress.ts";

interface SweepFlags {
  readonly workers?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

/** Steps over which the speed is averaged: enough that runs begin and end meanwhile. */
const AVERAGED = 500;

/** Adds the command. */
export function addSweep(program: Command): void {
  program
    .command("sweep")
    .description("search for good numbers: train every choice of parameters of a file, side by side, to one page")
    .argument("[config]", "YAML or JSON file: base, parameters, search, seeds, stop, metric, workers")
    .option(
      "--workers <n>",
      "runs at a time, each with one thread (default: as many as the machine runs at once)",
      wholeNumber(1),
    )
    .option(
      "--out <folder>",
      "folder of the page, with a run for each trial and seed in it (default: runs/sweep-<number>)",
    )
    .option("--resume <folder>", "go on with a sweep that was stopped")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
A file such as:
  base: { preset: lmm-tiny, task: recall }        # any entries of a run's config.json
  search: random                                  # or grid, the default, which needs values
  trials: 20
  parameters:                                     # any keys of a run's config.json
    training.learningRate: { min: 1e-3, max: 3e-2, scale: log }
    model.memory.depth: { min: 1, max: 3, integer: true }
    arch: [titans-lmm, titans-mac]
  seeds: 3                                        # runs of each trial
  metric: answerAccuracy                          # or bits, the default
  stop: { at: [100, 200], quantile: 0.5 }         # at these steps the best half goes on
Trials are compared when all of them have come to a step of stop.at, by their mean over seeds, so that workers and speed change
nothing. Ctrl-C finishes the steps, saves and stops; --resume goes on exactly there.

Examples:
  $ neural-memory sweep examples/sweep-recall.yaml
  $ neural-memory sweep rates.yaml --workers 4 --out runs/rates
  $ neural-memory sweep --resume runs/rates`,
    )
    .action(runSweep);
}

async function runSweep(config: string | undefined, { workers, out, resume, json }: SweepFlags): Promise<void> {
  if (resume === undefined && config === undefined)
    throw new ConfigError(
      "name a sweep file, such as examples/sweep-recall.yaml, or a sweep to go on with: --resume <folder>",
    );
  const settled = resume === undefined ? undefined : (config ?? (out === undefined ? undefined : "--out"));
  if (settled !== undefined) throw new ConfigError(`--resume goes on as the sweep began; leave ${settled} away`);
  const sweep = config === undefined ? undefined : await readConfigFile(config);
  const interrupt = onInterrupt("finishing these steps and saving");
  const reporter = sweepReporter();
  const hooks = { workers, signal: interrupt.signal, onEvent: reporter.tell };
  const job = resume === undefined ? sweepJob({ sweep, where: config!, out }, hooks) : resumeSweep(resume, hooks);
  const result = await job.finally(reporter.stop);
  if (interrupt.exitCode !== undefined && !result.finished) process.exitCode = interrupt.exitCode;
  if (!result.finished) console.error(`stopped; go on with: neural-memory sweep --resume ${result.folder}`);
  if (json) return printJson(result);
  if (!result.finished) return;
  printTrials(result.data);
  console.log(`report: ${result.report.html}`);
}

/** Tells on standard error how far all runs are. */
function sweepReporter(): { tell(event: SweepEvent): void; stop(): void } {
  let progress: Progress | undefined;
  let done = 0;
  const stop = () => {
    progress?.stop();
    progress = undefined;
  };
  const tell = (event: SweepEvent) => {
    switch (event.kind) {
      case "stage": {
        stop();
        done = event.done;
        const end = event.until === undefined ? "their end" : `step ${count(event.until)}`;
        console.error(`training ${event.runs === 1 ? "one run" : `${count(event.runs)} runs`} to ${end}`);
        progress = startProgress("step", event.total, done, AVERAGED);
        return;
      }
      case "step":
        done++;
        return progress?.update(done, event);
      case "validation":
        return progress?.note(`${event.run} step ${event.step}: ${lossOf(event).bits.toFixed(3)}`);
      case "rung":
        stop();
        return console.error(rungText(event));
      case "note":
        return console.error(event.sentence);
      default:
        event satisfies never;
    }
  };
  return { tell, stop };
}

function rungText({ step, goOn, stopped }: Extract<SweepEvent, { kind: "rung" }>): string {
  const given = stopped.length === 0 ? "none is stopped" : `stopped: ${stopped.join(", ")}`;
  return `step ${count(step)}: trials that go on: ${goOn.join(", ")}; ${given}`;
}

function printTrials(data: SweepData): void {
  const { settings, unit, trials, seconds } = data;
  const { metric } = settings;
  printTable([
    ["trial", metric === "bits" ? `bits/${unit}` : "right answers", "steps", "", "parameters"],
    ...trials.map((trial) => [
      `${trial.number}`,
      trial.result === undefined ? "" : resultText(metric, trial.result),
      `${trial.reached}/${trial.steps}`,
      statusText(trial),
      choiceText(trial.parameters),
    ]),
  ]);
  const spread = settings.seeds === 1 ? "one seed" : `mean ± half the 95 % interval over ${settings.seeds} seeds`;
  console.log(`\n${spread}; ${clock(seconds)} of training, summed over workers\n${sweepVerdict(data)}`);
}
