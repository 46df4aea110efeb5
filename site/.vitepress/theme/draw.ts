/** Panels as SVG, in colours that the style sheet has for light and dark. */
import { line, plot, ruleY } from "@observablehq/plot";
import type { Panel } from "../../figures/parts/live-figure.ts";
import { curveColours, curveDashes } from "./curves.ts";

export type Draw = typeof drawPanel;

/**
 * One pair of axes with its curves.
 *
 * @returns an SVG element that scales with its place
 */
export function drawPanel(panel: Panel): SVGElement | HTMLElement {
  const [colours, strokes] = [curveColours(panel), curveDashes(panel)];
  const curves = panel.curves.map(({ points, steps, reference }, i) =>
    line(points as [number, number][], {
      x: "0",
      y: "1",
      stroke: colours[i]!,
      strokeWidth: reference ? 1.5 : 2.2,
      strokeDasharray: strokes[i]!,
      curve: steps ? "step-after" : "linear",
      clip: true,
    }),
  );
  const drawn = plot({
    width: 560,
    height: 320,
    marginLeft: 48,
    marginBottom: 40,
    style: { background: "none", fontSize: "13px", overflow: "visible" },
    x: { label: panel.x, labelAnchor: "center", labelArrow: "none", nice: false },
    y: {
      label: panel.y,
      labelArrow: "none",
      grid: true,
      nice: true,
      ...(panel.range && { domain: [...panel.range], nice: false }),
    },
    marks: [ruleY([0], { strokeOpacity: 0.4 }), ...curves],
  });
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `${panel.title}: ${panel.y} over ${panel.x}`);
  return drawn;
}
