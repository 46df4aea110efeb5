/** The figures of a report, each drawn for wide and for narrow screens. */
import type { Markish } from "@observablehq/plot";
import type { NgramBaselines } from "../data/index.ts";
import {
  BASELINE_MARGIN,
  baselineLevels,
  dottedLine,
  level,
  line,
  type Point,
  panelFigure,
  type Series,
  wholeFigure,
} from "./figure-parts.ts";
import type { Html } from "./html.ts";
import type { LayerSummary, LayerTrace } from "./memory-trace.ts";
import type { Plotter } from "./plots.ts";
import type { CurvePoint } from "./report-data.ts";

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
  const points = (curve: readonly CurvePoint[]): Point[] =>
    curve.map(({ step, bitsPerByte }) => ({ x: step, y: bitsPerByte }));
  const training: Series = { name: "training text, every step", colour: "muted" };
  const validation: Series = { name: "validation", colour: "series-1" };
  const withoutWrites: Series = { name: "validation, trained without writes", colour: "series-2", dashed: true };
  const marks: Markish[] = [
    ...baselineLevels(plotter, baselines),
    line(plotter, points(curves.training), training, 1.2),
    ...dottedLine(plotter, points(curves.validationWithoutWrites), withoutWrites),
    ...dottedLine(plotter, points(curves.validation), validation),
  ];
  const shown = [training, validation, ...(curves.validationWithoutWrites.length > 0 ? [withoutWrites] : [])];
  return wholeFigure(plotter, shown, "Bits per byte over training steps, with the levels of counting models", {
    marginRight: BASELINE_MARGIN,
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
