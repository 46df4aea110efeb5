/** Writes the page about a model that adapted: when its levels changed, how far, and what they remember (Node only). */
import { join } from "node:path";
import type { LevelsReportData } from "./levels-report-data.ts";
import { loadPlotter } from "./plots.ts";
import { renderLevelsReport } from "./render-levels-report.ts";
import { type ReportPaths, writePage } from "./report.ts";

/**
 * Writes `levels.html` and `levels.json` into a folder, each in one step.
 *
 * @param folder is made if it is missing
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeLevelsReport(folder: string, data: LevelsReportData): Promise<ReportPaths> {
  return writePage(join(folder, "levels"), data, renderLevelsReport(await loadPlotter(), data));
}
