/** The figures of a report, each drawn for wide and for narrow screens. */
import type { Markish, PlotOptions } from "@observablehq/plot";
import type { NgramBaselines } from "../data/index.ts";
import { type Html, html } from "./html.ts";
import type { LayerSummary, LayerTrace } from "./memory-trace.ts";
import type { Plotter } from "./plots.ts";
import type { CurvePoint } from "./report-data.ts";

/** One line of a figure as its legend shows it. */
interface Series {
  readonly name: string;
  /** A class of the report's style: it gives the colour. */
  readonly colour: string;
  readonly dashed?: boolean;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Pixels: figures are drawn at about the size they are shown in, so that their letters keep theirs. */
const WHOLE_WIDTH = 856;
const PANEL_WIDTH = 410;
const NARROW_WIDTH = 350;
/** Points of a line up to which each has a dot. */
const MOST_DOTS = 24;

/** Colours are variables of the report's style, which knows whether it is dark. */
const colour = (name: string) => `var(--${name})`;
const layerColours = ["series-1", "series-2", "series-3", "series-4"];

/** The series of a layer; colours repeat after four layers. */
function layerSeries(layer: number): Series {
  return { name: `layer ${layer + 1}`, colour: layerColours[layer % layerColours.length]! };
}

/** Bits per byte of training and validation over the steps, with horizontal lines for the counting models. */
export function learningCurves(
  plotter: Plotter,
  curves: {
    readonly training: readonly CurvePoint[];
    readonly validation: readonly CurvePoint[];
    readonly validationWithoutWrites: readonly CurvePoint[];
  },
  baselines: NgramBaselines,
): Html {
  const { plot } = plotter;
  const points = (curve: readonly CurvePoint[]): Point[] =>
    curve.map(({ step, bitsPerByte }) => ({ x: step, y: bitsPerByte }));
  const training: Series = { name: "training text, every step", colour: "muted" };
  const validation: Series = { name: "validation", colour: "series-1" };
  const withoutWrites: Series = { name: "validation, trained without writes", colour: "series-2", dashed: true };
  const levels = [
    { name: "order 0", bits: baselines.order0 },
    { name: "bigram", bits: baselines.bigram },
    { name: "trigram", bits: baselines.trigram },
  ];
  const marks: Markish[] = [
    plot.ruleY(levels, { y: "bits", stroke: colour("baseline"), strokeDasharray: "2 4" }),
    plot.text(levels, {
      y: "bits",
      frameAnchor: "right",
      textAnchor: "start",
      dx: 6,
      fill: colour("ink-2"),
      text: ({ name, bits }: { name: string; bits: number }) => `${name} ${bits.toFixed(2)}`,
    }),
    line(plotter, points(curves.training), training, 1.2),
    ...dottedLine(plotter, points(curves.validationWithoutWrites), withoutWrites),
    ...dottedLine(plotter, points(curves.validation), validation),
  ];
  const shown = [training, validation, ...(curves.validationWithoutWrites.length > 0 ? [withoutWrites] : [])];
  return wholeFigure(plotter, shown, "Bits per byte over training steps, with the levels of counting models", {
    marginRight: 96,
    height: 360,
    x: { label: "training step" },
    y: { label: "bits per byte", grid: true, nice: true },
    marks,
  });
}

/** The three inner losses of one layer, over training steps or along a passage. */
export function innerLosses(
  plotter: Plotter,
  rows: readonly {
    readonly x: number;
    readonly losses: Pick<LayerSummary, "lossAtInitial" | "lossBefore" | "lossAfter">;
  }[],
  options: { readonly x: string; readonly label: string; readonly silent: number | undefined },
): Html {
  const series: [Series, "lossAtInitial" | "lossBefore" | "lossAfter"][] = [
    [{ name: "at the initial weights", colour: "muted", dashed: true }, "lossAtInitial"],
    [{ name: "before the write", colour: "series-2" }, "lossBefore"],
    [{ name: "after the write", colour: "series-1" }, "lossAfter"],
  ];
  const lines = series.flatMap(([shown, name]) =>
    dottedLine(
      plotter,
      rows.map(({ x, losses }) => ({ x, y: losses[name] })),
      shown,
    ),
  );
  return panelFigure(
    plotter,
    series.map(([shown]) => shown),
    options.label,
    {
      x: { label: options.x },
      y: { label: "inner loss", grid: true, zero: true },
      marks: [...level(plotter, options.silent), ...lines],
    },
  );
}

/** One number a chunk of every layer along a passage. */
export function alongPassage(
  plotter: Plotter,
  layers: readonly LayerTrace[],
  values: (layer: LayerTrace) => readonly number[],
  options: {
    readonly chunkSize: number;
    readonly label: string;
    readonly limit?: number;
  },
): Html {
  const { chunkSize, label, limit } = options;
  const lines = layers.map((layer) =>
    line(
      plotter,
      values(layer).map((y, chunk) => ({ x: (chunk + 1) * chunkSize, y })),
      layerSeries(layer.layer),
      2,
    ),
  );
  return panelFigure(
    plotter,
    layers.map(({ layer }) => layerSeries(layer)),
    `${label} along the passage`,
    {
      x: { label: "bytes read" },
      y: { label, grid: true, zero: true },
      marks: [...level(plotter, limit), ...lines],
    },
  );
}

/** A dotted horizontal line, if there is a number to draw it at. */
function level(plotter: Plotter, at: number | undefined): Markish[] {
  if (at === undefined) return [];
  return [plotter.plot.ruleY([at], { stroke: colour("baseline"), strokeDasharray: "2 4" })];
}

function line(plotter: Plotter, points: readonly Point[], { colour: name, dashed }: Series, width: number): Markish {
  return plotter.plot.lineY(points as Point[], {
    x: "x",
    y: "y",
    stroke: colour(name),
    strokeWidth: width,
    ...(dashed ? { strokeDasharray: "6 4" } : {}),
  });
}

function dottedLine(plotter: Plotter, points: readonly Point[], series: Series): Markish[] {
  if (points.length > MOST_DOTS) return [line(plotter, points, series, 1.6)];
  const dots = plotter.plot.dot(points as Point[], {
    x: "x",
    y: "y",
    r: 3,
    fill: colour(series.colour),
    stroke: colour("surface"),
    strokeWidth: 1,
  });
  return [line(plotter, points, series, 2), dots];
}

const shared: PlotOptions = {
  marginTop: 32,
  marginLeft: 52,
  marginBottom: 42,
  style: { fontSize: "13px", fontFamily: "inherit", overflow: "visible" },
};

/** A figure of half the page's width, which narrow screens show in a size of their own. */
function panelFigure(plotter: Plotter, series: readonly Series[], label: string, options: PlotOptions): Html {
  const drawn = plotter.draw({ ...shared, width: PANEL_WIDTH, height: 240, ...options }, label);
  return html`${legend(series)}<div class="plot">${drawn}</div>`;
}

/** A figure of the page's width, with a second one for narrow screens. */
function wholeFigure(plotter: Plotter, series: readonly Series[], label: string, options: PlotOptions): Html {
  const wide = plotter.draw({ ...shared, ...options, width: WHOLE_WIDTH }, label);
  const narrowOptions = {
    width: NARROW_WIDTH,
    height: 270,
    x: { ...options.x, ticks: 4 } as NonNullable<PlotOptions["x"]>,
  };
  const narrow = plotter.draw({ ...shared, ...options, ...narrowOptions }, label);
  return html`${legend(series)}<div class="plot wide">${wide}</div><div class="plot narrow">${narrow}</div>`;
}

function legend(series: readonly Series[]): Html | undefined {
  if (series.length < 2) return undefined;
  const keys = series.map(
    ({ name, colour: key, dashed }) =>
      html`<li><span class="key ${key}${dashed ? " dashed" : ""}" aria-hidden="true"></span>${name}</li>`,
  );
  return html`<ul class="legend">${keys}</ul>`;
}
