/** Writes a run's report: one HTML file that needs nothing else, and its data as JSON. */
import { join } from "node:path";
import { writeFileAtomic } from "../data/index.ts";
import { Html, html } from "./html.ts";
import { loadPlotter, type Plotter } from "./plots.ts";
import type { ReportData } from "./report-data.ts";
import { insideSection, learningSection } from "./report-figures.ts";
import { controlsSection, methodSection, overview, passageSection, samplesSection } from "./report-sections.ts";
import { reportStyle } from "./report-style.ts";

/** Significant digits of numbers in the JSON file. */
const DIGITS = 7;

/**
 * A report as one HTML document: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderReport(plotter: Plotter, data: ReportData): string {
  const sections = [
    overview(data),
    learningSection(plotter, data),
    controlsSection(data),
    passageSection(data),
    insideSection(plotter, data),
    samplesSection(data),
    methodSection(data),
  ];
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.name}: neural-memory report</title>
<style>${new Html(reportStyle)}</style>
</head>
<body>
<main>
${sections}
</main>
</body>
</html>
`;
  return document.markup;
}

/**
 * Writes `report.html` and `report.json` into a folder, each in one step.
 *
 * @param folder the run's
 * @returns the paths of both
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeReport(folder: string, data: ReportData): Promise<{ html: string; json: string }> {
  const paths = { html: join(folder, "report.html"), json: join(folder, "report.json") };
  const rounded = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  await writeFileAtomic(paths.json, `${JSON.stringify(data, rounded, 1)}\n`);
  await writeFileAtomic(paths.html, renderReport(await loadPlotter(), data));
  return paths;
}
