/** Writes reports: one HTML file that needs nothing else, and its data as JSON (Node only). */
import { join } from "node:path";
import { writeFileAtomic } from "../data/index.ts";
import { loadPlotter } from "./plots.ts";
import { renderReport } from "./render-report.ts";
import type { ReportData } from "./report-data.ts";

/** Significant digits of numbers in the JSON file. */
const DIGITS = 7;

/** Where a report and its data were written. */
export interface ReportPaths {
  readonly html: string;
  readonly json: string;
}

/**
 * Writes `report.html` and `report.json` into a folder, each in one step.
 *
 * @param folder the run's
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeReport(folder: string, data: ReportData): Promise<ReportPaths> {
  return writePage(join(folder, "report"), data, renderReport(await loadPlotter(), data));
}

/**
 * Writes a page and the data that it shows, each in one step.
 *
 * @param path of both, without the ending
 */
export async function writePage(path: string, data: object, page: string): Promise<ReportPaths> {
  const paths = { html: `${path}.html`, json: `${path}.json` };
  const rounded = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  await writeFileAtomic(paths.json, `${JSON.stringify(data, rounded, 1)}\n`);
  await writeFileAtomic(paths.html, page);
  return paths;
}
