/** Right answers by where their facts are. */
import { type AnswerScore, type Question, scoreAnswers } from "../data/index.ts";

/** Right answers of the questions in a range. */
export interface BinnedScore extends AnswerScore {
  readonly from: number;
  /** Not itself in the range. */
  readonly to: number;
}

/** Questions of rows, and which of their targets were predicted. */
export interface AnsweredRows {
  readonly length: number;
  /** [rows] */
  readonly questions: readonly (readonly Question[])[];
  /** 1 where a target was predicted, else 0: [rows, length], or more rows. */
  readonly right: ArrayLike<number>;
}

/** No answers, as nothing was asked. */
export const noAnswers: AnswerScore = { tokens: 0, rightTokens: 0, answers: 0, rightAnswers: 0 };

const DEPTHS = 10;

/** The answers of both. */
export function addAnswers(a: AnswerScore, b: AnswerScore): AnswerScore {
  return {
    tokens: a.tokens + b.tokens,
    rightTokens: a.rightTokens + b.rightTokens,
    answers: a.answers + b.answers,
    rightAnswers: a.rightAnswers + b.rightAnswers,
  };
}

/** The answers of some of the questions. */
export function answersOf(
  { length, questions, right }: AnsweredRows,
  isAsked: (asked: Question) => boolean,
): AnswerScore {
  return scoreAnswers({ length, questions: questions.map((row) => row.filter(isAsked)) }, right);
}

/** By tenths of the depth; those without a question are left out. */
export function byDepth(rows: AnsweredRows): BinnedScore[] {
  const binOf = ({ depth }: Question) => (depth === null ? undefined : Math.floor(depth * DEPTHS));
  return binned(rows, binOf, (bin) => ({ from: bin / DEPTHS, to: (bin + 1) / DEPTHS }));
}

/** By powers of two of the distance; those without a question are left out. */
export function byDistance(rows: AnsweredRows): BinnedScore[] {
  const binOf = ({ distance }: Question) => (distance === null ? undefined : 31 - Math.clz32(distance));
  return binned(rows, binOf, (bin) => ({ from: 2 ** bin, to: 2 ** (bin + 1) }));
}

/** The bins of all parts, in order. */
export function joinBins(parts: readonly (readonly BinnedScore[])[]): BinnedScore[] {
  const joined = new Map<number, BinnedScore>();
  for (const bin of parts.flat()) {
    joined.set(bin.from, { ...bin, ...addAnswers(joined.get(bin.from) ?? noAnswers, bin) });
  }
  return [...joined.values()].sort((a, b) => a.from - b.from);
}

function binned(
  rows: AnsweredRows,
  binOf: (asked: Question) => number | undefined,
  range: (bin: number) => { readonly from: number; readonly to: number },
): BinnedScore[] {
  const bins = new Set(rows.questions.flat().map(binOf));
  return [...bins]
    .filter((bin) => bin !== undefined)
    .sort((a, b) => a - b)
    .map((bin) => ({ ...range(bin), ...answersOf(rows, (asked) => binOf(asked) === bin) }));
}
