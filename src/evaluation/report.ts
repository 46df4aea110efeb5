/** Writes a run's report: one HTML file that needs nothing else, and its data as JSON (Node only). */
import { join } from "node:path";
import { writeFileAtomic } from "../data/index.ts";
import { loadPlotter } from "./plots.ts";
import { renderReport } from "./render-report.ts";
import type { ReportData } from "./report-data.ts";

/** Significant digits of numbers in the JSON file. */
const DIGITS = 7;

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
