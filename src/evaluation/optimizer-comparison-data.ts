/** What training with several optimisers showed, as data: saved beside the page as JSON, and summed up over seeds. */

import type { OptimizerName } from "../optim/index.ts";
import type { RunConfig } from "../training/index.ts";
import type { OptimizerToyData } from "./optimizer-toys.ts";
import type { PlannedJobFacts } from "./planned-job.ts";
import type { CurvePoint, ReportData } from "./report-data.ts";

/** What is known of every training, however it ended. */
interface OptimizerRunFacts {
  readonly optimizer: OptimizerName;
  readonly seed: number;
  /** The highest of the schedule. */
  readonly learningRate: number;
  /** Whether the rate is the optimiser's own or was asked for. */
  readonly rateFrom: "optimizer" | "given";
  readonly engine: ReportData["engine"];
  /** Numbers the model learned. */
  readonly parameters: number;
  /** Numbers that the optimiser keeps between steps, for each of them. */
  readonly statePerParameter: number;
  readonly training: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
  /** The median over all steps. */
  readonly secondsPerStep: number;
}

/** A training that came to its end. */
export interface FinishedOptimizerRun extends OptimizerRunFacts {
  readonly failure?: never;
  /** On validation windows that are the same for all. */
  readonly bitsPerByte: number;
}

/** A training that met a number that is not finite. */
export interface DivergedOptimizerRun extends OptimizerRunFacts {
  readonly failure: {
    readonly step: number;
    /** What held the number, such as `gradient "head"`. */
    readonly arrays: readonly string[];
  };
}

/** How one run of the comparison ended. */
export type OptimizerRun = FinishedOptimizerRun | DivergedOptimizerRun;

/** The trainings of a comparison. */
export interface OptimizerTrainings extends PlannedJobFacts {
  readonly seeds: number;
  /** Of the first training; the others differ in optimiser, rate and seed. */
  readonly config: RunConfig;
  readonly runs: readonly OptimizerRun[];
}

/** What a comparison found. */
export interface OptimizerComparisonData {
  readonly format: 1;
  /** The comparison's folder, without the path to it. */
  readonly name: string;
  /** In the order they were asked for. */
  readonly optimizers: readonly OptimizerName[];
  /** Absent where only the toy problems were asked for. */
  readonly trainings?: OptimizerTrainings;
  readonly toys: OptimizerToyData;
}

/** A mean over seeds; `spread`, the standard deviation between them, needs two. */
export interface MeanOverSeeds {
  readonly mean: number;
  readonly spread?: number;
}

/** An optimiser over all seeds. */
export interface OptimizerSummary
  extends Pick<OptimizerRunFacts, "optimizer" | "learningRate" | "rateFrom" | "statePerParameter"> {
  /** Bits per byte at the end; absent where no training came to it. */
  readonly final?: MeanOverSeeds;
  readonly diverged: readonly DivergedOptimizerRun[];
  /** Validation at each step that all trainings reached. */
  readonly validation: readonly (MeanOverSeeds & { readonly step: number })[];
  readonly secondsPerStep: number;
}

/**
 * The optimisers of some trainings over their seeds: those that always came to the end first, each group from the fewest bits per byte to the most.
 *
 * @param runs in any order
 */
export function summarizeOptimizers(runs: readonly OptimizerRun[]): OptimizerSummary[] {
  const names = [...new Set(runs.map(({ optimizer }) => optimizer))];
  const bitsOf = ({ final }: OptimizerSummary) => final?.mean ?? Number.POSITIVE_INFINITY;
  return names
    .map((name) => summaryOf(runs.filter(({ optimizer }) => optimizer === name)))
    .sort((a, b) => a.diverged.length - b.diverged.length || (bitsOf(a) < bitsOf(b) ? -1 : 1));
}

function summaryOf(runs: readonly OptimizerRun[]): OptimizerSummary {
  const { optimizer, learningRate, rateFrom, statePerParameter } = runs[0]!;
  const ends = runs.flatMap((run) => (run.failure === undefined ? [run.bitsPerByte] : []));
  return {
    optimizer,
    learningRate,
    rateFrom,
    statePerParameter,
    ...(ends.length > 0 ? { final: meanOverSeeds(ends) } : {}),
    diverged: runs.filter((run) => run.failure !== undefined),
    validation: meanCurve(runs.map(({ validation }) => validation)),
    secondsPerStep: meanOverSeeds(runs.map((run) => run.secondsPerStep)).mean,
  };
}

