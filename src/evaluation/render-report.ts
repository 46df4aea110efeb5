/** A run's report as one HTML document that needs nothing else. */
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { attentionSection } from "./report-attention.ts";
import type { ReportData } from "./report-data.ts";
import { insideSection, learningSection } from "./report-figures.ts";
import { levelsSection } from "./report-levels.ts";
import { controlsSection, methodSection, overview, passageSection, samplesSection } from "./report-sections.ts";

/**
 * A report as one HTML document: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderReport(plotter: Plotter, data: ReportData): string {
  return renderPage(`${data.name}: neural-memory report`, [
    overview(data),
    learningSection(plotter, data),
    controlsSection(data),
    passageSection(data),
    insideSection(plotter, data),
    attentionSection(data.config.model),
    levelsSection(data.config),
    samplesSection(data),
    methodSection(data),
  ]);
}
