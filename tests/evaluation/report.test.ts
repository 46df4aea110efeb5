import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPlotter, type Plotter } from "../../src/evaluation/plots.ts";
import { renderReport } from "../../src/evaluation/render-report.ts";
import { writeReport } from "../../src/evaluation/report.ts";
import { type ReportData, reportWarnings } from "../../src/evaluation/report-data.ts";
import { signed, withError } from "../../src/evaluation/report-numbers.ts";
import { MARKUP, memoryReport, plainReport } from "./report-fixture.ts";

let plotter: Plotter;
beforeAll(async () => {
  plotter = await loadPlotter();
});

const documentOf = (data: ReportData) => parseHTML(renderReport(plotter, data)).document;
const textOf = (element: { textContent: string | null } | null) => element?.textContent?.replaceAll(/\s+/g, " ") ?? "";

/** Elements of HTML that have no end. */
const VOID = new Set(["meta", "link", "br", "img"]);

/** Tags that are opened and not closed, or closed and not opened. */
function unbalanced(markup: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const tags = markup.replace(/<!doctype html>/, "").replaceAll(/<style>[^<]*<\/style>/g, "");
  for (const [, close, name, rest] of tags.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:[^>"]|"[^"]*")*)>/gi)) {
    if (VOID.has(name!) || rest!.endsWith("/")) continue;
    if (!close) open.push(name!);
    else if (open.pop() !== name) wrong.push(name!);
  }
  return [...wrong, ...open];
}

