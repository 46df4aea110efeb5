/** The page of an experiment, as one HTML document that needs nothing else. */
import type { Experiment } from "../experiments/experiment.ts";
import { Findings } from "../experiments/findings.ts";
import { type Html, html } from "../html.ts";
import type { MeanInterval } from "../intervals.ts";
import { renderPage } from "../page.ts";
import type { Plotter } from "../plots.ts";
import { count, seconds } from "../report-numbers.ts";
import { type ExperimentData, secondsOf } from "./experiment-data.ts";
import { experimentFigure } from "./experiment-figures.ts";
import type { FoundPart } from "./part.ts";

/** Seconds that a part may take. */
const LONGEST = 3600;

/** The page: style and figures inside, no scripts, nothing loaded from anywhere. */
export function renderExperiment(plotter: Plotter, experiment: Experiment, data: ExperimentData): string {
  const findings = new Findings(data.parts);
  return renderPage(`${data.title}: neural-memory experiment`, [
    overview(data),
    data.parts.length > 0 &&
      html`<section id="figures">
<h2>What was found</h2>
${experiment.figures.map((figure) => experimentFigure(plotter, figure, findings))}
</section>`,
    data.parts.length > 0 && metricsSection(data, findings),
    data.parts.length > 0 && partsSection(data),
    attemptsSection(data),
    methodSection(experiment, data),
  ]);
}

function overview(data: ExperimentData): Html {
  const { paper, title, claim, setting, rule, verdict, because } = data;
  const from = paper === "all three" ? "Titans, MIRAS and Nested Learning" : paper;
  return html`<header>
<p class="eyebrow">neural-memory: an experiment on ${from}</p>
<h1>${title}</h1>
<p class="lead"><strong>${verdict}</strong>. ${because}</p>
<div class="card"><table>
<tbody>
<tr><th scope="row">claim</th><td>${claim}</td></tr>
<tr><th scope="row">setting</th><td>${setting}</td></tr>
<tr><th scope="row">rule</th><td>${rule}</td></tr>
</tbody>
</table></div>
${warnings(data)}
</header>`;
}

function warnings({ size, missing, parts }: ExperimentData): Html | undefined {
  const name = ({ arm, seed }: { readonly arm: string; readonly seed: number }) => `${arm} with seed ${seed}`;
  const sentences = [
    ...(size === "smoke" ? ["Smoke size: a few steps of tiny models, to see that everything runs."] : []),
    ...(missing.length > 0 ? [`Missing parts: ${missing.map(name).join(", ")}.`] : []),
    ...parts.flatMap((part) => {
      if (part.failure === undefined) return [];
      const { step, arrays } = part.failure;
      const where = arrays.length === 0 ? "the loss" : arrays.join(" and ");
      return [`${name(part)} stopped at step ${step}: ${where} is not finite.`];
    }),
    ...parts.flatMap((part) =>
      secondsOf([part]) > LONGEST ? [`${name(part)} took ${seconds(secondsOf([part]))}, more than an hour.`] : [],
    ),
  ];
  if (sentences.length === 0) return undefined;
  return html`<div class="warnings" role="note"><ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>`;
}

function metricsSection({ arms, parts }: ExperimentData, findings: Findings): Html {
  const rows = arms.flatMap(({ name, label }) => {
    const metrics = [...new Set(parts.flatMap((part) => (part.arm === name ? Object.keys(part.metrics) : [])))];
    return metrics.map((metric, i) => {
      const interval = findings.interval({ arm: name, metric })!;
      const arm = i === 0 && html`<th scope="rowgroup" rowspan="${metrics.length}">${label}</th>`;
      return html`<tr>${arm}<td>${metric}</td><td class="number">${numberText(interval.mean)}</td><td class="number">${rangeText(interval)}</td><td class="number">${interval.n}</td></tr>`;
    });
  });
  return html`<section id="metrics">
<h2>All numbers</h2>
<details><summary>${count(rows.length)} means over seeds, with their 95 % intervals by Student’s t</summary>
<div class="card scroll"><table>
<caption><div>After the @: tokens of a row or window. Accuracies and writes are shares; accuracy and answers: answer tokens and whole answers, memory on; on, off, shuffled, frozen: answer tokens whose fact lies in an earlier segment, with memory on, empty, another row’s, never written; distance: answer tokens whose fact is so many tokens away, up to twice that; writes: of the slots that could have been written; lossDrop: of the inner loss before a write; bits and validation: bits per byte or answer token.</div></caption>
<thead><tr><th scope="col">arm</th><th scope="col">metric</th><th scope="col" class="number">mean</th><th scope="col" class="number">95 % interval</th><th scope="col" class="number">seeds</th></tr></thead>
<tbody>${rows}</tbody>
</table></div></details>
</section>`;
}

function partsSection({ parts, arms }: ExperimentData): Html {
  const label = (part: FoundPart) => arms.find(({ name }) => name === part.arm)?.label ?? part.arm;
  const rows = parts.map((part) => {
    const { training, measuring } = part.seconds;
    const end = part.failure ? `not finite at step ${part.failure.step}` : "measured";
    return html`<tr><th scope="row">${label(part)}</th><td class="number">${part.seed}</td><td class="number">${count(part.parameters)}</td><td class="number">${seconds(training)}</td><td class="number">${seconds(measuring)}</td><td>${end}</td></tr>`;
  });
  return html`<section id="parts">
<h2>All parts</h2>
<div class="card scroll"><table>
<caption><div>One model with one seed each, on one thread: ${seconds(secondsOf(parts))} in all. A part may take an hour.</div></caption>
<thead><tr><th scope="col">arm</th><th scope="col" class="number">seed</th><th scope="col" class="number">parameters</th><th scope="col" class="number">training</th><th scope="col" class="number">measuring</th><th scope="col">end</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
</section>`;
}

function attemptsSection({ attempts }: ExperimentData): Html {
  const listed =
    attempts.length === 0
      ? html`<p>None: these are the first settings.</p>`
      : html`<ul>${attempts.map((attempt) => html`<li class="note">${attempt}</li>`)}</ul>`;
  return html`<section id="attempts">
<h2>Earlier attempts</h2>
${listed}
</section>`;
}

function methodSection({ arms }: Experiment, { command, versions, parts, seeds }: ExperimentData): Html {
  const { package: own, node, onnxruntime } = versions;
  const ran = [
    ...new Set(
      parts.map(
        ({ ran: { engine, threads, platform } }) =>
          `engine ${engine} with ${threads} ${threads === 1 ? "thread" : "threads"}; ${platform}`,
      ),
    ),
  ];
  return html`<section id="method">
<h2>How this was made</h2>
<p>By <code>${command}</code>, with ${seeds} ${seeds === 1 ? "seed" : "seeds"}: every part is an ordinary run, which <code>evaluate</code>, <code>inspect</code> and <code>generate</code> take. Each row or window is read from a fresh memory; rows are none that a training or validation draws.</p>
<p>neural-memory ${own}, Node ${node}, ${onnxruntime === null ? "without onnxruntime" : `onnxruntime ${onnxruntime}`}. ${ran.length > 0 && `Parts ran on: ${ran.join("; ")}.`}</p>
<details><summary>Settings of all arms</summary><pre>${JSON.stringify(
    arms.map(({ name, layer, measures, withoutWrites }) => ({ name, layer, measures, withoutWrites })),
    null,
    2,
  )}</pre></details>
</section>`;
}

/** Four digits, or as many as a whole number has. */
function numberText(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function rangeText({ low, high }: MeanInterval): string {
  return low === undefined || high === undefined ? "one seed" : `[${numberText(low)}, ${numberText(high)}]`;
}
