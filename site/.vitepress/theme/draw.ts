/** Panels as SVG, in colours that the style sheet has for light and dark. */
import { line, plot, ruleY } from "@observablehq/plot";
import type { Panel } from "../../figures/parts/live-figure.ts";
import { curveColours, curveDashes } from "./curves.ts";

export type Draw = typeof drawPanel;

/**
 * One pair of axes with its curves.
 *
 * @param room pixels from left to right
 * @returns an SVG element
 */
export function drawPanel(panel: Panel, room: number): SVGElement | HTMLElement {
  const width = Math.min(Math.max(room, 280), 640);
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
    width,
    height: Math.round(120 + 0.36 * width),
    marginTop: 30,
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
