/** How the curves of a panel look, in the figure and in its legend. */
import type { Panel } from "../../figures/parts/live-figure.ts";

/** Dashes tell the curves apart where colours cannot. */
const dashes = ["0", "7 4", "2 3", "10 3 2 3"];

/** The colours of a panel's curves, in their order. */
export function curveColours({ curves }: Panel): string[] {
  let place = 0;
  return curves.map(({ reference }) => (reference ? "var(--curve-reference)" : `var(--curve-${++place})`));
}

/** The dashes of a panel's curves, in their order. */
export function curveDashes({ curves }: Panel): string[] {
  let place = 0;
  return curves.map(({ reference }) => (reference ? "0" : dashes[place++ % dashes.length]!));
}
