/** The page about a sweep, as one HTML document that needs nothing else. */
import { type Html, html } from "./html.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { count, seconds } from "./report-numbers.ts";
import { resultText, type SweepData, type SweepTrial, statusText, sweepVerdict } from "./sweep-data.ts";
import { colourScale, metricName, parallelCoordinates, sweepCurves } from "./sweep-figures.ts";
import { valueText } from "./sweep-plan.ts";
import { parametersOf } from "./sweep-settings.ts";

/**
 * The page: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderSweep(plotter: Plotter, data: SweepData): string {
  return renderPage(`${data.name}: neural-memory sweep`, [
    overview(data),
    coordinatesSection(plotter, data),
    rankingSection(data),
    curvesSection(plotter, data),
    methodSection(data),
  ]);
}

function overview(data: SweepData): Html {
  const { name, settings, trials } = data;
  const lost = trials.flatMap(({ number, runs }) =>
    runs.flatMap(({ outcome, seed, step, arrays = [] }) => {
      const where = arrays.length === 0 ? "the loss" : arrays.join(" and ");
      return outcome === "diverged"
        ? [`Trial ${number} with seed ${seed} ended at step ${step}: ${where} is not finite.`]
        : [];
    }),
  );
  const searched = settings.search === "grid" ? "all combinations of" : "random choices of";
  const keys = Object.keys(settings.parameters).join(", ");
  return html`<header>
<p class="eyebrow">neural-memory: sweep</p>
<h1>${name}</h1>
<p class="lead">${plural(trials.length, "trial")} with ${searched} ${keys}, ${settings.seeds === 1 ? "one seed" : `${settings.seeds} seeds`} each. ${sweepVerdict(data)}</p>
${lost.length > 0 && html`<div class="warnings" role="note"><strong>Runs that met a number that is not finite</strong><ul>${lost.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>`}
</header>`;
}

function plural(n: number, noun: string): string {
  return n === 1 ? `One ${noun}` : `${count(n)} ${noun}s`;
}

function coordinatesSection(plotter: Plotter, data: SweepData): Html {
  return html`<section id="coordinates">
<h2>What made the difference</h2>
<figure>
${colourScale(data)}
${parallelCoordinates(plotter, data)}
<figcaption>One line a trial, one axis a parameter; the last axis is the result, ${metricName(data)} in validation, mean over seeds. Ranges are linear or logarithmic as they were drawn from; listed values stand at equal distances. The thick line is the best trial. Trials that were stopped or met a number that is not finite have no result, and end before the last axis.</figcaption>
</figure>
</section>`;
}

function rankingSection(data: SweepData): Html {
  const { settings, trials } = data;
  const keys = parametersOf(settings).map(([key]) => key);
  const spread =
    settings.seeds === 1
      ? "One seed: no interval can be given"
      : `Mean over ${settings.seeds} seeds ± half the 95 % interval (Student’s t)`;
  return html`<section id="ranking">
<h2>All trials</h2>
<div class="card scroll"><table class="ranking">
<caption><div>The best first: trials that came to their end, then those that were stopped, those that came further first; what these had when they were stopped cannot be compared with the end of others. ${spread}.</div></caption>
<thead><tr><th scope="col" class="number">trial</th>${keys.map((key) => html`<th scope="col">${key}</th>`)}<th scope="col" class="number">${metricName(data)}</th><th scope="col" class="number">steps</th><th scope="col">end</th></tr></thead>
<tbody>${trials.map((trial, place) => trialRow(data, keys, trial, place === 0))}</tbody>
</table></div>
</section>`;
}

function trialRow(
  { settings: { metric } }: SweepData,
  keys: readonly string[],
  trial: SweepTrial,
  isFirst: boolean,
): Html {
  const { number, parameters, result, reached, steps, status } = trial;
  return html`<tr class="${isFirst && status === "complete" ? "own" : "other"}"><th scope="row" class="number">${number}</th>${keys.map((key) => html`<td>${valueText(parameters[key])}</td>`)}
<td class="number">${result && resultText(metric, result)}</td><td class="number">${reached} of ${steps}</td><td>${statusText(trial)}</td></tr>`;
}

function curvesSection(plotter: Plotter, data: SweepData): Html {
  const { stop } = data.settings;
  const rule =
    stop &&
    html` Dotted lines: the steps at which all trials were compared and all but the best ${(100 * stop.quantile).toFixed(0)} % given up.`;
  return html`<section id="curves">
<h2>On the way</h2>
<figure>
${colourScale(data)}
${sweepCurves(plotter, data)}
<figcaption>Validation in ${metricName(data)}, mean over the seeds of each trial; colours as above.${rule}</figcaption>
</figure>
</section>`;
}

function methodSection({ settings, platform, engine, seconds: spent, trials }: SweepData): Html {
  const runs = trials.reduce((sum, trial) => sum + trial.runs.length, 0);
  return html`<section id="method">
<h2>How this was measured</h2>
<p>${plural(runs, "run")} on the engine ${engine} with one thread each, ${platform}; ${seconds(spent)} of training and validation, summed over workers. How many runs are trained side by side changes no number. Every run is in a folder of its own and can be looked at like any other.</p>
<p>The best of many trials is lucky as well as good: its result on this validation is better than it would be on another. Train it again with other seeds before relying on it.</p>
<details><summary>The sweep as it was asked for</summary><pre>${JSON.stringify(settings, null, 2)}</pre></details>
</section>`;
}
