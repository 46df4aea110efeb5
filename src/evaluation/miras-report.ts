/** The page that draws retention gates and attentional biases, from real writes of the engine (Node only). */
import { join } from "node:path";
import type { Engine } from "../array/index.ts";
import { html } from "./html.ts";
import { type BiasFindings, biasCurves } from "./miras-biases.ts";
import { biasSection, outlierSection, retentionSection } from "./miras-figures.ts";
import { type OutlierFindings, type OutlierOptions, outlierExperiment } from "./miras-outliers.ts";
import { type RetentionFindings, type RetentionOptions, retentionExperiment } from "./miras-retention.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { loadPlotter } from "./plots.ts";
import { type ReportPaths, writePage } from "./report.ts";
import type { ReportData } from "./report-data.ts";
import { platformName } from "./run-facts.ts";

/** Everything the page says. */
export interface MirasReportData extends Pick<ReportData, "engine" | "platform"> {
  readonly format: 1;
  readonly retention: RetentionFindings;
  readonly biases: BiasFindings;
  readonly outliers: OutlierFindings;
}

/** Numbers of the experiments other than the usual ones, and who hears what is done. */
export interface MirasReportOptions {
  readonly retention?: Partial<RetentionOptions>;
  readonly outliers?: Partial<OutlierOptions>;
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

/** The page: style and figures inside, no scripts, nothing loaded from anywhere. */
export function renderMirasReport(plotter: Plotter, data: MirasReportData): string {
  const { engine, platform } = data;
  return renderPage("MIRAS: retention and bias", [
    html`<header>
<p class="eyebrow">neural-memory: MIRAS</p>
<h1>Retention and bias</h1>
<p class="lead">How each retention gate keeps an old association against new writes, and what each attentional bias makes of an outlier. Every number is that of writes that the library’s engine made, one token a chunk, which is the
papers’ token rule.</p>
</header>`,
    retentionSection(plotter, data.retention),
    biasSection(plotter, data.biases),
    outlierSection(plotter, data.outliers),
    html`<section id="method"><h2>How this was measured</h2><p>In single precision, on the engine ${engine.name} (${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}), ${platform}. Keys are random and of length 1; values are what a
random linear map makes of them, of length 1 or so. Spreads are standard deviations over seeds, each of which draws other keys, another map and other outliers. These are memories without a model around them: what a
trained model makes of its gates is another question.</p></section>`,
  ]);
}
