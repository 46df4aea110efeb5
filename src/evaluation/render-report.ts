/** A run's report as one HTML document that needs nothing else. */
import { Html, html } from "./html.ts";
import type { Plotter } from "./plots.ts";
import type { ReportData } from "./report-data.ts";
import { insideSection, learningSection } from "./report-figures.ts";
import { controlsSection, methodSection, overview, passageSection, samplesSection } from "./report-sections.ts";
import { reportStyle } from "./report-style.ts";

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
