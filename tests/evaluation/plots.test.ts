import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { innerLosses, learningCurves } from "../../src/evaluation/figures.ts";
import { loadPlotter, type Plotter } from "../../src/evaluation/plots.ts";
import { memoryReport } from "./report-fixture.ts";

let plotter: Plotter;
beforeAll(async () => {
  plotter = await loadPlotter();
});

const parsed = (markup: string) => parseHTML(`<html><body>${markup}</body></html>`).document;

describe("a plotter", () => {
  const points = [
    { x: 0, y: 0.123456 },
    { x: 1, y: 2 },
    { x: 2, y: 1 },
  ];

  it("draws marks as one svg with a label, without a browser", () => {
    const { plot } = plotter;
    const marks = [plot.lineY(points, { x: "x", y: "y" }), plot.dot(points, { x: "x", y: "y" }), plot.ruleY([1])];
    const document = parsed(plotter.draw({ marks, width: 300, height: 200 }, "three <points>").markup);
    const svg = document.querySelector("svg")!;
    expect(document.querySelectorAll("svg")).toHaveLength(1);
    expect(svg.getAttribute("role")).toBe("img");
    expect(svg.getAttribute("aria-label")).toBe("three <points>");
    expect(svg.getAttribute("viewBox")).toBe("0 0 300 200");
    expect(svg.querySelectorAll('[aria-label="line"] path')).toHaveLength(1);
    expect(svg.querySelectorAll('[aria-label="dot"] circle')).toHaveLength(3);
    expect(svg.querySelectorAll('[aria-label="rule"] line')).toHaveLength(1);
  });

  it("places a mark where its scale puts it", () => {
    const options = { width: 300, height: 200, marginLeft: 50, marginRight: 50, marginTop: 0, marginBottom: 50 };
    const scales = { x: { domain: [0, 2] }, y: { domain: [0, 2] } };
    const dots = plotter.plot.dot(points, { x: "x", y: "y" });
    const circles = parsed(plotter.draw({ ...options, ...scales, marks: [dots] }, "dots").markup).querySelectorAll(
      "circle",
    );
    const places = [...circles].map((dot) => [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))]);
    expect(places).toEqual([
      [50, Number((150 * (1 - 0.123456 / 2)).toFixed(2))],
      [150, 0],
      [250, 75],
    ]);
  });

  it("shortens coordinates, and leaves the text of labels as it is", () => {
    const marks = [plotter.plot.text([points[0]!], { x: "x", y: "y", text: () => "0.123456" })];
    const { markup } = plotter.draw({ marks }, "text");
    expect(markup).toContain(">0.123456<");
    expect(markup).not.toMatch(/="[^"]*\d\.\d{3}/);
  });
});

describe("figures", () => {
  it("are drawn for wide and for narrow screens where the page's width is theirs", () => {
    const document = parsed(learningCurves(plotter, memoryReport, memoryReport.baselines).markup);
    expect(document.querySelectorAll(".wide svg")).toHaveLength(1);
    expect(document.querySelectorAll(".narrow svg")).toHaveLength(1);
    const legend = [...document.querySelectorAll(".legend li")].map(({ textContent }) => textContent);
    expect(legend).toEqual(["training text, every step", "validation", "validation, trained without writes"]);
  });

  it("mark single points of short curves, and none of long ones", () => {
    const draw = (length: number) => {
      const losses = { lossAtInitial: 3, lossBefore: 2, lossAfter: 1 };
      const rows = Array.from({ length }, (_, x) => ({ x, losses }));
      return parsed(innerLosses(plotter, rows, { x: "step", label: "losses", silent: 0.5 }).markup);
    };
    expect(draw(5).querySelectorAll("circle")).toHaveLength(15);
    expect(draw(100).querySelectorAll("circle")).toHaveLength(0);
    expect(draw(100).querySelectorAll('[aria-label="line"] path')).toHaveLength(3);
    expect(draw(5).querySelectorAll('[aria-label="rule"] line')).toHaveLength(1);
  });
});
