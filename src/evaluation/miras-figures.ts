/** The parts of the page about retention and bias: figures, tables, and what they show. */
import type { Markish } from "@observablehq/plot";
import { meanAndDeviation } from "./associations.ts";
import {
  colour,
  distinctSeries,
  dottedLine,
  type Point,
  panelFigure,
  type Series,
  seriesKey,
  wholeFigure,
} from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import type { BiasFindings } from "./miras-biases.ts";
import { meanError, type OutlierFinding, type OutlierFindings } from "./miras-outliers.ts";
import { type RetentionFinding, type RetentionFindings, retentionGroups } from "./miras-retention.ts";
import type { Plotter } from "./plots.ts";
import { count } from "./report-numbers.ts";

const TABLE_WRITES = [4, 16, 64, 256];

/** How each gate keeps the first of many pairs. */
export function retentionSection(plotter: Plotter, findings: RetentionFindings): Html {
  const { dim, seeds, stepSize, retain } = findings.options;
  const shown = TABLE_WRITES.filter((writes) => findings.writes.includes(writes));
  return html`<section id="retention">
<h2>Retention: how an old association is kept</h2>
<p>A memory is given one pair, and then others; a twin is given the others only. What the two answer to the first key differs by what is left of the first pair: 1 right after it was written, 0 when it is
forgotten. The bias is the dot product, whose writes erase nothing, so what is forgotten the gate has forgotten. A matrix of ${dim} by ${dim}, step size ${stepSize}, every gate told to keep ${retain} a token, means over ${count(seeds.length)} seeds; the
band is one standard deviation.</p>
<div class="panels">
${retentionGroups.map((group) => {
  const gates = findings.gates.filter((gate) => gate.group === group);
  return html`<figure><h3>${group[0]!.toUpperCase()}${group.slice(1)}</h3>${retentionFigure(plotter, findings, gates, group)}<figcaption>${captions[group]}</figcaption></figure>`;
})}
</div>
<div class="card scroll"><table>
<caption>What is left of the first pair after so many others: mean and standard deviation over seeds.</caption>
<thead><tr><th scope="col">retention</th>${shown.map((writes) => html`<th scope="col" class="number">${count(writes)}</th>`)}</tr></thead>
<tbody>${findings.gates.map((gate) => html`<tr><th scope="row">${gate.name}</th>${shown.map((writes) => html`<td class="number">${spread(gate.strength[findings.writes.indexOf(writes)]!)}</td>`)}</tr>`)}</tbody>
</table></div>
</section>`;
}

const captions: Readonly<Record<(typeof retentionGroups)[number], string>> = {
  "decay and norms":
    "Without retention nothing fades. Decay takes the same share at every token, whatever is written. Where weights are divided by a norm of all of them, as in Moneta, every write also takes something from all others, as long as the memory fills.",
  "scaled simplex":
    "Relative entropy decays in logarithms. The two divergences stand for local retention alone, which has no decay: what is left changes only because rows must keep their sums.",
  "thresholds and bounds":
    "Beside decay, the elastic net takes a constant from every weight at every token; its second form takes it once, from sums that were never shrunk, so that what was too small to be read may come out as others add to it. A logistic map keeps weights within bounds.",
};

function retentionFigure(
  plotter: Plotter,
  { writes }: RetentionFindings,
  gates: readonly RetentionFinding[],
  label: string,
): Html {
  const series = distinctSeries(gates.map(({ name }) => name));
  const marks = gates.flatMap(({ strength }, place) => {
    const found = strength.map((bySeed, i) => ({ x: writes[i]!, ...meanAndDeviation(bySeed) }));
    const means = found.map(({ x, mean }) => ({ x, y: mean }));
    return [band(plotter, found, series[place]!), ...dottedLine(plotter, means, series[place]!)];
  });
  return panelFigure(plotter, series, `What is left of the first pair over later writes: ${label}`, {
    x: { label: "later writes" },
    y: { label: "left of the first pair", grid: true, zero: true },
    marks,
  });
}

