import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { type CompareData, compareWarnings } from "../../src/evaluation/compare-data.ts";
import { renderComparison } from "../../src/evaluation/compare-report.ts";
import { loadPlotter, type Plotter } from "../../src/evaluation/plots.ts";
import { comparedModel, comparison } from "./compare-fixture.ts";

let plotter: Plotter;
beforeAll(async () => {
  plotter = await loadPlotter();
});

const documentOf = (data: CompareData) => parseHTML(renderComparison(plotter, data)).document;
const textOf = (element: { textContent: string | null } | null) =>
  element?.textContent?.replaceAll(/\s+/g, " ").trim() ?? "";
const all = (root: ParentNode, selector: string) => [...root.querySelectorAll(selector)];

describe("renderComparison", () => {
  it("is one file that loads nothing, with its sections, and names as text", () => {
    const markup = renderComparison(plotter, comparison);
    expect(markup).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(markup).not.toMatch(/(src|href|action)=|@import|url\(|undefined|NaN/);
    const document = documentOf(comparison);
    expect(document.querySelectorAll("script, link, img, iframe")).toHaveLength(0);
    expect(all(document, "main > section").map(({ id }) => id)).toEqual(["curves", "ranking", "method"]);
    expect(textOf(document.querySelector("h1"))).toBe("compare <1>");
    expect(document.querySelectorAll("h1 *, td b, th b, li b, summary b")).toHaveLength(0);
  });

  it("draws the curves of all models and all three counting models in one plot", () => {
    const document = documentOf(comparison);
    const [wide, narrow, ...others] = all(document, "#curves svg[role=img]");
    expect(others).toEqual([]);
    for (const svg of [wide!, narrow!]) {
      expect(svg.querySelectorAll('[aria-label="line"] path')).toHaveLength(3);
      expect(svg.querySelectorAll('[aria-label="dot"] path')).toHaveLength(30);
      expect(svg.querySelectorAll('[aria-label="rule"] line')).toHaveLength(3);
      const texts = all(svg, "text").map(textOf);
      for (const level of ["order 0 4.50", "bigram 3.50", "trigram 2.90"]) expect(texts).toContain(level);
    }
  });

  it("tells the models apart by colour and by shape, in the plot, its legend and the table alike", () => {
    const many = Array.from({ length: 10 }, (_, i) => comparedModel(`model ${i}`, 3 + i / 10));
    const document = documentOf({ ...comparison, models: many });
    expect(all(document, "#curves .legend li").map(textOf)).toEqual(many.map(({ name }) => name));
    const keys = (selector: string) => all(document, selector).map((svg) => svg.innerHTML);
    const inLegend = keys("#curves .legend svg");
    expect(new Set(inLegend).size).toBe(10);
    expect(keys("#ranking svg")).toEqual(inLegend);
    const colours = all(document.querySelector("#curves .wide svg")!, '[aria-label="line"]').map((group) =>
      group.getAttribute("stroke"),
    );
    expect(colours).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2].map((n) => `var(--series-${n})`));
    const shapes = all(document.querySelector("#curves .wide svg")!, '[aria-label="dot"]').map((group) =>
      group.querySelector("path")!.getAttribute("d"),
    );
    expect(new Set(shapes.slice(0, 6)).size).toBe(6);
    const dashes = all(document.querySelector("#curves .wide svg")!, '[aria-label="line"]').map((group) =>
      group.getAttribute("stroke-dasharray"),
    );
    expect(dashes.map((dash) => dash !== null)).toEqual([...Array(8).fill(false), true, true]);
  });

  it("ranks models and counting models by bits per byte, with what is known of each", () => {
    const rows = all(documentOf(comparison), "#ranking tbody tr").map((row) => all(row, "th, td").map(textOf));
    const [engine, speed] = ["wasm", "0.13"];
    expect(rows).toEqual([
      ["trigram", "2.900", "", "35.6 %", "", "", ""],
      ["<b>second</b>titans-lmm", "3.000", "", "33.3 %", "54,321", speed, engine],
      ["firsttitans-lmm", "3.250", "+0.250 ± 0.010", "27.8 %", "12,345", speed, engine],
      ["bigram", "3.500", "", "22.2 %", "", "", ""],
      ["thirdtitans-lmm", "4.000", "+1.000 ± 0.010", "11.1 %", "12,345", speed, engine],
      ["order 0", "4.500", "", "0.0 %", "", "", ""],
    ]);
  });

  it("claims no more than the standard errors allow", () => {
    const lead = (difference: number) => {
      const [first, second] = comparison.models;
      const models = [{ ...first!, againstBest: { difference, standardError: 0.01 } }, second!];
      return textOf(documentOf({ ...comparison, models }).querySelector(".lead"));
    };
    expect(lead(0.25)).toBe(
      "2 models, each trained on 2,560 bytes of books & more in 20 steps with seed 3. On text it was not trained on, <b>second</b> needs the fewest bits per byte: 3.000. " +
        "The next one, first, is +0.250 ± 0.010 away.",
    );
    expect(lead(0.015)).toMatch(/is \+0\.015 ± 0\.010 away: which of the two is better cannot be told from chance\.$/);
  });

  it("says how long the parts took, and with which configurations", () => {
    const document = documentOf(comparison);
    expect(all(document, "#method tbody tr").map(textOf)).toEqual([
      "training first1 min 5 s",
      "measuring first5.0 s",
      "together1 min 10 s",
    ]);
    const written = all(document, "#method pre").map(({ textContent }) => JSON.parse(textContent!));
    expect(textOf(document.querySelector("#method p"))).toMatch(
      /^One run a model on the engine wasm \(1 thread\), Node test\./,
    );
    expect(written).toEqual(comparison.models.map(({ config }) => config));
  });

  it("is about one model, too", () => {
    const document = documentOf({ ...comparison, models: [comparison.models[1]!] });
    expect(textOf(document.querySelector(".lead"))).toMatch(
      /^One model, trained on 2,560 bytes.*it needs 3\.000 bits per byte\.$/,
    );
  });
});

describe("compareWarnings", () => {
  it("are none where all is well", () => {
    expect(compareWarnings(comparison)).toEqual([]);
    expect(documentOf(comparison).querySelector(".warnings")).toBeNull();
  });

  it("name a model that is no better than counting bytes, and engines that differ", () => {
    const models = [
      ...comparison.models,
      { ...comparedModel("idle", 4.5), engine: { name: "native" as const, threads: 2 } },
    ];
    expect(compareWarnings({ ...comparison, models })).toEqual([
      "idle needs 4.500 bits per byte, and counting bytes alone gives 4.500: it has learned nothing about their order.",
      "The models ran on different engines: their seconds a step cannot be compared.",
    ]);
    expect(all(documentOf({ ...comparison, models }), ".warnings li")).toHaveLength(2);
  });
});
