/** A job that trains the runs of a plan one after the other, and keeps what was found of each (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type NgramBaselines, type TokenWindows, writeFileAtomic } from "../data/index.ts";
import { openRunIn, type Run } from "../training/index.ts";
import { NonFiniteError } from "../utils/index.ts";
import { type CompareHooks, notesTo, trainTold } from "./compare-job.ts";
import type { PlannedRun } from "./compare-plan.ts";
import { type BaselineText, openBaselineText } from "./job-text.ts";
import type { Stages } from "./main-job-stages.ts";
import type { ReportData } from "./report-data.ts";
import { platformName } from "./run-facts.ts";
import { spreadWindows } from "./spread-windows.ts";

/** Tokens that are scored after each training. */
const SCORED_TOKENS = 32_768;
/** Where a run's folder keeps what was found. */
const KEPT = "found.json";

/** A run that came to its end. */
export interface PlannedRunEnd {
  readonly planned: PlannedRun;
  readonly run: Run;
  readonly checkpoint: string;
  readonly text: BaselineText;
  /** Batches of validation windows: the same for all runs. */
  readonly windows: readonly TokenWindows[];
}

/** What a job finds out of each run; it is kept as JSON. */
export interface PlannedJob<R> {
  /** What its runs are, for messages, such as `row`. */
  readonly kind: string;
  /** Measures a run that came to its end. */
  measure(end: PlannedRunEnd): Promise<R>;
  /** What is found of a run that met a number that is not finite. */
  diverged(planned: PlannedRun, run: Run, error: NonFiniteError): R | Promise<R>;
}

/** What all runs of a job have in common. */
export interface PlannedJobFacts
  extends Pick<ReportData, "platform" | "trainingBytes" | "validationBytes" | "durations"> {
  readonly format: 1;
  /** The job's folder, without the path to it. */
  readonly name: string;
  readonly corpus: string;
  readonly steps: number;
  /** Bytes that each run read in training. */
  readonly bytesRead: number;
  readonly baselines: NgramBaselines;
}

/** A job under way. */
interface UnderWay<R> extends Stages {
  readonly job: PlannedJob<R>;
  readonly folder: string;
  readonly hooks: CompareHooks;
  readonly text: BaselineText;
  readonly windows: readonly TokenWindows[];
  onNote(sentence: string): void;
}

/**
 * Trains runs on the same text, each in a folder inside the job's: those that were measured are kept, one that was half trained goes on exactly, and one that
 * diverges does not stop the others.
 *
 * @param folder the job's
 * @param stages of the job, where the time that this takes is noted
 * @returns what was found, in the runs' order; `undefined` if the job was stopped
 */
export async function trainPlannedRuns<R>(
  folder: string,
  runs: readonly PlannedRun[],
  job: PlannedJob<R>,
  hooks: CompareHooks,
  stages: Stages,
): Promise<{ readonly facts: PlannedJobFacts; readonly found: readonly R[] } | undefined> {
  const { corpus, training } = runs[0]!.config;
  const { steps, batch, accumulate, length } = training;
  const text = await stages.stage("counting bytes for the baselines", () => openBaselineText(corpus));
  try {
    const targets = hooks.budget?.validationTokens ?? SCORED_TOKENS;
    const windows = spreadWindows(text.validation, { batch, length, targets });
    const underWay: UnderWay<R> = { ...stages, job, folder, hooks, text, windows, onNote: notesTo(hooks) };
    const found: R[] = [];
    for (const planned of runs) {
      const one = await keptOrTrained(underWay, planned);
      if (one === undefined || hooks.signal?.aborted) return undefined;
      found.push(one);
    }
    const facts: PlannedJobFacts = {
      format: 1,
      name: basename(folder),
      corpus,
      steps,
      bytesRead: steps * batch * accumulate * length,
      platform: platformName(),
      trainingBytes: text.trainingBytes,
      validationBytes: text.validation.length,
      baselines: text.baselines,
      durations: stages.durations,
    };
    return { facts, found };
  } finally {
    text.close();
  }
}

/** @returns `undefined` if the training was stopped */
async function keptOrTrained<R>(underWay: UnderWay<R>, planned: PlannedRun): Promise<R | undefined> {
  const kept = join(underWay.folder, planned.name, KEPT);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as R;
  const found = await trainAndMeasure(underWay, planned);
  if (found !== undefined) await writeFileAtomic(kept, `${JSON.stringify(found)}\n`);
  return found;
}

async function trainAndMeasure<R>(underWay: UnderWay<R>, planned: PlannedRun): Promise<R | undefined> {
  const { job, folder, hooks, stage, text, windows, onNote } = underWay;
  const { name, config } = planned;
  const run = await openRunIn(join(folder, name), { layer: config, where: `the ${job.kind} ${name}`, onNote });
  try {
    const { complete, checkpoint } = await stage(`training ${name}`, () => trainTold(run, name, hooks));
    if (!complete) return undefined;
    return await stage(`measuring ${name}`, () => job.measure({ planned, run, checkpoint, text, windows }));
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    return await job.diverged(planned, run, error);
  } finally {
    await run.engine.dispose();
  }
}
