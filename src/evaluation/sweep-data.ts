/** What a sweep found, as data: which trials are without hope, how they rank, and what is said of them. */
import { type MeanInterval, meanInterval, overlap } from "./intervals.ts";
import type { SweepMetric, SweepSettings } from "./sweep-settings.ts";

/** A validation of a run. */
export interface SweepPoint {
  readonly step: number;
  readonly bits: number;
  readonly answerAccuracy?: number;
}

/** How far a run came. */
export interface SweepRun {
  readonly name: string;
  readonly seed: number;
  readonly outcome: "complete" | "stopped" | "diverged";
  /** Steps done; where it diverged, the step that met a number that is not finite. */
  readonly step: number;
  /** What held that number, such as `gradient "head"`. */
  readonly arrays?: readonly string[];
  readonly validation: readonly SweepPoint[];
}

/** A choice of parameters, and what became of it. */
export interface SweepTrial {
  readonly number: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of its whole training. */
  readonly steps: number;
  /** Complete with every seed; stopped as without hope; or diverged with at least one seed. */
  readonly status: "complete" | "stopped" | "diverged";
  /** Steps that all its runs did. */
  readonly reached: number;
  /** Mean of the metric over its runs at the last validation they have in common; absent where there is none. */
  readonly result?: MeanInterval;
  readonly runs: readonly SweepRun[];
}

/** All of a sweep. */
export interface SweepData {
  readonly format: 1;
  /** The sweep's folder, without the path to it. */
  readonly name: string;
  readonly settings: SweepSettings;
  readonly unit: string;
  readonly platform: string;
  readonly engine: string;
  /** Spent in all steps and validations, summed over workers. */
  readonly seconds: number;
  /** The best first. */
  readonly trials: readonly SweepTrial[];
}

/** The number that trials are ranked by. */
export function metricOf(metric: SweepMetric, { bits, answerAccuracy = Number.NaN }: SweepPoint): number {
  return metric === "bits" ? bits : answerAccuracy;
}

/** Negative where the first is better; what is not finite is worst. */
function better(metric: SweepMetric, a: number, b: number): number {
  const cost = (value: number) => {
    if (!Number.isFinite(value)) return Number.POSITIVE_INFINITY;
    return metric === "bits" ? value : -value;
  };
  const [first, second] = [cost(a), cost(b)];
  return first === second ? 0 : first - second;
}

/**
 * Which trials are given up at a step: those that are worse than the value up to which the given share of them lies, so that ties go on.
 *
 * @param values one a trial that came to this step; not finite where it cannot be told
 * @param quantile the share that goes on: of n trials the best `ceil(quantile * n)`
 */
export function hopeless(metric: SweepMetric, values: readonly number[], quantile: number): boolean[] {
  const sorted = [...values].sort((a, b) => better(metric, a, b));
  const last = sorted[Math.ceil(quantile * values.length) - 1]!;
  return values.map((value) => better(metric, value, last) > 0);
}

/**
 * The metric of a trial at a step: the mean over its runs, so that no lucky seed decides.
 *
 * @returns not finite where one of the runs was not validated at this step
 */
export function trialValue(metric: SweepMetric, runs: readonly (readonly SweepPoint[])[], step: number): number {
  const values = runs.map((points) => {
    const point = points.find((one) => one.step === step);
    return point === undefined ? Number.NaN : metricOf(metric, point);
  });
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

/**
 * What became of a trial.
 *
 * @param trial its number, parameters and steps
 * @param runs how far each of its runs came
 */
export function trialOf(
  metric: SweepMetric,
  trial: Pick<SweepTrial, "number" | "parameters" | "steps">,
  runs: readonly SweepRun[],
): SweepTrial {
  const diverged = runs.some(({ outcome }) => outcome === "diverged");
  const complete = runs.every(({ outcome }) => outcome === "complete");
  const ended = runs.filter(({ outcome }) => outcome !== "diverged");
  const at = Math.max(0, ...ended.flatMap(({ validation }) => validation.map(({ step }) => step)));
  const values = ended.flatMap(({ validation }) =>
    validation.filter(({ step }) => step === at).map((point) => metricOf(metric, point)),
  );
  const known = values.length > 0 && values.every(Number.isFinite);
  return {
    ...trial,
    status: diverged ? "diverged" : complete ? "complete" : "stopped",
    reached: Math.min(...runs.map(({ step }) => step)),
    ...(known ? { result: meanInterval(values) } : {}),
    runs,
  };
}

const ORDER = ["complete", "stopped", "diverged"] as const;

/** The best first: complete trials, then those that were stopped, the last ones before the first ones, then those that diverged. */
export function rankedTrials(metric: SweepMetric, trials: readonly SweepTrial[]): SweepTrial[] {
  const place = ({ status }: SweepTrial) => ORDER.indexOf(status);
  const mean = ({ result }: SweepTrial) => result?.mean ?? Number.NaN;
  const further = (a: SweepTrial, b: SweepTrial) => (a.status === "complete" ? 0 : b.reached - a.reached);
  return [...trials].sort(
    (a, b) => place(a) - place(b) || further(a, b) || better(metric, mean(a), mean(b)) || a.number - b.number,
  );
}

/** Which trial is the best, in a sentence or two, and whether that is more than the spread between seeds. */
export function sweepVerdict({ settings: { metric, seeds }, trials }: SweepData): string {
  const [best, next] = trials.filter(({ status, result }) => status === "complete" && result !== undefined);
  if (best?.result === undefined) return "No trial came to its end with every seed, so none is the best.";
  const first = `Trial ${best.number} is the best: ${resultText(metric, best.result)}`;
  if (next?.result === undefined) return `${first}; no other came to its end.`;
  const second = `the next, trial ${next.number}, has ${resultText(metric, next.result)}`;
  const shared = overlap(best.result, next.result);
  if (shared === undefined)
    return `${first}; ${second}. With ${seeds === 1 ? "one seed" : `${seeds} seeds`} no spread can be given.`;
  if (shared) return `${first}, but ${second}: their 95 % intervals overlap, so which is better cannot be told.`;
  return `${first}; ${second}, and their 95 % intervals do not overlap.`;
}

/** A result with its interval, if it has one. */
export function resultText(metric: SweepMetric, { mean, high }: MeanInterval): string {
  const [scale, digits, unit] = metric === "bits" ? [1, 3, ""] : [100, 1, " %"];
  const shown = (value: number) => (scale * value).toFixed(digits);
  return `${shown(mean)}${high === undefined ? "" : ` ± ${shown(high - mean)}`}${unit}`;
}

/** How a trial ended, in a few words. */
export function statusText({ status, runs }: SweepTrial): string {
  if (status === "complete") return "";
  if (status === "stopped") return "stopped";
  const lost = runs.filter(({ outcome }) => outcome === "diverged");
  return `not finite${runs.length === 1 ? "" : ` (${lost.length} of ${runs.length})`}`;
}
