import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import type { AttentionPattern } from "../../src/common/index.ts";
import { maskFigure } from "../../src/evaluation/mask-figure.ts";
import { attentionSection } from "../../src/evaluation/report-attention.ts";
import { modelSchema } from "../../src/models/index.ts";
import { maskTable, memoryAsContextMask, slidingWindowMask } from "../oracles/index.ts";

const groups = [
  { name: "persistent", size: 2 },
  { name: "retrieved", size: 5 },
  { name: "segment", size: 5 },
];
const context: AttentionPattern = {
  summary: "a token sees <itself>",
  queries: [groups[2]!],
  keys: groups,
  visible: maskTable(memoryAsContextMask(2, 5), 12, 12).slice(7),
};

const svgs = (markup: string) => [...parseHTML(`<html><body>${markup}</body></html>`).document.querySelectorAll("svg")];

/** The cells that a picture's paths fill: [rows, columns]. */
function filled(svg: Element, rows: number, columns: number): boolean[][] {
  const cells = Array.from({ length: rows }, () => Array.from({ length: columns }, () => false));
  for (const path of svg.querySelectorAll("path[data-keys]")) {
    const d = path.getAttribute("d")!;
    expect(d).toMatch(/^(M\d+ \d+h\d+v1h-\d+z)*$/);
    for (const [, x, y, width, back] of d.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g)) {
      expect(back).toBe(width);
      for (let column = Number(x); column < Number(x) + Number(width); column++) {
        expect(cells[Number(y)]![column], "each cell is filled once").toBe(false);
        cells[Number(y)]![column] = true;
      }
    }
  }
  return cells;
}

describe("maskFigure", () => {
  it("fills exactly the visible cells, for wide and for narrow screens", () => {
    const scattered = maskTable((i, j) => (i * i + 3 * j) % 4 < 2, 9, 6);
    const patterns = [
      context,
      {
        summary: "",
        queries: [{ name: "rows", size: 9 }],
        keys: [
          { name: "a", size: 1 },
          { name: "b", size: 5 },
        ],
        visible: scattered,
      },
    ];
    for (const pattern of patterns) {
      const drawn = svgs(maskFigure(pattern, "mask").markup);
      expect(drawn).toHaveLength(2);
      for (const svg of drawn) {
        expect(filled(svg, pattern.visible.length, pattern.visible[0]!.length)).toEqual(pattern.visible);
      }
    }
  });

  it("draws groups apart: names, a colour each, and a line where one begins", () => {
    const [wide] = svgs(maskFigure(context, "who sees whom").markup);
    expect(wide!.getAttribute("aria-label")).toBe("who sees whom");
    const names = [...wide!.querySelectorAll("text")].map(({ textContent }) => textContent);
    expect(names).toEqual(["segment", "persistent", "retrieved", "segment"]);
    const colours = [...wide!.querySelectorAll("path[data-keys]")].map((path) => path.getAttribute("fill"));
    expect(colours).toEqual(["var(--series-3)", "var(--series-2)", "var(--series-1)"]);
    const cell = Number(/scale\((\d+)\)/.exec(wide!.outerHTML)![1]);
    const down = [
      ...wide!
        .querySelector("path.groups")!
        .getAttribute("d")!
        .matchAll(/M([\d.]+) 0V/g),
    ];
    expect(down.map(([, x]) => Number(x) / cell)).toEqual([0, 2, 7, 12]);
  });

  it("keeps everything it draws inside the picture", () => {
    const narrow = [
      { name: "a rather long name", size: 1 },
      { name: "another long name", size: 1 },
    ];
    const pattern = { summary: "", queries: narrow, keys: narrow, visible: maskTable(slidingWindowMask(2), 2, 2) };
    for (const svg of svgs(maskFigure(pattern, "mask").markup)) {
      const [, , width, height] = svg.getAttribute("viewBox")!.split(" ").map(Number);
      const [, left, top] = /<g transform="translate\(([\d.]+) ([\d.]+)\)"/.exec(svg.outerHTML)!.map(Number);
      const cell = Number(/scale\(([\d.]+)\)/.exec(svg.outerHTML)![1]);
      expect(left! + 2 * cell).toBeLessThanOrEqual(width!);
      expect(top! + 2 * cell).toBeLessThanOrEqual(height!);
      const beside = [...svg.querySelectorAll("text[dy]")].map((text) => Number(text.getAttribute("y")));
      expect(beside[1]! - beside[0]!).toBeGreaterThanOrEqual(16);
    }
  });
});

describe("attentionSection", () => {
  const model = { architecture: "transformer", dim: 8, layers: 2, heads: 1, window: 4 } as const;

  it("shows the transformer's window, once for all blocks that share it", () => {
    const markup = attentionSection(modelSchema.parse(model))!.markup;
    const [wide, narrow, ...others] = svgs(markup);
    expect(others).toEqual([]);
    for (const svg of [wide!, narrow!]) expect(filled(svg, 6, 6)).toEqual(maskTable(slidingWindowMask(4), 6, 6));
    expect(markup).toContain("Every block: a token sees itself and the 3 tokens before it.");
  });

  it("is left out where there is no attention", () => {
    expect(attentionSection(modelSchema.parse({ ...model, architecture: "titans-lmm" }))).toBeUndefined();
  });
});
