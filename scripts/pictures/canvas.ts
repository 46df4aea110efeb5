/** How the pictures look: one SVG file each, light or dark as the page around it is, lines named where they end. */
import type { Markish, PlotOptions } from "@observablehq/plot";
import { loadPlotter, type Plotter } from "../../src/evaluation/plots.ts";

/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line, with its name at its end. */
export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  /** Which colour: 1 to 6. */
  readonly colour: number;
  readonly dashed?: boolean;
  /** Pixels by which the name is moved down, where two lines end together. */
  readonly nameShift?: number;
}

const WIDTH = 720;
const COLOURS = {
  light: ["#2269c4", "#cf5a23", "#128a68", "#4a1a8c", "#8f1d3c", "#b1539e"],
  dark: ["#4c97ee", "#e2723f", "#27b58c", "#a97be0", "#e8d44d", "#e79ad3"],
} as const;

/** Colours stand in the file as variables: the reader's page says whether it is dark. */
export const colour = (number: number) => `var(--series-${number})`;

function variables(ink: string, surface: string, series: readonly string[]): string {
  const colours = series.map((value, i) => `--series-${i + 1}: ${value};`).join(" ");
  return `--ink: ${ink}; --surface: ${surface}; ${colours}`;
}

const STYLE = `<style>
svg { ${variables("#3a3935", "#ffffff", COLOURS.light)} color: var(--ink); --plot-background: var(--surface); }
@media (prefers-color-scheme: dark) { svg { ${variables("#dcdad2", "#1b1b1f", COLOURS.dark)} } }
</style><rect width="100%" height="100%" fill="var(--surface)"/>`;

/** How a word is placed: what of it lies at the place, and by how many pixels it is moved. */
export interface NoteOptions {
  readonly anchor?: "start" | "middle" | "end";
  readonly dx?: number;
  readonly dy?: number;
}

/** Draws a picture. */
export interface Canvas {
  readonly plotter: Plotter;
  /**
   * One SVG file.
   *
   * @param options what `Plot.plot` takes, but for the size of the letters
   * @param label what the picture shows, for those who cannot see it
   */
  draw(options: PlotOptions, label: string): string;
  /** A line and its name. */
  line(line: Line): Markish[];
  /** A word at a place of the axes. */
  note(text: string, at: Point, options?: NoteOptions): Markish;
}

/** @throws MissingPackageError if `@observablehq/plot` or `linkedom` is not installed */
export async function loadCanvas(): Promise<Canvas> {
  const plotter = await loadPlotter();
  const { plot } = plotter;
  return {
    plotter,
    draw(options, label) {
      const style = { fontSize: "13px", fontFamily: "system-ui, sans-serif", overflow: "visible" };
      const shared = { width: WIDTH, height: 320, marginTop: 36, marginLeft: 56, marginBottom: 44, style };
      const { markup } = plotter.draw({ ...shared, ...options }, label);
      // A file of its own needs the name space; an element in a page does not.
      const named = markup.includes("xmlns=")
        ? markup
        : markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ');
      return `${named.replace(/^(<svg[^>]*>)/, `$1${STYLE}`)}\n`;
    },
    line({ name, points, colour: number, dashed = false, nameShift = 0 }) {
      const paint = colour(number);
      const end = points.at(-1)!;
      return [
        plot.lineY(points as Point[], {
          x: "x",
          y: "y",
          stroke: paint,
          strokeWidth: 2,
          ...(dashed ? { strokeDasharray: "6 4" } : {}),
        }),
        plot.text([end], { x: "x", y: "y", text: () => name, fill: paint, textAnchor: "start", dx: 8, dy: nameShift }),
      ];
    },
    note(text, at, { anchor = "middle", dx = 0, dy = 0 } = {}) {
      return plot.text([at], { x: "x", y: "y", text: () => text, textAnchor: anchor, fill: "currentColor", dx, dy });
    },
  };
}
