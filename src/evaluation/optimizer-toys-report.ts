/** The part of the page about toy problems: curves, a table, and verdicts on the paper's claims. */
import { meanAndDeviation } from "./associations.ts";
import { colour, distinctSeries, dottedLine, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import { firstToArrive, toyVerdicts } from "./optimizer-toy-claims.ts";
import type { OptimizerToyData, ToyFinding, ToyResult } from "./optimizer-toys.ts";
import type { Plotter } from "./plots.ts";

const SMALLEST = 1e-8;
const LARGEST = 1e3;

/** Drawn together, so that lines can be told apart. */
const families: readonly (readonly string[])[] = [
  ["sgd", "momentum", "nesterov", "delta-momentum"],
  ["adam", "adamw", "adagrad", "preconditioned-momentum"],
  ["muon", "m3", "dgd", "deep-momentum"],
];

/** The section: figures and a table for each problem, and the verdicts. */
export function optimizerToySection(plotter: Plotter, data: OptimizerToyData): Html {
  const { seeds, pilotSeeds, learningRates } = data;
  const verdicts = toyVerdicts(data);
  return html`<section id="toys">
<h2>Toy problems</h2>
<p>Each optimiser with its default settings and, for each problem, that learning rate of ${learningRates.join(", ")} with which it arrives first on seeds ${pilotSeeds.join(", ")}; reported are seeds ${seeds.join(", ")}.
The parameter is a matrix, so that Muon and M3 do not fall back to AdamW; on a single column their orthogonalised step has one length wherever it is, and settles no nearer than that. DGD reads the input from the gradient and does not stop where the gradient vanishes.</p>
${verdicts.length > 0 && html`<p>What the paper says of momenta, in how many seeds it holds:</p><ul>${verdicts.map(({ claim, problem, holds, seeds: all }) => html`<li>${claim} (${problem}): in ${holds} of ${all}.</li>`)}</ul>`}
${data.findings.map((finding) => findingPart(plotter, finding))}
</section>`;
}

function findingPart(plotter: Plotter, finding: ToyFinding): Html {
  const { problem, tasks, results } = finding;
  const drawn = families.map((names) => results.filter(({ optimizer }) => names.includes(optimizer)));
  return html`<h3>${problem[0]!.toUpperCase()}${problem.slice(1)}</h3>
<p>${firstSentence(finding)}</p>
${drawn.filter((some) => some.length > 0).map((some) => familyFigure(plotter, finding, some))}
<div class="card scroll"><table><caption>${arrivalText(finding)}: mean and standard deviation over the seeds that arrive. * is the smallest or largest rate tried.${tasks > 1 && " The loss of earlier tasks is what it is at the end."}</caption>
<thead><tr><th scope="col">optimiser</th><th scope="col" class="number">learning rate</th><th scope="col" class="number">steps</th><th scope="col" class="number">arrived</th><th scope="col" class="number">not finite</th>${tasks > 1 && html`<th scope="col" class="number">loss of earlier tasks</th>`}</tr></thead>
<tbody>${results.map((result) => tableLine(result, tasks))}</tbody></table></div>`;
}

function firstSentence(finding: ToyFinding): string {
  const [first, ...ties] = firstToArrive(finding);
  if (first === undefined) return "No optimiser arrives with every seed.";
  if (ties.length === 0) return `${first} arrives first, by more than the spread between seeds.`;
  return `${first} arrives first; ${ties.join(", ")} ${ties.length === 1 ? "is" : "are"} no further behind than the spread between seeds.`;
}

function arrivalText({ tasks, threshold, byDistance }: ToyFinding): string {
  if (byDistance) return `Steps until the distance to the minimum stays below ${threshold} of that at the start`;
  return `Steps until the loss${tasks > 1 ? " of the last task" : ""} stays below ${threshold}`;
}

function familyFigure(plotter: Plotter, { problem, tasks }: ToyFinding, results: readonly ToyResult[]): Html {
  const series = distinctSeries(results.map(({ optimizer }) => optimizer));
  const marks = results.flatMap((result, place) => {
    const points = result.curve.map(({ step, mean, low, high }) => ({ x: step, y: mean, low, high }));
    const fill = colour(series[place]!.colour);
    const band = plotter.plot.areaY(points, { x: "x", y1: "low", y2: "high", fill, fillOpacity: 0.12 });
    return [band, ...dottedLine(plotter, points, series[place]!)];
  });
  const figure = wholeFigure(
    plotter,
    series,
    `Loss over steps: ${problem}, ${series.map(({ name }) => name).join(", ")}`,
    {
      height: 260,
      x: { label: "step" },
      y: {
        label: tasks > 1 ? "loss of the task that is trained" : "loss",
        type: "log",
        grid: true,
        domain: [SMALLEST, LARGEST],
        clamp: true,
        ticks: 6,
        tickFormat: "~e",
      },
      marks,
    },
  );
  return html`<figure>${figure}
<figcaption>Geometric mean over seeds; the band is one standard deviation of the logarithm. Losses outside ${SMALLEST} to ${LARGEST} are drawn at the edge; a line ends where a seed stops being finite.</figcaption></figure>`;
}

function tableLine(
  { optimizer, learningRate, atEdge, notFinite, arrival, earlierLoss }: ToyResult,
  tasks: number,
): Html {
  const arrived = arrival.filter((step) => step !== null);
  const earlier = earlierLoss.filter((loss) => loss !== null);
  return html`<tr><th scope="row">${optimizer}</th><td class="number">${learningRate}${atEdge && "*"}</td><td class="number">${spread(arrived, (x) => x.toFixed(1))}</td><td class="number">${arrived.length} of ${arrival.length}</td><td class="number">${notFinite}</td>${tasks > 1 && html`<td class="number">${spread(earlier, (x) => x.toExponential(1))}</td>`}</tr>`;
}

function spread(values: readonly number[], written: (x: number) => string): string {
  if (values.length === 0) return "never";
  const { mean, deviation } = meanAndDeviation(values);
  return `${written(mean)} ± ${written(deviation)}`;
}
