/** The figures of a sweep: trials in parallel coordinates, and the metric over training steps. */
import type { Markish } from "@observablehq/plot";
import { colour, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import type { Plotter } from "./plots.ts";
import { numberAxis, parameterAxis, type SweepAxis } from "./sweep-axes.ts";
import { resultText, type SweepData, type SweepTrial, trialValue } from "./sweep-data.ts";
import { parametersOf, type SweepMetric } from "./sweep-settings.ts";

/** Pixels between two axes, and above, below and beside them. */
const APART = 150;
const HEIGHT = 380;
const MARGIN = { marginTop: 56, marginBottom: 18, marginLeft: 70, marginRight: 96 };
/** A plot of few axes is as wide as a figure of the page. */
const LEAST_WIDTH = 840;
/** Shades of the colour scale that are shown. */
const SHADES = 9;

/** A trial that came to its end with every seed. */
type Complete = SweepTrial & { readonly result: NonNullable<SweepTrial["result"]> };

/** What results are written as: `0.25` of right answers as 25 %. */
const shown = (metric: SweepMetric, value: number) => (metric === "bits" ? value : 100 * value);

/** The name of the metric with its unit. */
export function metricName({ settings: { metric }, unit }: Pick<SweepData, "settings" | "unit">): string {
  return metric === "bits" ? `bits per ${unit}` : "right answers in %";
}

function completeOf({ trials }: SweepData): Complete[] {
  return trials.flatMap((trial) =>
    trial.status === "complete" && trial.result !== undefined ? [{ ...trial, result: trial.result }] : [],
  );
}

/** From the best result at 0 to the worst at 1. */
function badness(data: SweepData): (value: number) => number {
  const { metric } = data.settings;
  const means = completeOf(data).map(({ result }) => result.mean);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const [best, worst] = metric === "bits" ? [low, high] : [high, low];
  return (value) => (best === worst ? 0 : (value - best) / (worst - best));
}

/** From the colour of the best to that of the worst; both are the style's, which knows whether it is dark. */
function shade(share: number): string {
  return `color-mix(in oklab, ${colour("series-2")} ${(100 * (1 - share)).toFixed(0)}%, ${colour("series-1")})`;
}

/** What the colours of both figures mean; nothing where no trial came to its end. */
export function colourScale(data: SweepData): Html | undefined {
  const complete = completeOf(data);
  const [best, worst] = [complete[0], complete.at(-1)];
  if (best === undefined || worst === undefined) return undefined;
  const { metric } = data.settings;
  const given = data.trials.length > complete.length;
  const shades = Array.from(
    { length: SHADES },
    (_, i) => html`<span style="background: ${shade(i / (SHADES - 1))}"></span>`,
  );
  return html`<p class="scale">${metricName(data)}: the best, ${resultText(metric, { mean: best.result.mean, n: 1 })} <span class="ramp" aria-hidden="true">${shades}</span> the worst, ${resultText(metric, { mean: worst.result.mean, n: 1 })}${given && html` <span class="key muted dashed" aria-hidden="true"></span> stopped or not finite`}</p>`;
}

/** One axis a parameter and one for the result, one line a trial. */
export function parallelCoordinates(plotter: Plotter, data: SweepData): Html {
  const { plot } = plotter;
  const { metric } = data.settings;
  const complete = completeOf(data);
  const results = complete.map(({ result }) => shown(metric, result.mean));
  const ends = { from: Math.min(...results), to: Math.max(...results) };
  const axes: { key: string; axis: SweepAxis }[] = [
    ...parametersOf(data.settings).map(([key, parameter]) => ({ key, axis: parameterAxis(key, parameter) })),
    ...(complete.length === 0 ? [] : [{ key: "", axis: numberAxis(metricName(data), ends) }]),
  ];
  const pointsOf = ({ parameters, result, status }: SweepTrial) =>
    axes.flatMap(({ key, axis }, x) => {
      if (key !== "") return [{ x, y: axis.at(parameters[key]) }];
      return status === "complete" && result !== undefined ? [{ x, y: axis.at(shown(metric, result.mean)) }] : [];
    });
  const bad = badness(data);
  const isComplete = (trial: SweepTrial): trial is Complete =>
    trial.status === "complete" && trial.result !== undefined;
  const faint = data.trials.filter((trial) => !isComplete(trial));
  const ticks = axes.flatMap(({ axis }, x) => axis.ticks.map((tick) => ({ x, ...tick })));
  const marks: Markish[] = [
    plot.ruleX(
      axes.map((_, x) => x),
      { stroke: colour("baseline") },
    ),
    ...faint.map((trial) =>
      plot.line(pointsOf(trial), {
        x: "x",
        y: "y",
        stroke: colour("muted"),
        strokeOpacity: 0.5,
        strokeDasharray: "4 4",
      }),
    ),
    // The best last: its line lies above the others.
    ...complete.toReversed().map((trial) => {
      const stroke = shade(bad(trial.result.mean));
      return plot.line(pointsOf(trial), { x: "x", y: "y", stroke, strokeWidth: trial === complete[0] ? 4 : 1.8 });
    }),
    plot.text(ticks, {
      x: "x",
      y: "at",
      text: "text",
      textAnchor: "start",
      dx: 6,
      fill: colour("ink"),
      stroke: colour("surface"),
      strokeWidth: 4,
    }),
    plot.text(axes, {
      x: (_: unknown, x: number) => x,
      y: () => 1,
      text: ({ axis }: { axis: SweepAxis }) => axis.name.replace(/\.(?=[^.]*$)/, ".\n"),
      dy: -14,
      lineAnchor: "bottom",
      fill: colour("ink-2"),
    }),
  ];
  const width = Math.max(LEAST_WIDTH, MARGIN.marginLeft + MARGIN.marginRight + APART * (axes.length - 1));
  const drawn = plotter.draw(
    {
      ...MARGIN,
      width,
      height: HEIGHT,
      style: { fontSize: "13px", fontFamily: "inherit", overflow: "visible" },
      x: { axis: null, domain: [0, Math.max(1, axes.length - 1)] },
      y: { axis: null, domain: [0, 1] },
      marks,
    },
    `Trials in parallel coordinates: ${axes.map(({ axis }) => axis.name).join(", ")}`,
  );
  return html`<div class="scroll"><div style="min-width: ${width}px">${drawn}</div></div>`;
}

/** The metric of every trial over its training steps. */
export function sweepCurves(plotter: Plotter, data: SweepData): Html {
  const { metric } = data.settings;
  const complete = completeOf(data);
  const bad = badness(data);
  const lines = data.trials.toReversed().flatMap((trial) => {
    const points = curveOf(metric, trial);
    const { result, status } = trial;
    const isComplete = status === "complete" && result !== undefined;
    const look = isComplete
      ? { stroke: shade(bad(result.mean)), strokeWidth: trial.number === complete[0]?.number ? 4 : 1.8 }
      : { stroke: colour("muted"), strokeOpacity: 0.7, strokeDasharray: "4 4" };
    const dot = plotter.plot.dot(points.slice(-1), { x: "step", y: "value", r: 3, fill: look.stroke });
    return [plotter.plot.line(points, { x: "step", y: "value", ...look }), dot];
  });
  const rungs = data.settings.stop?.at ?? [];
  return wholeFigure(plotter, [], `${metricName(data)} over training steps of all trials`, {
    height: 360,
    x: { label: "training step" },
    y: { label: metricName(data), grid: true, nice: true },
    marks: [plotter.plot.ruleX(rungs, { stroke: colour("baseline"), strokeDasharray: "2 4" }), ...lines],
  });
}

/** Means over the runs of a trial, at the steps at which all of them were validated. */
function curveOf(metric: SweepMetric, { runs }: SweepTrial): { step: number; value: number }[] {
  const curves = runs.map(({ validation }) => validation);
  const steps = curves[0]?.map(({ step }) => step) ?? [];
  return steps.flatMap((step) => {
    const value = trialValue(metric, curves, step);
    return Number.isFinite(value) ? [{ step, value: shown(metric, value) }] : [];
  });
}
