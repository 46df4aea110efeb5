/** Draws the figures of an experiment: means over seeds with their 95 % intervals. */
import type { Markish, PlotOptions } from "@observablehq/plot";
import type { BarsFigure, Figure, LinesFigure, Value } from "../experiments/figure.ts";
import type { Findings } from "../experiments/findings.ts";
import { colour, distinctSeries, dottedLine, type Series, wholeFigure } from "../figure-parts.ts";
import { type Html, html } from "../html.ts";
import type { MeanInterval } from "../intervals.ts";
import type { Plotter } from "../plots.ts";

/** Pixels of a bar, and between groups of bars. */
const BAR = 13;
const BETWEEN = 16;
/** Pixels of a letter of the groups' names, and the most of their margin that a narrow screen has room for. */
const LETTER = 7.2;
const NARROW_MARGIN = 118;
/** Room to the right for the word at the level of chance. */
const CHANCE_MARGIN = 76;

/** A figure with its title and caption; a sentence where nothing of it was measured. */
export function experimentFigure(plotter: Plotter, figure: Figure, findings: Findings): Html {
  const drawn = figure.kind === "lines" ? lines(plotter, figure, findings) : bars(plotter, figure, findings);
  return html`<figure><h3>${figure.title}</h3>
${drawn ?? html`<p>Nothing of this figure has been measured yet.</p>`}
<figcaption>${figure.caption}</figcaption></figure>`;
}

