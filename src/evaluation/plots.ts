/** Static figures: Observable Plot drawing into a document that needs no browser. */
import type { PlotOptions } from "@observablehq/plot";
import { optionalPackage } from "../data/optional-package.ts";
import { Html } from "./html.ts";

type PlotLibrary = typeof import("@observablehq/plot");

/** Draws figures. */
export interface Plotter {
  /** Marks, scales and transforms: the library itself. */
  readonly plot: PlotLibrary;
  /**
   * Draws a figure.
   *
   * @param options what `Plot.plot` takes
   * @param label what the figure shows, for those who cannot see it
   * @returns one `svg` element
   */
  draw(options: PlotOptions, label: string): Html;
}

const TAG = /<[^>]+>/g;
const LONG_NUMBER = /-?\d+\.\d{3,}/g;

/**
 * Loads what draws figures.
 *
 * @throws MissingPackageError if `@observablehq/plot` or `linkedom` is not installed
 */
export async function loadPlotter(): Promise<Plotter> {
  const plot = await optionalPackage("@observablehq/plot", "a report with figures", () => import("@observablehq/plot"));
  const { parseHTML } = await optionalPackage("linkedom", "a report with figures", () => import("linkedom"));
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  return {
    plot,
    draw(options, label) {
      const element = plot.plot({ ...options, document });
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", label);
      return new Html(shortCoordinates(element.outerHTML));
    },
  };
}

/** A hundredth of a pixel is enough, and makes a much smaller file. Text between tags stays as it is. */
function shortCoordinates(markup: string): string {
  const short = (number: string) => String(Number(Number(number).toFixed(2)));
  return markup.replaceAll(TAG, (tag) => tag.replaceAll(LONG_NUMBER, short));
}
