/** What figures are made of: lines, levels, legends, and the sizes they are drawn in. */
import type { Markish, PlotOptions } from "@observablehq/plot";
import type { NgramBaselines } from "../data/index.ts";
import { type Html, html } from "./html.ts";
import type { Plotter } from "./plots.ts";
import { plotSymbol, type SymbolName, symbolNames, symbolPath } from "./symbols.ts";

/** One line of a figure as its legend shows it. */
export interface Series {
  readonly name: string;
  /** A class of the report's style: it gives the colour. */
  readonly colour: string;
  readonly dashed?: boolean;
  /** The shape of its points; small dots if left out. */
  readonly symbol?: SymbolName;
}

/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Pixels: figures are drawn at about the size they are shown in, so that their letters keep theirs. */
const WHOLE_WIDTH = 856;
const PANEL_WIDTH = 410;
const NARROW_WIDTH = 350;
/** Room to the right for the names of counting models. */
export const BASELINE_MARGIN = 96;
/** Points of a line up to which each has a dot. */
const MOST_DOTS = 24;
const SYMBOL_RADIUS = 4.5;
/** Colours of lines that the style has. */
const COLOURS = 8;

/** Colours are variables of the report's style, which knows whether it is dark. */
export const colour = (name: string) => `var(--${name})`;

/** Horizontal lines for the counting models, named at the right: the figure needs a margin of `BASELINE_MARGIN` there. */
export function baselineLevels({ plot }: Plotter, baselines: NgramBaselines): Markish[] {
  const levels = [
    { name: "order 0", bits: baselines.order0 },
    { name: "bigram", bits: baselines.bigram },
    { name: "trigram", bits: baselines.trigram },
  ];
  return [
    plot.ruleY(levels, { y: "bits", stroke: colour("baseline"), strokeDasharray: "2 4" }),
    plot.text(levels, {
      y: "bits",
      frameAnchor: "right",
      textAnchor: "start",
      dx: 6,
      fill: colour("ink-2"),
      text: ({ name, bits }: { name: string; bits: number }) => `${name} ${bits.toFixed(2)}`,
    }),
  ];
}

/** A dotted horizontal line, if there is a number to draw it at. */
export function level(plotter: Plotter, at: number | undefined): Markish[] {
  if (at === undefined) return [];
  return [plotter.plot.ruleY([at], { stroke: colour("baseline"), strokeDasharray: "2 4" })];
}

/** A line without dots. */
export function line(
  plotter: Plotter,
  points: readonly Point[],
  { colour: name, dashed }: Series,
  width: number,
): Markish {
  return plotter.plot.lineY(points as Point[], {
    x: "x",
    y: "y",
    stroke: colour(name),
    strokeWidth: width,
    ...(dashed ? { strokeDasharray: "6 4" } : {}),
  });
}

/** A line, with a dot at each of its points if they are few, or with its symbol at some. */
export function dottedLine(plotter: Plotter, points: readonly Point[], series: Series): Markish[] {
  const { symbol } = series;
  if (points.length > MOST_DOTS && symbol === undefined) return [line(plotter, points, series, 1.6)];
  const apart = Math.ceil(points.length / MOST_DOTS);
  const dotted = points.filter((_, i) => (points.length - 1 - i) % apart === 0);
  const dots = plotter.plot.dot(dotted, {
    x: "x",
    y: "y",
    r: symbol === undefined ? 3 : SYMBOL_RADIUS,
    fill: colour(series.colour),
    stroke: colour("surface"),
    strokeWidth: 1,
    ...(symbol === undefined ? {} : { symbol: plotSymbol(symbol) }),
  });
  return [line(plotter, points, series, 2), dots];
}

/** Lines that differ in colour and shape; after six they repeat, dashed. */
export function distinctSeries(names: readonly string[]): Series[] {
  return names.map((name, place) => ({
    name,
    colour: `series-${1 + (place % COLOURS)}`,
    symbol: symbolNames[place % symbolNames.length]!,
    dashed: Math.floor(place / COLOURS) % 2 === 1,
  }));
}

const shared: PlotOptions = {
  marginTop: 32,
  marginLeft: 52,
  marginBottom: 42,
  style: { fontSize: "13px", fontFamily: "inherit", overflow: "visible" },
};

/** A figure of half the page's width, which narrow screens show in a size of their own. */
export function panelFigure(plotter: Plotter, series: readonly Series[], label: string, options: PlotOptions): Html {
  const drawn = plotter.draw({ ...shared, width: PANEL_WIDTH, height: 240, ...options }, label);
  return html`${legend(series)}<div class="plot">${drawn}</div>`;
}

/** A figure of the page's width, with a second one for narrow screens, which may have options of its own. */
export function wholeFigure(
  plotter: Plotter,
  series: readonly Series[],
  label: string,
  options: PlotOptions,
  narrowOnly: PlotOptions = {},
): Html {
  const wide = plotter.draw({ ...shared, ...options, width: WHOLE_WIDTH }, label);
  const narrowOptions = {
    width: NARROW_WIDTH,
    height: 270,
    x: { ...options.x, ticks: 4 } as NonNullable<PlotOptions["x"]>,
    ...narrowOnly,
  };
  const narrow = plotter.draw({ ...shared, ...options, ...narrowOptions }, label);
  return html`${legend(series)}<div class="plot wide">${wide}</div><div class="plot narrow">${narrow}</div>`;
}

function legend(series: readonly Series[]): Html | undefined {
  if (series.length < 2) return undefined;
  return html`<ul class="legend">${series.map((one) => html`<li>${seriesKey(one)}${one.name}</li>`)}</ul>`;
}

/** How a line of a figure looks, for legends and tables. */
export function seriesKey({ colour: name, dashed, symbol }: Series): Html {
  const rule = html`<span class="key ${name}${dashed ? " dashed" : ""}" aria-hidden="true"></span>`;
  if (symbol === undefined) return rule;
  const shape = html`<path d="${symbolPath(symbol, SYMBOL_RADIUS)}" fill="${colour(name)}"/>`;
  const dashes = dashed ? "6 4" : "none";
  const stroke = html`<path d="M-13 0H13" stroke="${colour(name)}" stroke-width="2" stroke-dasharray="${dashes}"/>`;
  return html`<svg class="symbol" viewBox="-13 -7 26 14" width="26" height="14" aria-hidden="true">${stroke}${shape}</svg>`;
}