function lines(plotter: Plotter, figure: LinesFigure, findings: Findings): Html | undefined {
  const { value, x, mark } = figure;
  const scale = value.share ? 100 : 1;
  const distinct = distinctSeries(figure.lines.map(({ label }) => label));
  const drawn = figure.lines.flatMap(({ points, dashed = false }, i) => {
    const found = points.flatMap((point) => {
      const interval = findings.interval(point);
      if (interval === undefined) return [];
      return [{ x: point.x, y: scale * interval.mean, ...ends(interval, value) }];
    });
    const series: Series = { ...distinct[i]!, dashed: dashed || distinct[i]!.dashed === true };
    return found.length === 0 ? [] : [{ series, points: found }];
  });
  if (drawn.length === 0) return undefined;
  const bands = drawn.map(({ series, points }) =>
    plotter.plot.areaY(
      points.filter(({ low }) => low !== undefined),
      { x: "x", y1: "low", y2: "high", fill: colour(series.colour), fillOpacity: 0.14 },
    ),
  );
  const ticks = [...new Set(figure.lines.flatMap(({ points }) => points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const across: NonNullable<PlotOptions["x"]> = {
    label: x.label,
    labelAnchor: "center",
    labelArrow: "none",
    // Numbers as they are, not in powers of ten.
    tickFormat: (tick: number) => String(tick),
    // To another base than that of the lengths, some ticks would lose their labels.
    ...(x.logarithmic ? { type: "log" as const, base: 2 } : {}),
    ...(ticks.length <= 8 ? { ticks } : {}),
  };
  const options: PlotOptions = {
    height: 380,
    marginRight: figure.chance === undefined ? 24 : CHANCE_MARGIN,
    x: across,
    y: valueAxis(value),
    marks: [
      ...chanceLevel(plotter, figure.chance, findings, scale),
      ...(mark ? upright(plotter, mark) : []),
      ...bands,
      ...drawn.flatMap(({ series, points }) => dottedLine(plotter, points, series)),
    ],
  };
  return wholeFigure(
    plotter,
    drawn.map(({ series }) => series),
    `${figure.title}: ${value.label} over ${x.label}`,
    options,
    { x: across, height: 320 },
  );
}

/** Horizontal, so that names of groups can be read. */
function bars(plotter: Plotter, figure: BarsFigure, findings: Findings): Html | undefined {
  const { value, groups } = figure;
  const scale = value.share ? 100 : 1;
  const labels = [...new Set(groups.flatMap((group) => group.bars.map(({ label }) => label)))];
  const series = distinctSeries(labels).map(({ name, colour: own }): Series => ({ name, colour: own }));
  const found = groups.flatMap(({ label: group, bars: ofGroup }) =>
    ofGroup.flatMap((bar) => {
      const interval = findings.interval(bar);
      if (interval === undefined) return [];
      const fill = colour(series[labels.indexOf(bar.label)]!.colour);
      return [{ group, label: bar.label, mean: scale * interval.mean, ...ends(interval, value), fill }];
    }),
  );
  if (found.length === 0) return undefined;
  const levels = groups.flatMap(({ label: group, chance }) => {
    const at = levelOf(chance, findings);
    return at === undefined ? [] : [{ group, at: scale * at }];
  });
  const { plot } = plotter;
  const means = { fy: "group", y: "label", x: "mean", fill: "fill" };
  const marks: Markish[] = [
    // A bar begins at 0, where differences between bits per byte could not be seen.
    value.share ? plot.barX(found, { ...means, insetTop: 1, insetBottom: 1 }) : plot.dot(found, { ...means, r: 4.5 }),
    plot.ruleX(levels, { fy: "group", x: "at", stroke: colour("ink"), strokeDasharray: "2 3" }),
    plot.ruleY(
      found.filter(({ low }) => low !== undefined),
      { fy: "group", y: "label", x1: "low", x2: "high", stroke: colour("ink"), strokeWidth: 1.5 },
    ),
  ];
  const margin = LETTER * Math.max(...groups.map(({ label }) => label.length)) + 16;
  const shown = groups.filter(({ label }) => found.some(({ group }) => group === label));
  const options: PlotOptions = {
    marginTop: 8,
    height: 56 + shown.length * (labels.length * BAR + BETWEEN),
    marginLeft: margin,
    marginRight: 24,
    x: { ...valueAxis(value), labelAnchor: "center", labelArrow: "none" } as NonNullable<PlotOptions["x"]>,
    y: { axis: null, domain: labels },
    fy: { axis: "left", label: null, domain: shown.map(({ label }) => label), padding: 0.16 },
    marks,
  };
  return wholeFigure(plotter, series, `${figure.title}: ${value.label}`, options, {
    height: options.height!,
    marginLeft: Math.min(margin, NARROW_MARGIN),
  });
}

/** The ends of an interval as they are drawn: those of shares between nothing and all, whatever it says. Undefined for one seed. */
function ends({ low, high }: MeanInterval, { share }: Figure["value"]) {
  const drawn = (end: number | undefined) => (share && end !== undefined ? Math.min(100, Math.max(0, 100 * end)) : end);
  return { low: drawn(low), high: drawn(high) };
}

function valueAxis({ label, share }: Figure["value"]): NonNullable<PlotOptions["y"]> {
  return { label, grid: true, ...(share ? { domain: [0, 100] } : { nice: true }) };
}

function levelOf(chance: Value | number | undefined, findings: Findings): number | undefined {
  if (chance === undefined || typeof chance === "number") return chance;
  return findings.interval(chance)?.mean;
}

function chanceLevel(
  { plot }: Plotter,
  chance: Value | number | undefined,
  findings: Findings,
  scale: number,
): Markish[] {
  const at = levelOf(chance, findings);
  if (at === undefined) return [];
  return [
    plot.ruleY([scale * at], { stroke: colour("baseline"), strokeDasharray: "2 4" }),
    plot.text([scale * at], {
      y: (level: number) => level,
      text: () => "guessing",
      frameAnchor: "right",
      textAnchor: "start",
      dx: 6,
      fill: colour("ink-2"),
    }),
  ];
}

function upright({ plot }: Plotter, mark: NonNullable<LinesFigure["mark"]>): Markish[] {
  return [
    plot.ruleX([mark.x], { stroke: colour("baseline"), strokeDasharray: "2 4" }),
    plot.text([mark], {
      x: "x",
      text: "label",
      frameAnchor: "middle",
      rotate: -90,
      dx: 9,
      fill: colour("ink-2"),
    }),
  ];
}
