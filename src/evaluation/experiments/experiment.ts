/** What an experiment is, as data: what a paper says, what is trained and measured, and the rule by which the outcome is judged. */
import type { StackedLevels } from "../../models/index.ts";
import type { RunLayer } from "../../training/index.ts";
import type { Figure } from "./figure.ts";
import type { Findings } from "./findings.ts";

/** Where a claim stands. */
export type Paper = "Titans" | "MIRAS" | "Nested Learning" | "all three";

/** What came of an experiment. */
export type Verdict = "reproduced" | "not reproduced" | "inconclusive";

/** A verdict with its reason: numbers in a sentence or two. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly because: string;
}

/** What all measures may have. */
interface AnyMeasure {
  /** Begins the names of its metrics, as in `clean.accuracy@64`, where an arm has several measures. */
  readonly as?: string;
  /** Levels that the feed-forward networks of the trained model become before it is measured. */
  readonly stacked?: StackedLevels;
}

/**
 * Questions of a task that a trained model answers. Metrics for a length L, in shares from 0 to 1 unless said otherwise: `accuracy@L` and `answers@L` (right
 * answer tokens and whole answers), `on@L`, `off@L`, `shuffled@L`, `frozen@L` (answer tokens whose fact lies in an earlier segment, by what is done to the
 * memory), `distance<d>@L` (answer tokens whose fact is d to 2d tokens away), `writes@L` (of the slots that could have been written), `lossDrop@L` (of the
 * inner loss before a write); and `chance`.
 */
export interface TaskMeasure extends AnyMeasure {
  readonly kind: "task";
  /** Tokens of a row. */
  readonly lengths: readonly number[];
  /** Rows for each length. */
  readonly rows: number;
  /** Rows at a time. */
  readonly batch?: number;
  /** Tokens of a segment, between which memories are exchanged; by default the fewest that the model can read. */
  readonly segment?: number;
  /** What is changed of the task that was trained, such as `{ wrong: 0.3 }`; its tokens have to stay the same. */
  readonly task?: RunLayer;
}

/** The validation part of a text, read from fresh memories. Metrics for a length L: `bits@L` (bits per byte over whole windows of L tokens), `writes@L`. */
export interface TextMeasure extends AnyMeasure {
  readonly kind: "text";
  /** Another text than that of the training. */
  readonly corpus?: string;
  /** Tokens of a window; multiples of `training.segment`. */
  readonly lengths: readonly number[];
  /** Tokens that are scored for each length. */
  readonly tokens: number;
}

/** What is measured of a trained part: answers to a task, or bits of a text. */
export type Measure = TaskMeasure | TextMeasure;

/** One thing that is trained, once with each seed. Every training has the metric `validation` too: bits per answer token or byte at its end. */
export interface Arm {
  /** The name of its folders, of small letters, digits and hyphens. */
  readonly name: string;
  /** What readers see. */
  readonly label: string;
  /** The whole configuration: preset, and what is changed of it. Seed and threads are the experiment's. */
  readonly layer: RunLayer;
  readonly measures: readonly Measure[];
  /** Whether memories are never written, in training and after it. */
  readonly withoutWrites?: boolean;
  /** Trainings of this arm at most, such as 1 for a control that is only asked whether it can do a task. */
  readonly seeds?: number;
}

/** What has to be reached, or nothing that others reach can be judged: such as full attention that solves the task at its training length. */
export interface Control {
  readonly arm: string;
  readonly metric: string;
  readonly atLeast: number;
}

/** What is made of an experiment's numbers. */
export interface Design {
  /** What is trained and measured, in one or two sentences. */
  readonly setting: string;
  /** The verdict's rule in words. */
  readonly rule: string;
  readonly arms: readonly Arm[];
  /** Trainings of each arm; 3 by default. */
  readonly seeds?: number;
  readonly controls?: readonly Control[];
  readonly figures: readonly Figure[];
  /** Judges complete findings. */
  judge(findings: Findings): Judgement;
}

/** What is said of an experiment whatever its size. */
interface About {
  /** The name of its folder and page. */
  readonly name: string;
  readonly paper: Paper;
  readonly title: string;
  /** One sentence: what the paper says, with its section or table. */
  readonly claim: string;
  /** Earlier settings that were tried, and what they gave; a sentence or two each. */
  readonly attempts: readonly string[];
}

/** The numbers of an experiment in its two sizes, and what is made of them. */
export interface ExperimentDefinition<S> extends About {
  readonly full: S;
  /** Seconds in all: for tests, not for conclusions. */
  readonly smoke: S;
  /** What is trained, measured, drawn and judged with some numbers. */
  design(settings: S): Design;
}

/** How large an experiment is. */
export type ExperimentSize = "full" | "smoke";

/** An experiment in one size. */
export interface Experiment extends About, Design {
  readonly size: ExperimentSize;
  readonly seeds: number;
}

/** An experiment that is to be had in two sizes. */
export interface SizedExperiment extends About {
  /** The experiment in a size. */
  of(size: ExperimentSize): Experiment;
}

/** Trainings of each arm unless an experiment says how many. */
const SEEDS = 3;

/** Makes an experiment; see `ExperimentDefinition`. */
export function defineExperiment<S>({ full, smoke, design, ...about }: ExperimentDefinition<S>): SizedExperiment {
  return {
    ...about,
    of: (size) => ({ ...about, size, seeds: SEEDS, ...design(size === "full" ? full : smoke) }),
  };
}
