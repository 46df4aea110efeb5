/** The page about all experiments. */
import { type Html, html } from "../html.ts";
import { renderPage } from "../page.ts";
import { count, seconds } from "../report-numbers.ts";
import { type ExperimentData, secondsOf } from "./experiment-data.ts";

/** One line of the page. */
interface IndexEntry
  extends Pick<ExperimentData, "name" | "paper" | "title" | "claim" | "verdict" | "because" | "size" | "seeds"> {
  readonly parts: number;
  readonly missing: number;
  readonly diverged: number;
  readonly seconds: number;
}

/** What the page says, saved beside it. */
export interface IndexData {
  readonly format: 1;
  readonly experiments: readonly IndexEntry[];
}

/** @param experiments all of them, those without a single part too */
export function indexData(experiments: readonly ExperimentData[]): IndexData {
  return {
    format: 1,
    experiments: experiments.map(
      ({ name, paper, title, claim, verdict, because, size, seeds: each, parts, missing }) => ({
        name,
        paper,
        title,
        claim,
        verdict,
        because,
        size,
        seeds: each,
        parts: parts.length,
        missing: missing.length,
        diverged: parts.filter(({ failure }) => failure !== undefined).length,
        seconds: secondsOf(parts),
      }),
    ),
  };
}

/** The page: style inside, no scripts, nothing loaded from anywhere. */
export function renderIndex({ experiments }: IndexData): string {
  const total = experiments.reduce((sum, one) => sum + one.seconds, 0);
  const withVerdict = (verdict: ExperimentData["verdict"]) =>
    experiments.filter((one) => one.verdict === verdict).length;
  return renderPage("neural-memory experiments", [
    html`<header>
<p class="eyebrow">neural-memory: experiments</p>
<h1>What the papers say, and what was found</h1>
<p class="lead">${count(experiments.length)} experiments: ${withVerdict("reproduced")} reproduced, ${withVerdict("not reproduced")} not reproduced, ${withVerdict("inconclusive")} inconclusive. ${seconds(total)} in all parts.</p>
</header>`,
    html`<section id="experiments">
<div class="card scroll"><table>
<thead><tr><th scope="col">experiment</th><th scope="col">paper and claim</th><th scope="col">verdict</th><th scope="col" class="number">parts</th><th scope="col" class="number">time</th></tr></thead>
<tbody>${experiments.map(row)}</tbody>
</table></div>
</section>`,
  ]);
}

function row(entry: IndexEntry): Html {
  const { name, paper, title, claim, verdict, because, parts, missing, diverged } = entry;
  const link = parts === 0 ? html`${title}` : html`<a href="${name}.html">${title}</a>`;
  return html`<tr><th scope="row">${link}<div class="about">${name}</div></th>
<td>${paper}<div class="about">${claim}</div></td>
<td><strong>${verdict}</strong><div class="about">${because}</div></td>
<td class="number">${parts} of ${parts + missing}${diverged > 0 && html`<div class="about">${diverged} not finite</div>`}</td>
<td class="number">${seconds(entry.seconds)}</td></tr>`;
}
