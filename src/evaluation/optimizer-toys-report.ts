/** The part of the page about toy problems: curves, a table, and verdicts on the paper's claims. */
import { meanAndDeviation } from "./associations.ts";
import { colour, distinctSeries, dottedLine, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import { toyVerdicts } from "./optimizer-toy-claims.ts";
import type { OptimizerToyData, ToyFinding, ToyResult } from "./optimizer-toys.ts";
import type { Plotter } from "./plots.ts";

const SMALLEST = 1e-8;
const LARGEST = 1e3;

/** The section: one figure and table a problem, and the verdicts. */
export function optimizerToySection(plotter: Plotter, data: OptimizerToyData): Html {
  const { seeds, pilotSeeds, learningRates } = data;
  const verdicts = toyVerdicts(data);
  return html`<section id="toys">
<h2>Toy problems</h2>
<p>Each optimiser with its default settings and, for each problem, that learning rate of ${learningRates.join(", ")} whose loss at the end is lowest on seeds ${pilotSeeds.join(", ")}; reported are seeds ${seeds.join(", ")}.
The parameter is a matrix, so that Muon and M3 do not fall back to AdamW; on a single column their orthogonalised step is a normalised one. DGD reads the input from the gradient and does not stop where the gradient vanishes.</p>
${verdicts.length > 0 && html`<ul>${verdicts.map(({ claim, problem, holds, seeds: all }) => html`<li>${claim} (${problem}): holds in ${holds} of ${all} seeds.</li>`)}</ul>`}
${data.findings.map((finding) => findingPart(plotter, finding))}
</section>`;
}

function findingPart(plotter: Plotter, finding: ToyFinding): Html {
  const { problem, tasks, threshold, results } = finding;
  const series = distinctSeries(results.map(({ optimizer }) => optimizer));
  const marks = results.flatMap((result, place) => {
    const points = curveOf(result);
    const band = plotter.plot.areaY(points, {
      x: "x",
      y1: "low",
      y2: "high",
      fill: colour(series[place]!.colour),
      fillOpacity: 0.12,
    });
    return [band, ...dottedLine(plotter, points, series[place]!)];
  });
  return html`<figure><h3>${problem[0]!.toUpperCase()}${problem.slice(1)}</h3>
${wholeFigure(plotter, series, `Loss over steps: ${problem}`, {
  height: 400,
  x: { label: "step" },
  y: {
    label: tasks > 1 ? "mean loss of all tasks" : "loss",
    type: "log",
    grid: true,
    domain: [SMALLEST, LARGEST],
    clamp: true,
    ticks: 6,
    tickFormat: "~e",
  },
  marks,
})}
<figcaption>Geometric mean over seeds; the band is one standard deviation of the logarithm. Losses outside ${SMALLEST} to ${LARGEST} are drawn at the edge; a line ends where a seed stops being finite.</figcaption></figure>
<div class="card scroll"><table><caption>Steps until the loss${tasks > 1 ? " of the last task" : ""} stays below ${threshold}: mean and standard deviation over the seeds that arrive.</caption>
<thead><tr><th scope="col">optimiser</th><th scope="col" class="number">learning rate</th><th scope="col" class="number">steps</th><th scope="col" class="number">arrived</th><th scope="col" class="number">not finite</th>${tasks > 1 && html`<th scope="col" class="number">loss of earlier tasks</th>`}</tr></thead>
<tbody>${results.map((result) => tableLine(result, tasks))}</tbody></table></div>`;
}

function tableLine({ optimizer, learningRate, losses, arrival, earlierLoss }: ToyResult, tasks: number): Html {
  const arrived = arrival.filter((step) => step !== null);
  const earlier = earlierLoss.filter((loss) => loss !== null);
  const broken = losses.filter((curve) => curve.some((step) => step.includes(null))).length;
  return html`<tr><th scope="row">${optimizer}</th><td class="number">${learningRate}</td><td class="number">${spread(arrived, (x) => x.toFixed(1))}</td><td class="number">${arrived.length} of ${arrival.length}</td><td class="number">${broken}</td>${tasks > 1 && html`<td class="number">${spread(earlier, (x) => x.toExponential(1))}</td>`}</tr>`;
}

function spread(values: readonly number[], written: (x: number) => string): string {
  if (values.length === 0) return "never";
  const { mean, deviation } = meanAndDeviation(values);
  return `${written(mean)} ± ${written(deviation)}`;
}

/** @internal Mean and band over seeds, up to the first step at which a seed is not finite. */
export function curveOf({ losses }: ToyResult) {
  const steps = losses[0]?.length ?? 0;
  const points: { x: number; y: number; low: number; high: number }[] = [];
  for (let x = 0; x < steps; x++) {
    const now = losses.map((curve) => curve[x]!);
    if (now.some((tasks) => tasks.includes(null))) break;
    const logs = now.map((tasks) =>
      Math.log(Math.max(SMALLEST, tasks.reduce<number>((sum, loss) => sum + loss!, 0) / tasks.length)),
    );
    const { mean, deviation } = meanAndDeviation(logs);
    points.push({ x, y: Math.exp(mean), low: Math.exp(mean - deviation), high: Math.exp(mean + deviation) });
  }
  return points;
}
