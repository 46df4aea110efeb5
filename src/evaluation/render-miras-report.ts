/** The page about retention gates and attentional biases as one HTML document. */
import { html } from "./html.ts";
import { biasSection, outlierSection, retentionSection } from "./miras-figures.ts";
import type { MirasReportData } from "./miras-report-data.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";

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
