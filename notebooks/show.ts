/** What the notebooks show: figures and tables that Jupyter displays, readable on light and dark pages alike. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** Deno's kernel for Jupyter; not there in other places. */
declare const Deno: { readonly jupyter: { display(media: object, options: { raw: true }): Promise<void> } } | undefined;

/** A line: its values at 0, 1, 2, ..., or its points. */
export type Line = readonly number[] | readonly (readonly [x: number, y: number])[];

/** What a figure of lines may be told. */
export interface LinesOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: Readonly<Record<string, Line>>;
  readonly logX?: boolean;
  readonly logY?: boolean;
  /** Whether points are marked. */
  readonly dots?: boolean;
}

/** A panel of its own makes dark ink readable on every page. */
const PAPER = "#ffffff";
const INK = "#222222";
/** Okabe and Ito's colours, which colour-blind readers tell apart, the yellow left out. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9"];
const LETTER = 8;
const LINE_HEIGHT = 18;
const TITLE_HEIGHT = 28;
const TAG = /<[^>]+>/g;
const LONG_NUMBER = /-?\d+\.\d{2,}/g;

/** Shows a figure of lines, named at the right. */
export function lines({
  title,
  x,
  y,
  lines: named,
  logX = false,
  logY = false,
  dots = false,
}: LinesOptions): Promise<void> {
  const drawn = Object.entries(named).map(([name, line], place) => ({
    name,
    points: line.map((at, i) => (typeof at === "number" ? [i, at] : at) as readonly [number, number]),
    colour: COLOURS[place % COLOURS.length]!,
    dashed: place >= COLOURS.length,
  }));
  const longest = Math.max(...drawn.map(({ name }) => name.length));
  const marks = drawn.flatMap(({ name, points, colour, dashed }, place) => [
    Plot.line(points, { stroke: colour, strokeWidth: 2, strokeDasharray: dashed ? "5 3" : "none" }),
    ...(dots ? [Plot.dot(points, { fill: colour, r: 3 })] : []),
    Plot.text([name], {
      frameAnchor: "top-right",
      textAnchor: "start",
      fill: colour,
      fontWeight: "bold",
      dx: 10,
      dy: LINE_HEIGHT * place,
    }),
  ]);
  const said = drawn.map(({ name, points }) => {
    const [first, last] = [points[0]!, points.at(-1)!].map(([, value]) => value.toPrecision(2));
    return `${name} from ${first} to ${last}`;
  });
  return figure(`${title}: ${said.join("; ")}`, {
    title,
    marginRight: 24 + LETTER * longest,
    width: 480 + LETTER * longest,
    height: 270,
    x: { label: x, type: logX ? "log" : "linear", ...(logX ? { tickFormat: powerOrNothing } : {}) },
    y: { label: y, type: logY ? "log" : "linear", grid: true, ...(logY ? { tickFormat: powerOrNothing } : {}) },
    marks,
  });
}

/** Shows columns of numbers with a name each, such as the surprise of every word of a sentence. */
export function bars(
  title: string,
  y: string,
  values: readonly (readonly [name: string, value: number])[],
): Promise<void> {
  const said = values.map(([name, value]) => `${name} ${value.toPrecision(2)}`).join(", ");
  return figure(`${title}: ${said}`, {
    title,
    width: Math.min(760, 110 + 34 * values.length),
    height: 250,
    x: { label: null, type: "band", tickFormat: (i: number) => values[i]![0] },
    y: { label: y, grid: true },
    marks: [Plot.barY(values, { x: (_, i) => i, y: "1", fill: COLOURS[0]! }), Plot.ruleY([0])],
  });
}

/**
 * Shows small matrices side by side: dark is the largest entry of each, white is zero.
 *
 * @param matrices rows of numbers, from 0 up
 */
