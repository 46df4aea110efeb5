/** Figures of a task's evaluation: heat maps of right answers, and bars of the conditions. */
import type { Markish } from "@observablehq/plot";
import type { AnswerScore } from "../data/index.ts";
import type { BinnedScore } from "./answer-bins.ts";
import { SHADES } from "./coloured-passage.ts";
import { memoryConditions } from "./condition-answers.ts";
import { colour, panelFigure, type Series, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import type { Plotter } from "./plots.ts";
import { wilsonInterval } from "./proportion.ts";
import { count } from "./report-numbers.ts";
import { heatOpacity } from "./report-style.ts";
import type { TaskEvaluation } from "./task-evaluation.ts";

/** The conditions as figures and tables show them. */
export const conditionSeries: readonly Series[] = memoryConditions.map((name, i) => ({
  name,
  colour: `series-${i + 1}`,
}));

/** Room for one line of text in a cell, and around the cells. */
const CELL_HEIGHT = 26;
const AROUND = 80;

/** Right answers with the memory on, over lengths and bins of one kind. */
export function answerHeatMap(
  plotter: Plotter,
  evaluations: readonly TaskEvaluation[],
  {
    bins,
    name,
    label,
  }: { bins(of: TaskEvaluation): readonly BinnedScore[]; name(bin: BinnedScore): string; label: string },
): Html {
  const { plot } = plotter;
  const cells = evaluations.flatMap((evaluation) =>
    bins(evaluation).map((bin) => {
      const share = bin.rightAnswers / bin.answers;
      return { length: count(evaluation.length), bin: name(bin), from: bin.from, share, answers: bin.answers };
    }),
  );
  type Cell = (typeof cells)[number];
  const rows = [...cells].sort((a, b) => a.from - b.from).map(({ bin }) => bin);
  const domain = [...new Set(rows)];
  const place = { x: "length", y: "bin" };
  return panelFigure(plotter, [], `Right answers in percent over length of the rows and ${label}`, {
    height: AROUND + CELL_HEIGHT * domain.length,
    marginLeft: 96,
    x: { label: "tokens a row", domain: evaluations.map(({ length }) => count(length)), tickSize: 0 },
    y: { label, domain, tickSize: 0, labelAnchor: "top" },
    opacity: { type: "identity" },
    marks: [
      plot.cell(cells, {
        ...place,
        fill: colour("heat-fill"),
        fillOpacity: ({ share }: Cell) => heatOpacity(share),
        stroke: colour("line"),
        inset: 0.5,
      }),
      plot.text(cells, {
        ...place,
        fill: colour("ink"),
        text: ({ share }: Cell) => (100 * share).toFixed(0),
        title: ({ answers }: Cell) => `${count(answers)} questions`,
      }),
    ],
  });
}

/** What the colours of heat maps mean. */
export function heatLegend(): Html {
  const keys = Array.from({ length: SHADES }, (_, shade) => {
    const percent = (100 * shade) / (SHADES - 1);
    return html`<span class="s${shade}" title="${percent.toFixed(0)} %"></span>`;
  });
  return html`<p class="scale"><span>0 %</span><span class="ramp">${keys}</span><span>100 %</span><span>of the answers are right</span></p>`;
}

/** Right answers to carried questions under each condition, with their intervals, side by side for each length. */
export function conditionBars(plotter: Plotter, evaluations: readonly TaskEvaluation[]): Html {
  const { plot } = plotter;
  const bars = evaluations.flatMap(({ length, carried }) =>
    conditionSeries.map(({ name, colour: fill }, i) => {
      const { rightAnswers, answers } = carried![memoryConditions[i]!];
      const { low, high } = wilsonInterval(rightAnswers, answers);
      return {
        length: count(length),
        name,
        fill: colour(fill),
        y: (100 * rightAnswers) / answers,
        low: 100 * low,
        high: 100 * high,
      };
    }),
  );
  const guessing = evaluations.map((evaluation) => {
    return { length: count(evaluation.length), y: 100 * guessedAnswers(evaluation, evaluation.carried!.on) };
  });
  const place = { fx: "length", x: "name" };
  const marks: Markish[] = [
    plot.barY(bars, { ...place, y: "y", fill: "fill", insetLeft: 1, insetRight: 1 }),
    plot.ruleX(bars, { ...place, y1: "low", y2: "high", stroke: colour("ink"), strokeWidth: 1.5 }),
    plot.ruleY(guessing, { fx: "length", y: "y", stroke: colour("baseline"), strokeDasharray: "2 4" }),
  ];
  return wholeFigure(
    plotter,
    conditionSeries,
    "Right answers in percent under each condition, for each length of the rows",
    {
      height: 340,
      marginBottom: 44,
      marginTop: 44,
      fx: { label: "tokens a row", labelOffset: 40, domain: evaluations.map(({ length }) => count(length)) },
      x: { axis: null, domain: conditionSeries.map(({ name }) => name) },
      y: { label: "right answers, in percent", grid: true, domain: [0, 100] },
      color: { type: "identity" },
      marks,
    },
  );
}

/** Share of whole answers that are right where each token is guessed. */
export function guessedAnswers({ chance }: TaskEvaluation, { tokens, answers }: AnswerScore): number {
  return chance ** (tokens / answers);
}
