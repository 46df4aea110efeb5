/** The page about the training of all rows, as one HTML document that needs nothing else. */
import { tableRow } from "../miras/index.ts";
import { BASELINE_MARGIN, baselineLevels, distinctSeries, dottedLine, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import { renderPage } from "./page.ts";
import type { PairedDifference } from "./paired-scores.ts";
import type { Plotter } from "./plots.ts";
import { bits, bytes, count, seconds, signed } from "./report-numbers.ts";
import {
  failedChecks,
  type RowResult,
  type RowTrainingData,
  smallestGate,
  type TrainedRow,
} from "./row-training-data.ts";

/** Rows that are drawn in one figure. */
const families = [
  { title: "Hebbian: the dot product bias", has: isHebbian },
  { title: "Delta: a matrix with the l2 bias, and softmax attention", has: isDelta },
  { title: "Deep: networks", has: (row: TrainedRow) => !isHebbian(row) && !isDelta(row) },
];

function isHebbian({ name }: TrainedRow): boolean {
  return tableRow(name).columns.bias === "dot product";
}

function isDelta(row: TrainedRow): boolean {
  return !isHebbian(row) && ["matrix", "growing set"].includes(tableRow(row.name).columns.memory) && row.exact;
}

function isTrained(row: RowResult): row is TrainedRow {
  return row.failure === undefined;
}

/**
 * The page: style and figures inside, no scripts, nothing loaded from anywhere.
 *
 * @param data what it says
 */
export function renderRowTraining(plotter: Plotter, data: RowTrainingData): string {
  return renderPage(`${data.name}: rows of Table 1 in training`, [
    overview(data),
    rowsSection(data),
    curvesSection(plotter, data),
    methodSection(data),
  ]);
}

function overview({ name, rows, corpus, steps, seed, bytesRead }: RowTrainingData): Html {
  const failed = rows.flatMap((row) => failedChecks(row).map((check) => ({ row: row.name, check })));
  const all = `${count(rows.length)} ${rows.length === 1 ? "row" : "rows"}`;
  return html`<header>
<p class="eyebrow">neural-memory: MIRAS, Table 1 in training</p>
<h1>${name}</h1>
<p class="lead">${all} of Table 1, each trained for ${count(steps)} steps on ${bytes(bytesRead)} of ${corpus} with seed ${seed}. ${
    failed.length === 0
      ? "All of them stay finite, end below order 0, need what their memory puts out, and have gradients at every learned gate."
      : "Not all of them show what they should:"
  }</p>
${failed.length > 0 && html`<div class="warnings" role="note"><strong>Read this first</strong><ul>${failed.map(({ row, check }) => html`<li>${row} fails: ${check}</li>`)}</ul></div>`}
</header>`;
}

function rowsSection({ rows, baselines }: RowTrainingData): Html {
  return html`<section id="rows">
<h2>Where they ended</h2>
<div class="card scroll"><table class="ranking">
<caption><div>Bits per byte on validation text (order 0: ${bits(baselines.order0)}); what is lost when everything the mixers put out is set to zero, and when nothing is written to the memories, with the standard error over windows;
the smallest gradient norm of a learned gate over blocks, after training, and the largest norm of a step’s whole gradient in it.</div></caption>
<thead><tr><th scope="col">row</th><th scope="col">computed</th><th scope="col" class="number">bits per byte</th><th scope="col" class="number">output zero</th><th scope="col" class="number">no writes</th><th scope="col" class="number">gate gradient</th><th scope="col" class="number">largest</th><th scope="col" class="number">s/step</th></tr></thead>
<tbody>${rows.map(tableLine)}</tbody>
</table></div>
</section>`;
}

function tableLine(row: RowResult): Html {
  const how = html`${row.form}<div class="about">${row.exact ? "exact" : "frozen"}</div>`;
  if (!isTrained(row)) {
    return html`<tr><th scope="row">${row.name}</th><td>${how}</td><td colspan="6">${row.failure}</td></tr>`;
  }
  const gate = smallestGate(row);
  return html`<tr><th scope="row">${row.name}</th><td>${how}</td><td class="number">${bits(row.bitsPerByte)}<div class="about">${signed(-row.gainOverOrder0, 1)} %</div></td>
<td class="number">${lostBits(row.withoutOutput)}</td><td class="number">${row.withoutWrites && lostBits(row.withoutWrites)}</td>
<td class="number">${gate ? gate.norm.toExponential(1) : "none learned"}<div class="about">${gate?.gate}</div></td><td class="number">${row.largestGradient.toPrecision(2)}</td><td class="number">${row.secondsPerStep.toPrecision(2)}</td></tr>`;
}

function lostBits({ difference, standardError }: PairedDifference): Html {
  return html`${signed(difference, 4)}<div class="about">± ${standardError.toFixed(4)}</div>`;
}

function curvesSection(plotter: Plotter, data: RowTrainingData): Html {
  const trained = data.rows.filter(isTrained);
  const figures = families.map(({ title, has }) => ({ title, rows: trained.filter(has) }));
  return html`<section id="curves">
<h2>Learning</h2>
${figures.filter(({ rows }) => rows.length > 0).map(({ title, rows }) => figureOf(plotter, data, title, rows))}
</section>`;
}

function figureOf(plotter: Plotter, { baselines }: RowTrainingData, title: string, rows: readonly TrainedRow[]): Html {
  const series = distinctSeries(rows.map(({ name }) => name));
  const lines = rows.flatMap(({ validation }, place) =>
    dottedLine(
      plotter,
      validation.map(({ step, bitsPerByte }) => ({ x: step, y: bitsPerByte })),
      series[place]!,
    ),
  );
  return html`<figure><h3>${title}</h3>
${wholeFigure(plotter, series, `Validation in bits per byte over training steps: ${title}`, {
  marginRight: BASELINE_MARGIN,
  height: 340,
  x: { label: "training step" },
  y: { label: "bits per byte", grid: true, nice: true },
  marks: [...baselineLevels(plotter, baselines), ...lines],
})}
<figcaption>Validation loss on the same bytes at every step and for every row. Dotted lines: what counting bytes (order 0), pairs (bigram) and triples (trigram) of the training text gives.</figcaption>
</figure>`;
}

function methodSection({ rows, platform, durations, trainingBytes, validationBytes, corpus }: RowTrainingData): Html {
  const first = rows.find(isTrained);
  const total = durations.reduce((sum, stage) => sum + stage.seconds, 0);
  const engine = first && `the engine ${first.engine.name} (${count(first.engine.threads)} threads), `;
  return html`<section id="method">
<h2>How this was measured</h2>
<p>One run a row on ${engine}${platform}, ${seconds(total)} since the job was last started. The first ${bytes(trainingBytes)} of ${corpus} are for training, the last ${bytes(validationBytes)} for validation; all rows read the same windows in the
same order with the same numbers. “Frozen” rows take gradients at the start of a chunk: what was trained is the chunk’s function, not the token rule. One seed: no claim about others, and none about which row is best.</p>
${first && html`<details><summary>Configuration of ${first.name}; the others differ in model.architecture</summary><pre>${JSON.stringify(first.config, null, 2)}</pre></details>`}
</section>`;
}