export function matrices(
  title: string,
  named: Readonly<Record<string, readonly (readonly number[])[]>>,
): Promise<void> {
  const entries = Object.entries(named).flatMap(([name, rows]) => {
    const largest = Math.max(...rows.flat(), Number.MIN_VALUE);
    return rows.flatMap((row, i) => row.map((value, j) => ({ name, row: i, column: j, shade: value / largest })));
  });
  const names = Object.keys(named);
  const height = Math.max(...Object.values(named).map((rows) => rows.length));
  const sizes = names.map((name) => `${name} ${named[name]!.length} by ${named[name]![0]!.length}`);
  return figure(`${title}: ${sizes.join(", ")}`, {
    title,
    width: 60 + 190 * names.length,
    height: 76 + Math.min(190, 14 * height),
    marginLeft: 40,
    fx: { label: null, domain: names, padding: 0.15 },
    x: { type: "band", axis: null, padding: 0.08 },
    y: { type: "band", label: null, tickSize: 0, tickFormat: (i: number) => (i % 4 === 0 ? String(i) : "") },
    color: { type: "linear", domain: [0, 1], range: ["#e9eef2", COLOURS[0]!] },
    marks: [Plot.cell(entries, { fx: "name", x: "column", y: "row", fill: "shade" })],
  });
}

/**
 * Shows a table. Numbers are given as text, with as many digits as mean something.
 *
 * @param rows with the same columns each
 */
export function table(rows: readonly Readonly<Record<string, string>>[]): Promise<void> {
  const columns = Object.keys(rows[0]!);
  const cells = [columns, columns.map(() => "---"), ...rows.map((row) => columns.map((column) => row[column]!))];
  const markdown = cells.map((row) => `| ${row.join(" | ")} |`).join("\n");
  return shown(markdown, { "text/markdown": markdown });
}

function figure(said: string, options: Plot.PlotOptions & { readonly title: string }): Promise<void> {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const { title, height = 260, ...rest } = options;
  const width = Math.max(options.width ?? 0, 24 + LETTER * title.length);
  const drawn = Plot.plot({
    marginTop: 32,
    marginLeft: 56,
    marginBottom: 40,
    style: {
      background: PAPER,
      color: INK,
      fontFamily: "system-ui, sans-serif",
      fontSize: "12px",
      overflow: "visible",
    },
    ...rest,
    width,
    height,
    document,
  });
  const whole = height + TITLE_HEIGHT;
  for (const [name, value] of Object.entries({
    role: "img",
    "aria-label": said,
    height: whole,
    viewBox: `0 ${-TITLE_HEIGHT} ${width} ${whole}`,
  }))
    drawn.setAttribute(name, String(value));
  const paper = `<rect y="${-TITLE_HEIGHT}" width="${width}" height="${whole}" fill="${PAPER}"/>`;
  const heading = `<text x="12" y="-6" text-anchor="start" fill="${INK}" font-weight="bold" font-size="13">${escaped(title)}</text>`;
  const svg = drawn.outerHTML.replace(/^<svg[^>]*>/, (tag) => tag + paper + heading);
  return shown(said, { "image/svg+xml": svg.replaceAll(TAG, (tag) => tag.replaceAll(LONG_NUMBER, oneDecimal)) });
}

/** A tenth of a pixel is enough, and makes a smaller file; text between tags stays as it is. */
function oneDecimal(number: string): string {
  return String(Number(Number(number).toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Labels of a logarithmic axis: powers of ten only. */
function powerOrNothing(x: number): string {
  const exponent = Math.log10(x);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-9) return "";
  return x < 1e-3 ? x.toExponential(0) : String(Number(x.toPrecision(1)));
}

/** Waits until the kernel has it: what a cell returns may come too late for its cell on a busy machine. */
async function shown(text: string, pictures: Readonly<Record<string, string>>): Promise<void> {
  if (typeof Deno === "undefined") console.log(text);
  else await Deno.jupyter.display({ ...pictures, "text/plain": text }, { raw: true });
}
