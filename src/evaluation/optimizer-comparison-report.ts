/** The page about a comparison of optimisers, as one HTML document that needs nothing else. */
import {
  BASELINE_MARGIN,
  baselineLevels,
  colour,
  distinctSeries,
  dottedLine,
  type Series,
  seriesKey,
  wholeFigure,
} from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import {
  divergences,
  type OptimizerComparisonData,
  type OptimizerSummary,
  type OptimizerTrainings,
  optimizerVerdict,
  summarizeOptimizers,
  tiedWithBest,
  withSpread,
} from "./optimizer-comparison-data.ts";
import { optimizerToySection } from "./optimizer-toys-report.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { bits, bytes, count, seconds } from "./report-numbers.ts";

/** Bits per byte up to which curves are drawn: a little more than knowing nothing costs. */
const DRAWN_BITS = 9;

/**
 * The page: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderOptimizerComparison(plotter: Plotter, data: OptimizerComparisonData): string {
  const { trainings } = data;
  const summaries = trainings && summarizeOptimizers(trainings.runs);
  const series = new Map(distinctSeries(data.optimizers).map((one) => [one.name, one]));
  return renderPage(`${data.name}: neural-memory comparison of optimizers`, [
    overview(data, summaries),
    trainings && summaries && curvesSection(plotter, trainings, summaries, series),
    trainings && summaries && rankingSection(trainings, summaries, series),
    optimizerToySection(plotter, data.toys),
    trainings && methodSection(trainings),
  ]);
}

function overview(
  { name, optimizers, trainings }: OptimizerComparisonData,
  summaries: readonly OptimizerSummary[] | undefined,
): Html {
  const who = optimizers.length === 1 ? "One optimizer" : `${count(optimizers.length)} optimizers`;
  const stopped = summaries?.flatMap(divergences) ?? [];
  return html`<header>
<p class="eyebrow">neural-memory: comparison of optimizers</p>
<h1>${name}</h1>
<p class="lead">${who}${trainings && summaries && html`, each training ${trainings.config.preset} for ${count(trainings.steps)} steps on ${bytes(trainings.bytesRead)} of ${trainings.corpus} with ${seedsText(trainings.seeds)}. ${optimizerVerdict(summaries)}`}</p>
${stopped.length > 0 && html`<div class="warnings" role="note"><strong>Trainings that met a number that is not finite</strong><ul>${stopped.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>`}
</header>`;
}

function seedsText(seeds: number): string {
  return seeds === 1 ? "one seed" : `${count(seeds)} seeds`;
}

function curvesSection(
  plotter: Plotter,
  { baselines, seeds, config }: OptimizerTrainings,
  summaries: readonly OptimizerSummary[],
  series: ReadonlyMap<string, Series>,
): Html {
  const curves = summaries.map(({ optimizer, validation }) => ({
    one: series.get(optimizer)!,
    points: validation.filter(({ mean }) => mean <= DRAWN_BITS),
  }));
  const bands = curves.map(({ one, points }) =>
    plotter.plot.areaY(
      points.filter(({ spread }) => spread !== undefined),
      {
        x: "step",
        y1: ({ mean, spread }) => mean - spread!,
        y2: ({ mean, spread }) => Math.min(mean + spread!, DRAWN_BITS),
        fill: colour(one.colour),
        fillOpacity: 0.14,
      },
    ),
  );
  const lines = curves.flatMap(({ one, points }) =>
    dottedLine(
      plotter,
      points.map(({ step, mean }) => ({ x: step, y: mean })),
      one,
    ),
  );
  const shown =
    seeds === 1
      ? "The line of the only seed"
      : "Means over seeds; bands: one standard deviation between seeds to either side";
  return html`<section id="curves">
<h2>Learning</h2>
<figure>
${wholeFigure(plotter, [...series.values()], "Validation in bits per byte over training steps of all optimizers", {
  marginRight: BASELINE_MARGIN,
  height: 460,
  x: { label: "training step" },
  y: { label: "bits per byte", grid: true, nice: true },
  marks: [...baselineLevels(plotter, baselines), ...(seeds === 1 ? [] : bands), ...lines],
})}
<figcaption>Validation loss on the same ${count(config.training.evaluationTokens)} bytes or so at every step. ${shown}. A curve ends where a training of its optimizer met a number that is not finite, and is not drawn above ${DRAWN_BITS} bits per byte.
Dotted lines: what counting bytes (order 0), pairs (bigram) and triples (trigram) of the training text gives.</figcaption>
</figure>
</section>`;
}

function rankingSection(
  { baselines, seeds }: OptimizerTrainings,
  summaries: readonly OptimizerSummary[],
  series: ReadonlyMap<string, Series>,
): Html {
  const tied = new Set(tiedWithBest(summaries)?.map(({ optimizer }) => optimizer));
  const best = summaries[0]!;
  const rows = summaries.map((one) => {
    const away =
      one === best || one.diverged.length > 0 || one.final === undefined || best.final === undefined
        ? undefined
        : html`+${bits(one.final.mean - best.final.mean)}${tied.has(one.optimizer) && html`<div class="about">a tie</div>`}`;
    const { secondsPerStep, statePerParameter, learningRate, rateFrom } = one;
    return html`<tr class="${one === best ? "own" : "other"}"><th scope="row">${seriesKey(series.get(one.optimizer)!)}${one.optimizer}</th>
<td class="number">${one.final ? withSpread(one.final) : "not finite"}${one.diverged.length > 0 && html`<div class="about">${one.diverged.length} of ${seeds} stopped</div>`}</td>
<td class="number">${away}</td><td class="number">${learningRate}${rateFrom === "given" && html`<div class="about">given</div>`}</td>
<td class="number">${statePerParameter.toFixed(2)}</td><td class="number">${Number.isFinite(secondsPerStep) ? secondsPerStep.toPrecision(2) : ""}</td></tr>`;
  });
  const spread =
    seeds === 1
      ? "One seed: no spread can be given"
      : `Mean over ${seedsText(seeds)} ± the standard deviation between them; “a tie”: no further from the best than the larger of the two`;
  return html`<section id="ranking">
<h2>Where they ended</h2>
<div class="card scroll"><table class="ranking">
<caption><div>Bits per byte on the same validation windows for all, the fewest first (order 0: ${bits(baselines.order0)}). ${spread}. The learning rate is the highest of the schedule, each optimizer’s own unless it was given; state: numbers that the optimizer keeps between steps for each parameter of the model.</div></caption>
<thead><tr><th scope="col">optimizer</th><th scope="col" class="number">bits per byte</th><th scope="col" class="number">above the best</th><th scope="col" class="number">learning rate</th><th scope="col" class="number">state</th><th scope="col" class="number">s/step</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
</section>`;
}

function methodSection(trainings: OptimizerTrainings): Html {
  const { runs, platform, durations, trainingBytes, validationBytes, corpus, config } = trainings;
  const { engine, parameters } = runs[0]!;
  const total = durations.reduce((sum, stage) => sum + stage.seconds, 0);
  const given = runs.some(({ rateFrom }) => rateFrom === "given");
  const rates = given
    ? "The learning rate was given, the same for all optimizers that say so: it may suit one and not another."
    : "Each optimizer has the learning rate of its own that the package gives it. These were found once, with one seed, as the best of a grid of factor 3 after 100 steps of mac-small on Moby Dick; nothing else of any optimizer was searched. Another model, text or number of steps may want others.";
  return html`<section id="method">
<h2>How this was measured</h2>
<p>One run for each optimizer and seed on the engine ${engine.name} (${count(engine.threads)} ${engine.threads === 1 ? "thread" : "threads"}), ${platform}, ${seconds(total)} since the comparison was last started. The model has ${count(parameters)} parameters.
The first ${bytes(trainingBytes)} of ${corpus} are for training, the last ${bytes(validationBytes)} for validation. With the same seed all optimizers start from the same weights and read the same windows in the same order, with the same warm-up, decay and clipping.</p>
<p>${rates}</p>
<p>Seconds a step are the median over all steps, so what else the machine was doing matters.</p>
<details><summary>Configuration of the first training; the others differ in optimizer, learning rate and seed</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>
</section>`;
}