/** One standard deviation to both sides of the mean. */
function band(
  { plot }: Plotter,
  points: readonly { readonly x: number; readonly mean: number; readonly deviation: number }[],
  { colour: name }: Series,
): Markish {
  type Of = (typeof points)[number];
  return plot.areaY(points as Of[], {
    x: "x",
    y1: ({ mean, deviation }: Of) => mean - deviation,
    y2: ({ mean, deviation }: Of) => mean + deviation,
    fill: colour(name),
    fillOpacity: 0.18,
  });
}

function spread(numbers: readonly number[]): string {
  const { mean, deviation } = meanAndDeviation(numbers);
  return `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
}

/** What each bias makes of a residual. */
export function biasSection(plotter: Plotter, { dim, threshold, radius, residuals, biases }: BiasFindings): Html {
  const figure = (label: string, has: (name: string) => boolean) => {
    const shown = biases.filter(({ name }) => has(name));
    const series = distinctSeries(shown.map(({ name }) => name));
    const lines = shown.flatMap(({ errors }, place) => dottedLine(plotter, points(residuals, errors), series[place]!));
    return panelFigure(plotter, series, `Length of the error over the length of the residual: ${label}`, {
      height: 300,
      x: { type: "log", label: "length of the residual", tickFormat: powerOfTen },
      y: {
        type: "log",
        label: "length of the error",
        grid: true,
        domain: [1e-3, 1e4],
        clamp: true,
        tickFormat: powerOfTen,
      },
      marks: lines,
    });
  };
  return html`<section id="bias">
<h2>Bias: what is made of a residual</h2>
<p>The error is the derivative of the inner loss by what the memory answered: what a write is made of. A residual of ${dim} coordinates of the same size; Huber’s delta is ${threshold} (of one coordinate, that over the root of ${dim}), Delta of the
value shift ${radius}. Below p = 2 and in all forms of Huber a residual a hundred times as long makes an error ten times as long at most. With p = 3 it is ten thousand times as long. The value shift adds a constant to the length: it protects against values that
are a little off everywhere, not against a few that are far off.</p>
<div class="panels">
<figure><h3>Powers, and the value shift</h3>${figure("powers", (name) => !name.startsWith("Huber"))}<figcaption>Two lines meet where the biases pull alike.</figcaption></figure>
<figure><h3>Huber’s three forms</h3>${figure("Huber", (name) => name.startsWith("Huber") || name === "l2")}<figcaption>Up to delta all are l2. Beyond, the first two are bounded by delta; the mixture by delta times the root of ${dim}, as its sign counts every coordinate.</figcaption></figure>
</div>
</section>`;
}

/** Labels of a logarithmic axis: powers of ten only. */
function powerOfTen(x: number): string {
  const exponent = Math.log10(x);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? String(Number(x.toPrecision(1))) : "";
}

function points(xs: readonly number[], ys: readonly (number | null)[]): Point[] {
  return xs.flatMap((x, i) => (ys[i] === null || ys[i] === undefined ? [] : [{ x, y: ys[i] }]));
}

/** What outliers do to a memory. */
export function outlierSection(plotter: Plotter, { options, memories }: OutlierFindings): Html {
  const { dim, pairs, passes, share, factor, threshold, retain, radius, seeds, stepSizes } = options;
  const outliers = Math.round(share * pairs);
  const series = distinctSeries(memories.map(({ name }) => name));
  const l2 = memories[0]!;
  const reference = meanError(l2.corrupted[l2.chosen]!);
  const lines = memories.flatMap(({ corrupted }, place) =>
    dottedLine(plotter, points(stepSizes, corrupted.map(meanError)), series[place]!),
  );
  return html`<section id="outliers">
<h2>Outliers: what is left of the other associations</h2>
<p>${count(pairs)} associations are written into a matrix of ${dim} by ${dim}, ${count(passes)} times in the same order; the values of ${count(outliers)} of them, at random places, are multiplied by ${count(factor)}. The recall error is that of the other ${count(pairs - outliers)}: the length of
what is wrong over the length of what is right. A memory that was never written has error 1.</p>
<figure>
${wholeFigure(
  plotter,
  series,
  "Recall error of the uncorrupted pairs over the step size, by bias, with outliers among the others",
  {
    height: 420,
    x: {
      type: "log",
      base: 2,
      label: "step size",
      tickFormat: stepText,
    },
    y: {
      type: "log",
      label: "recall error",
      grid: true,
      domain: [0.01, 200],
      clamp: true,
      tickFormat: powerOfTen,
    },
    marks: [plotter.plot.ruleY([1], { stroke: colour("baseline"), strokeDasharray: "2 4" }), ...lines],
  },
)}
<figcaption>With outliers, at every step size: means over ${count(seeds.length)} seeds. Step sizes at which a memory diverged have no point; l2 and the value shift differ by less than the lines are wide. Dotted line: a memory that was never written. Huber’s delta is ${threshold} (of one coordinate, that over the root of ${dim}), Yaad keeps
${retain} a token, Delta of the value shift is ${radius}.</figcaption>
</figure>
<div class="card scroll"><table class="ranking">
<caption><div>A memory cannot know what will be corrupted: its step size is the one with which it recalls best where nothing is. Means and standard deviations over ${count(seeds.length)} seeds. The last column is what it could have had with the step size that
turned out best.</div></caption>
<thead><tr><th scope="col">bias</th><th scope="col" class="number">step size</th><th scope="col" class="number">nothing corrupted</th><th scope="col" class="number">with outliers</th><th scope="col" class="number">against l2</th><th scope="col" class="number">best step size</th></tr></thead>
<tbody>${memories.map((memory, place) => outlierRow(memory, series[place]!, stepSizes, reference))}</tbody>
</table></div>
<p>${robustnessSentence(memories)}</p>
</section>`;
}

function outlierRow(
  memory: OutlierFinding,
  series: Series,
  stepSizes: readonly number[],
  reference: number | null,
): Html {
  const { name, clean, corrupted, chosen, best } = memory;
  const error = meanError(corrupted[chosen]!);
  const against = error === null || reference === null ? "–" : ratioText(reference / error);
  return html`<tr><th scope="row">${seriesKey(series)}${name}</th><td class="number">${stepText(stepSizes[chosen]!)}</td><td class="number">${errorText(clean[chosen]!)}</td><td class="number">${errorText(corrupted[chosen]!)}</td>
<td class="number">${against}</td><td class="number">${errorText(corrupted[best]!)}<div class="about">at ${stepText(stepSizes[best]!)}</div></td></tr>`;
}

/** How many times lower an error is. */
function ratioText(ratio: number): string {
  if (ratio === 1) return "1";
  return ratio > 1 ? `${ratio.toPrecision(3)} times lower` : `${(1 / ratio).toPrecision(3)} times higher`;
}

/** A power of two. */
function stepText(step: number): string {
  return step >= 1 ? String(step) : `1/${1 / step}`;
}

function errorText(errors: readonly (number | null)[]): string {
  if (errors.includes(null)) return "diverged";
  const { mean, deviation } = meanAndDeviation(errors as readonly number[]);
  return `${mean.toPrecision(2)} ± ${deviation.toPrecision(1)}`;
}

function robustnessSentence(memories: readonly OutlierFinding[]): string {
  const names = (robust: boolean) =>
    memories.slice(1).flatMap((memory) => (memory.robust === robust ? [memory.name] : []));
  return `Outliers can do little harm to ${names(true).join("; ")}. They can to ${names(false).join("; ")}: with p = 3 a write grows with the square of the residual, and robustness against shifted values is another thing than robustness against outliers.`;
}
