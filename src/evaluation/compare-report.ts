/** The report of a comparison as one HTML document that needs nothing else. */
import { type CompareData, type ComparedModel, compareWarnings, gainOverOrder0, ranked } from "./compare-data.ts";
import {
  BASELINE_MARGIN,
  baselineLevels,
  distinctSeries,
  dottedLine,
  type Series,
  seriesKey,
  wholeFigure,
} from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { bits, bytes, count, isClear, seconds, withError } from "./report-numbers.ts";

/**
 * A comparison as one HTML document: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderComparison(plotter: Plotter, data: CompareData): string {
  return renderPage(`${data.name}: neural-memory comparison`, [
    overview(data),
    curvesSection(plotter, data),
    rankingSection(data),
    methodSection(data),
  ]);
}

function overview(data: CompareData): Html {
  const { models, corpus, steps, seed } = data;
  const warnings = compareWarnings(data);
  const read = `${bytes(data.bytesRead)} of ${corpus} in ${count(steps)} steps with seed ${seed}`;
  const who = models.length === 1 ? "One model, trained on" : `${count(models.length)} models, each trained on`;
  return html`<header>
<p class="eyebrow">neural-memory: comparison of models</p>
<h1>${data.name}</h1>
<p class="lead">${who} ${read}. ${verdict(data)}</p>
${
  warnings.length > 0 &&
  html`<div class="warnings" role="note"><strong>Read this first</strong><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
}
</header>`;
}

/** Which model needs the fewest bits, and whether the next one really needs more. */
function verdict({ models }: CompareData): string {
  const [best, next] = ranked(models);
  const needed = bits(best!.final.bitsPerByte);
  if (next?.againstBest === undefined) return `On text it was not trained on it needs ${needed} bits per byte.`;
  const fewest = `On text it was not trained on, ${best!.name} needs the fewest bits per byte: ${needed}.`;
  const change = `The next one, ${next.name}, is ${withError(next.againstBest)} away`;
  return isClear(next.againstBest)
    ? `${fewest} ${change}.`
    : `${fewest} ${change}: which of the two is better cannot be told from chance.`;
}

function curvesSection(plotter: Plotter, { models, baselines }: CompareData): Html {
  const { evaluationTokens } = models[0]!.config.training;
  const series = distinctSeries(models.map(({ name }) => name));
  const lines = models.flatMap(({ validation }, place) =>
    dottedLine(
      plotter,
      validation.map(({ step, bitsPerByte }) => ({ x: step, y: bitsPerByte })),
      series[place]!,
    ),
  );
  const label = "Validation in bits per byte over training steps of all models, with the levels of counting models";
  return html`<section id="curves">
<h2>Learning</h2>
<figure>
${wholeFigure(plotter, series, label, {
  marginRight: BASELINE_MARGIN,
  height: 420,
  x: { label: "training step" },
  y: { label: "bits per byte", grid: true, nice: true },
  marks: [...baselineLevels(plotter, baselines), ...lines],
})}
<figcaption>Validation loss in bits per byte. Every validation reads the same ${count(evaluationTokens)} bytes or so, at every step and for every model. Dotted lines: what counting bytes (order 0),
pairs (bigram) and triples (trigram) of the training text gives on the validation text.</figcaption>
</figure>
</section>`;
}

function rankingSection({ models, baselines }: CompareData): Html {
  const { final } = models[0]!;
  const series = new Map(distinctSeries(models.map(({ name }) => name)).map((one) => [one.name, one]));
  const rows = [
    ...ranked(models).map((model) => ({
      bitsPerByte: model.final.bitsPerByte,
      row: modelRow(model, series.get(model.name)!),
    })),
    ...(["trigram", "bigram", "order0"] as const).map((name) => ({
      bitsPerByte: baselines[name],
      row: countingRow(name === "order0" ? "order 0" : name, baselines[name], baselines),
    })),
  ].sort((a, b) => a.bitsPerByte - b.bitsPerByte);
  return html`<section id="ranking">
<h2>Where they ended</h2>
<div class="card scroll"><table class="ranking">
<caption><div>Validation text, in bits per byte, the fewest first. Models: the same ${count(final.windows)} windows of ${count(final.length)} bytes spread over it, ${bytes(final.bytes)} in all, each window from
a fresh memory; their differences are to the best one, with the standard error over windows. Counting models: all ${bytes(baselines.bytes)} of it.</div></caption>
<thead><tr><th scope="col">predictor</th><th scope="col" class="number">bits per byte</th><th scope="col" class="number">against the best</th><th scope="col" class="number">below order 0</th><th scope="col" class="number">parameters</th><th scope="col" class="number">seconds/step</th><th scope="col">engine</th></tr></thead>
<tbody>${rows.map(({ row }) => row)}</tbody>
</table></div>
</section>`;
}

function modelRow(model: ComparedModel, series: Series): Html {
  const { name, config, final, againstBest, parameters, secondsPerStep, engine } = model;
  return html`<tr class="${againstBest ? "other" : "own"}"><th scope="row">${seriesKey(series)}${name}<div class="about">${config.model.architecture}</div></th>
<td class="number">${bits(final.bitsPerByte)}</td><td class="number">${againstBest && withError(againstBest)}</td><td class="number">${percent(model.gainOverOrder0)}</td>
<td class="number">${count(parameters)}</td><td class="number">${secondsPerStep.toPrecision(2)}</td><td>${engine.name}</td></tr>`;
}

function countingRow(name: string, bitsPerByte: number, baselines: CompareData["baselines"]): Html {
  return html`<tr class="counting"><th scope="row">${name}</th><td class="number">${bits(bitsPerByte)}</td><td></td><td class="number">${percent(gainOverOrder0(bitsPerByte, baselines))}</td><td></td><td></td><td></td></tr>`;
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

function methodSection(data: CompareData): Html {
  const { models, platform, durations } = data;
  const total = durations.reduce((sum, stage) => sum + stage.seconds, 0);
  const engines = new Set(
    models.map(
      ({ engine: { name, threads } }) => `the engine ${name} (${threads} ${threads === 1 ? "thread" : "threads"})`,
    ),
  );
  const rows = [...durations, { stage: "together", seconds: total }].map(
    ({ stage, seconds: taken }) =>
      html`<tr><th scope="row">${stage}</th><td class="number">${seconds(taken)}</td></tr>`,
  );
  return html`<section id="method">
<h2>How this was measured</h2>
<p>One run a model on ${[...engines].join(" and on ")}, ${platform}. The first ${bytes(data.trainingBytes)} of ${data.corpus} are for training, the last ${bytes(data.validationBytes)} for validation. All models read the same windows in the
same order; learning rate, warm-up and segments are each preset’s own. A memory learns while its model reads, in validation as in training.</p>
<p>Standard errors say how much the choice of windows matters. They do not say how much the seed does: another seed gives other models, and their differences may be larger than these. Seconds a step are
the median over all steps, so what else the machine was doing matters.</p>
<div class="card scroll"><table><caption>Where the time went, since the comparison was last started.</caption><tbody>${rows}</tbody></table></div>
${models.map(({ name, config }) => html`<details><summary>Configuration of ${name}</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>`)}
</section>`;
}
