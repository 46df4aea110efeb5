/** A page about a run on a task, written from what the run left (Node only). */
import { basename, join } from "node:path";
import { countElements, release } from "../array/index.ts";
import { type DescribedTask, describeTask, openTask } from "../data/index.ts";
import { type LossEntry, loadCheckpoint, lossOf, readMetrics, runFolder, runFolderOf } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { loadPlotter } from "./plots.ts";
import { renderTaskReport } from "./render-task-report.ts";
import { type ReportPaths, writePage } from "./report.ts";
import type { TaskReportData, TaskValidation } from "./task-report-data.ts";

/**
 * Writes `report.html` and `report.json` about a run on a task into its folder. Nothing is measured anew: the run's own validations say how it went.
 *
 * @param run the run's folder, finished or not
 * @throws CheckpointError if there is no run
 * @throws ConfigError if it was no run on a task, or was not validated yet
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeTaskReport(run: string): Promise<ReportPaths> {
  const { meta, params, path } = await loadCheckpoint(run);
  const parameters = countElements(params);
  release(params);
  if (meta.task === undefined) {
    throw new ConfigError(`${run} was trained on text; write its report with: neural-memory start --resume ${run}`);
  }
  const folder = runFolderOf(path).path;
  const described = describeTask(await openTask(meta.task));
  const data = { ...(await curvesOf(folder)), format: 1 as const, name: basename(folder), parameters, task: described };
  if (data.validation.length === 0) {
    throw new ConfigError(`${run} has not been validated yet; go on with: neural-memory train --resume ${run}`);
  }
  const { model, training, engine } = meta;
  const whole: TaskReportData = { ...data, model, training, engine, guessing: guessingBits(described) };
  return writePage(join(folder, "report"), whole, renderTaskReport(await loadPlotter(), whole));
}

/** What an answer token costs somebody who knows which tokens can be answers, and nothing else. */
function guessingBits({ chance }: DescribedTask): number {
  return -Math.log2(chance);
}

async function curvesOf(folder: string): Promise<Pick<TaskReportData, "learning" | "validation">> {
  const lines = await readMetrics(runFolder(folder).metrics);
  const bitsOf = (line: LossEntry) => lossOf(line).bits;
  return {
    // Where everything is trained on, losses of steps are in bits of something else than those of validations.
    learning: lines.flatMap((line) =>
      line.kind === "step" && lossOf(line).unit === "answer token" ? [{ step: line.step, bits: bitsOf(line) }] : [],
    ),
    validation: lines.flatMap((line): TaskValidation[] => {
      if (line.kind !== "validation") return [];
      const { step, tokenAccuracy = 0, answerAccuracy = 0, answers = 0 } = line;
      return [{ step, bits: bitsOf(line), tokenAccuracy, answerAccuracy, answers }];
    }),
  };
}