describe("renderReport", () => {
  it("is well-formed, and one file: no scripts, nothing loaded from anywhere", () => {
    for (const data of [memoryReport, plainReport]) {
      const markup = renderReport(plotter, data);
      expect(unbalanced(markup)).toEqual([]);
      expect(markup).toMatch(/^<!doctype html>\n<html lang="en">/);
      const document = documentOf(data);
      expect(document.querySelectorAll("script, link, img, iframe")).toHaveLength(0);
      expect(markup).not.toMatch(/(src|href|action)=/);
      expect(markup).not.toMatch(/@import|url\(/);
    }
  });

  it("escapes markup in the run's name, the samples and the passage", () => {
    const document = documentOf(memoryReport);
    expect(textOf(document.querySelector("h1"))).toBe("run <1>");
    expect(document.querySelectorAll("h1 *, pre b, pre script, .passage script")).toHaveLength(0);
    const [before, after] = [...document.querySelectorAll("#samples pre")];
    expect(before!.textContent).toBe(`<b>Call</b>\ufffd${MARKUP}`);
    expect(after!.textContent).toBe("<b>Call</b> me & them");
  });

  it("has every section and figure, each figure with a name for those who cannot see it", () => {
    const document = documentOf(memoryReport);
    const sections = [...document.querySelectorAll("main > section")].map(({ id }) => id);
    expect(sections).toEqual(["learning", "controls", "surprise", "inside", "levels", "samples", "method"]);
    const labels = [...document.querySelectorAll("svg")].map((svg) => svg.getAttribute("aria-label"));
    const inside = [
      ...[1, 2].map((layer) => `Inner losses of layer ${layer} over training`),
      ...[1, 2].map((layer) => `Inner losses of layer ${layer} along the passage`),
      ...["memory norm", "momentum norm", "error norm", "rho"].map((name) => `${name} along the passage`),
    ];
    const curves = "Bits per byte over training steps, with the levels of counting models";
    expect(labels).toEqual([curves, curves, ...inside]);
    for (const figure of document.querySelectorAll("#inside figure, #learning figure, #surprise figure")) {
      expect(textOf(figure.querySelector("figcaption")).length).toBeGreaterThan(20);
    }
  });

  it("draws all three counting models as lines with their names, and both validation curves", () => {
    const [wide] = [...documentOf(memoryReport).querySelectorAll("#learning svg")];
    const texts = [...wide!.querySelectorAll("text")].map(textOf);
    for (const level of ["order 0 4.50", "bigram 3.50", "trigram 2.90"]) expect(texts).toContain(level);
    expect(wide!.querySelectorAll('[aria-label="rule"] line')).toHaveLength(3);
    expect(wide!.querySelectorAll('[aria-label="line"] path')).toHaveLength(3);
    expect(wide!.querySelectorAll('[aria-label="dot"] circle')).toHaveLength(4);
  });

  it("shows one coloured value for every byte of the passage", () => {
    const spans = [...documentOf(memoryReport).querySelectorAll(".passage span")];
    const bytes = spans.reduce((total, span) => total + Number(span.getAttribute("data-bytes")), 0);
    expect(bytes).toBe(memoryReport.passage!.bytes.length);
    expect(spans.map(({ textContent }) => textContent).join("")).toBe(MARKUP.replace("\n", "↵"));
    for (const span of spans) expect(span.className).toMatch(/^s\d$/);
  });

  it("says what the model, the control, the counting models and the conditions came to, and the number of writes", () => {
    const document = documentOf(memoryReport);
    const rows = (selector: string) =>
      [...document.querySelectorAll(`${selector} tbody tr`)].map((row) =>
        [...row.querySelectorAll("th, td")].map(textOf),
      );
    expect(rows("#learning table").map(([, bits, difference]) => [bits, difference])).toEqual([
      ["3.250", ""],
      ["3.375", "+0.125 ± 0.010"],
      ["2.900", "−0.350"],
      ["3.500", "+0.250"],
      ["4.500", "+1.250"],
    ]);
    expect(rows("#controls table").map(([, bits, difference]) => [bits, difference])).toEqual([
      ["3.250", ""],
      ["3.255", "+0.005 ± 0.010"],
      ["3.750", "+0.500 ± 0.010"],
      ["3.313", "+0.063 ± 0.010"],
      ["4.750", "+1.500 ± 0.010"],
    ]);
    expect(textOf(document.querySelector("#controls caption"))).toContain("there were 1,234 writes");
    expect(textOf(document.querySelector(".tiles"))).toContain("1,234");
  });

  it("claims no more than the standard errors allow", () => {
    const verdict = (otherMemory: number, withoutWrites: number) => {
      const { controls, withoutWrites: control, ...rest } = memoryReport;
      const swapped = { ...controls!.otherMemory, difference: otherMemory };
      const data = {
        ...rest,
        controls: { ...controls!, otherMemory: swapped },
        withoutWrites: { ...control!, difference: withoutWrites },
      };
      return textOf(documentOf(data).querySelector("#controls p"));
    };
    expect(verdict(0.005, -0.005)).toMatch(/can be told from chance.*does not show that learning at test time pays/);
    expect(verdict(0.05, 0.05)).toMatch(/are worth here.*paid in this run/);
    expect(verdict(-0.05, -0.05)).toMatch(/misleads more than it helps.*did not pay/);
  });

  it("says what was updated how often, the fastest first and the weights last", () => {
    const rows = [...documentOf(memoryReport).querySelectorAll("#levels tbody tr")];
    const cells = rows.map((row) => [...row.querySelectorAll("th, td")].map(textOf));
    expect(cells[0]!.slice(0, 2)).toEqual(["every 16 tokens", expect.stringMatching(/^(memory|\d memories)$/)]);
    expect(cells.at(-1)![1]).toBe("weights of titans-lmm");
    expect(cells.map(([, what]) => what)).toContain("second moment");
  });

  it("says how long the parts took, and with which configuration", () => {
    const document = documentOf(memoryReport);
    const durations = [...document.querySelectorAll("#method tbody tr")].map(textOf);
    expect(durations).toEqual(["training2 min 5 s", "measuring7.3 s", "together2 min 12 s"]);
    expect(JSON.parse(document.querySelector("#method pre")!.textContent!)).toEqual(memoryReport.config);
  });

  it("says what guards the steps, which the paper does not, and when nothing does", () => {
    const method = (stepGuard: "curvature" | "off") => {
      const { config } = memoryReport;
      const model = { ...config.model, memory: { ...config.model.memory, stepGuard } };
      return textOf(documentOf({ ...memoryReport, config: { ...config, model } }).querySelector("#method"));
    };
    expect(method("curvature")).toMatch(/bounded by the causal step guard “curvature”, and momentum by 0.5/);
    expect(method("off")).toMatch(/as the paper writes them: the causal step guard is off/);
    expect(textOf(documentOf(plainReport).querySelector("#method"))).not.toMatch(/guard/);
  });

  it("leaves out what a model without memory has not", () => {
    const document = documentOf(plainReport);
    const sections = [...document.querySelectorAll("main > section")].map(({ id }) => id);
    expect(sections).toEqual(["learning", "levels", "samples", "method"]);
    expect(document.querySelectorAll("svg")).toHaveLength(2);
    expect(textOf(document.querySelector("main"))).not.toContain("undefined");
  });
});

describe("reportWarnings", () => {
  const controls = memoryReport.controls!;
  const withControls = (changed: Partial<typeof controls>) =>
    reportWarnings({ ...memoryReport, controls: { ...controls, ...changed } });

  it("are none where all is well", () => {
    expect(reportWarnings(memoryReport)).toEqual([]);
    expect(documentOf(memoryReport).querySelector(".warnings")).toBeNull();
  });

  it("name a memory that is not written, not read, or written when it should not be", () => {
    expect(withControls({ writes: { writes: 0, slots: 9, meanStepSize: 0 } })[0]).toMatch(
      /Nothing was written to memory/,
    );
    const unread = { ...controls.neverWritten, difference: 0 };
    expect(withControls({ neverWritten: unread })[0]).toMatch(/what is written to memory is not read/);
    expect(withControls({ writesWhenOff: { ...controls.writes, writes: 3 } })[0]).toMatch(/3 writes were counted/);
  });

  it("name a model that is no better than a bigram, at the top of the report", () => {
    const worse = { ...memoryReport, final: { ...memoryReport.final, bitsPerByte: 3.6 } };
    expect(reportWarnings(worse)).toHaveLength(1);
    expect(textOf(documentOf(worse).querySelector("header .warnings li"))).toMatch(/3\.600 bits per byte.*3\.500/);
  });
});

describe("writeReport", () => {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("writes the report and its data", async () => {
    const paths = await writeReport(folder, memoryReport);
    expect(readdirSync(folder).sort()).toEqual(["report.html", "report.json"]);
    expect(readFileSync(paths.html, "utf8")).toBe(renderReport(plotter, memoryReport));
    const data = JSON.parse(readFileSync(paths.json, "utf8")) as ReportData;
    expect(data.controls).toEqual(memoryReport.controls);
    expect(data.passage!.bytes).toEqual(memoryReport.passage!.bytes);
    // Numbers are written with seven digits.
    expect(data.training[0]!.bitsPerByte).toBeCloseTo(memoryReport.training[0]!.bitsPerByte, 6);
  });
});

describe("numbers of a report", () => {
  it("show two digits of a standard error, and no sign where nothing is left", () => {
    expect(withError({ difference: -0.00004, standardError: 0.00021 })).toBe("−0.00004 ±\u00a00.00021");
    expect(withError({ difference: 0.5, standardError: 0.25 })).toBe("+0.500 ±\u00a00.250");
    expect(withError({ difference: 0, standardError: 0 })).toBe("0.000000 ±\u00a00.000000");
    expect(signed(-0.0001, 2)).toBe("0.00");
  });
});