/**
 * Mean and sample standard deviation.
 *
 * $$\bar x = \tfrac1n \sum_i x_i, \qquad s = \sqrt{\tfrac{1}{n-1} \sum_i (x_i - \bar x)^2}$$
 *
 * @param values one a seed, at least one
 */
export function meanOverSeeds(values: readonly number[]): MeanOverSeeds {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) };
}

function meanCurve(curves: readonly (readonly CurvePoint[])[]): OptimizerSummary["validation"] {
  const [first = [], ...others] = curves;
  return first.flatMap(({ step, bitsPerByte }) => {
    const elsewhere = others.flatMap((curve) => curve.filter((point) => point.step === step));
    if (elsewhere.length < others.length) return [];
    return [{ step, ...meanOverSeeds([bitsPerByte, ...elsewhere.map((point) => point.bitsPerByte)]) }];
  });
}

/**
 * The optimisers that cannot be told from the best one: their means are no further from it than the larger of the two spreads.
 *
 * @param summaries what `summarizeOptimizers` returns
 * @returns without the best one itself; `undefined` if no optimiser always came to the end, or no spread can be given
 */
export function tiedWithBest(
  summaries: readonly OptimizerSummary[],
): readonly (OptimizerSummary & { readonly final: MeanOverSeeds })[] | undefined {
  const [best, ...others] = ranked(summaries);
  if (best?.final.spread === undefined) return undefined;
  const { mean, spread } = best.final;
  return others.filter(({ final }) => final.mean - mean <= Math.max(spread, final.spread ?? 0));
}

/** An optimiser whose trainings all came to their end. */
type Ended = OptimizerSummary & { readonly final: MeanOverSeeds };

/** In the order of their bits per byte. */
function ranked(summaries: readonly OptimizerSummary[]): Ended[] {
  return summaries.flatMap((one) =>
    one.diverged.length === 0 && one.final !== undefined ? [{ ...one, final: one.final }] : [],
  );
}

/**
 * Which optimisers win, in a sentence or two: a difference smaller than the spread between seeds is a tie.
 *
 * @param summaries what `summarizeOptimizers` returns
 */
export function optimizerVerdict(summaries: readonly OptimizerSummary[]): string {
  const [best, next] = ranked(summaries);
  if (best === undefined) return "None of them came to the end with every seed, so none wins.";
  const ended = `${best.optimizer} ended at ${withSpread(best.final)} bits per byte`;
  if (next === undefined) return `${ended}; there is no other to compare it with.`;
  const tied = tiedWithBest(summaries);
  if (tied === undefined) {
    const away = (next.final.mean - best.final.mean).toFixed(3);
    return `${ended}, the fewest, and the next, ${next.optimizer}, ${away} above. That is one seed: no spread can be given, and another may order them otherwise.`;
  }
  if (tied.length === 0) {
    const away = (next.final.mean - best.final.mean).toFixed(3);
    return `${best.optimizer} wins: ${withSpread(best.final)} bits per byte, ${away} below the next, ${next.optimizer}, which is more than the spread between seeds of either.`;
  }
  const names = tied.map(({ optimizer, final }) => `${optimizer} (${withSpread(final)})`).join(", ");
  return `${ended}, the fewest, but ${names} ${tied.length === 1 ? "is" : "are"} no further away than the spread between seeds: that is a tie.`;
}

/** A mean with its spread, if it has one. */
export function withSpread({ mean, spread }: MeanOverSeeds): string {
  return spread === undefined ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${spread.toFixed(3)}`;
}

/** How the trainings of an optimiser that diverged ended, in a sentence each. */
export function divergences({ optimizer, diverged }: OptimizerSummary): string[] {
  return diverged.map(({ seed, failure: { step, arrays } }) => {
    const where = arrays.length === 0 ? "the loss" : arrays.join(" and ");
    return `${optimizer} with seed ${seed} stopped at step ${step}: ${where} is not finite.`;
  });
}
