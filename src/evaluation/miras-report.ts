/** The page that draws retention gates and attentional biases, from real writes of the engine (Node only). */
import { join } from "node:path";
import type { Engine } from "../array/index.ts";
import { biasCurves } from "./miras-biases.ts";
import { type OutlierOptions, outlierExperiment } from "./miras-outliers.ts";
import type { MirasReportData } from "./miras-report-data.ts";
import { type RetentionOptions, retentionExperiment } from "./miras-retention.ts";
import { loadPlotter } from "./plots.ts";
import { renderMirasReport } from "./render-miras-report.ts";
import { type ReportPaths, writePage } from "./report.ts";
import { platformName } from "./run-facts.ts";

/** Numbers of the experiments other than the usual ones, and who hears what is done. */
export interface MirasReportOptions {
  readonly retention?: Partial<RetentionOptions>;
  readonly outliers?: Partial<OutlierOptions>;
  /** Told what is measured next. */
  onStage?(stage: string): void;
}

/**
 * Runs both experiments and writes `miras.html` and `miras.json` into a folder, each in one step.
 *
 * @param folder is made if it is missing
 * @throws MissingPackageError if a package that draws the figures is not installed
 */
export async function writeMirasReport(
  folder: string,
  engine: Engine,
  { retention, outliers, onStage }: MirasReportOptions = {},
): Promise<{ readonly report: ReportPaths; readonly data: MirasReportData }> {
  const plotter = await loadPlotter();
  const data: MirasReportData = {
    format: 1,
    engine: { name: engine.name, threads: engine.threads },
    platform: platformName(),
    retention: await retentionExperiment(engine, retention, (gate) => onStage?.(`retention: ${gate}`)),
    biases: biasCurves(),
    outliers: await outlierExperiment(engine, outliers, (memory) => onStage?.(`outliers: ${memory}`)),
  };
  const page = renderMirasReport(plotter, data);
  return { report: await writePage(join(folder, "miras"), data, page), data };
}
