/** The parts of a report that are figures, with their captions. */
import { alongPassage, innerLosses, learningCurves } from "./figures.ts";
import { type Html, html } from "./html.ts";
import type { LayerTrace } from "./memory-trace.ts";
import type { Plotter } from "./plots.ts";
import type { ReportData } from "./report-data.ts";
import { count } from "./report-numbers.ts";
import { validationTable } from "./report-sections.ts";

/** How the model learned, and where it ended. */
export function learningSection(plotter: Plotter, data: ReportData): Html {
  const { training } = data.config;
  return html`<section id="learning">
<h2>Learning</h2>
<figure>
${learningCurves(plotter, data, data.baselines)}
<figcaption>Loss in bits per byte. Every training step reads ${count(training.batch * training.accumulate)} windows of ${count(training.length)} bytes; every validation reads about
${count(training.evaluationTokens)} bytes at places that stay the same. Dotted lines: what counting bytes (order 0), pairs (bigram) and triples (trigram) of the training text gives on the validation text.</figcaption>
</figure>
${validationTable(data)}
</section>`;
}

/** Inner losses over training and along the passage, norms and rho. */
export function insideSection(plotter: Plotter, data: ReportData): Html | undefined {
  const { passage, diagnostics } = data;
  if (passage === undefined) return undefined;
  const { layers, chunkSize } = passage.trace;
  const silent = silentLoss(data);
  return html`<section id="inside">
<h2>Inside the memories</h2>
<p>A memory learns by making its inner loss small: how badly it maps the keys of a chunk of ${chunkSize} bytes to their values. A memory that learns lies lower after a chunk is written than
before, and, where what it learned earlier helps, lower before the write than the learned initial weights would. ${
    silent !== undefined &&
    `The dotted line at ${silent} is the loss of a memory that answers nothing: where forgetting without writing ends.`
  }</p>
<div class="panels">
${layers.map(({ layer }) => overTraining(plotter, diagnostics, layer, data.diagnosticsTokens, silent))}
${layers.map((layer) => overPassage(plotter, layer, chunkSize, silent))}
${norms(plotter, layers, chunkSize)}
</div>
</section>`;
}

/** The loss of a memory whose answer is nothing, where that is the same for every token: half the squared length of a value. */
function silentLoss({ config }: ReportData): number | undefined {
  const { normalizeValues, residual, norm } = config.model.memory;
  return normalizeValues && !residual && !norm ? 0.5 : undefined;
}

function overTraining(
  plotter: Plotter,
  points: ReportData["diagnostics"],
  layer: number,
  tokens: number,
  silent: number | undefined,
): Html {
  const rows = points.flatMap(({ step, layers }) => {
    const losses = layers.find((found) => found.layer === layer);
    return losses ? [{ x: step, losses }] : [];
  });
  return panel(
    `Inner loss over training, layer ${layer + 1}`,
    innerLosses(plotter, rows, {
      x: "training step",
      label: `Inner losses of layer ${layer + 1} over training`,
      silent,
    }),
    `Mean over the chunks of the same ${count(tokens)} validation bytes at every check.`,
  );
}

function overPassage(plotter: Plotter, layer: LayerTrace, chunkSize: number, silent: number | undefined): Html {
  const rows = layer.lossBefore.map((lossBefore, chunk) => ({
    x: (chunk + 1) * chunkSize,
    losses: { lossAtInitial: layer.lossAtInitial[chunk]!, lossBefore, lossAfter: layer.lossAfter[chunk]! },
  }));
  return panel(
    `Inner loss along the passage, layer ${layer.layer + 1}`,
    innerLosses(plotter, rows, {
      x: "bytes read",
      label: `Inner losses of layer ${layer.layer + 1} along the passage`,
      silent,
    }),
    "After training, one point a chunk of the coloured passage, mean over heads.",
  );
}

function norms(plotter: Plotter, layers: readonly LayerTrace[], chunkSize: number): Html[] {
  const along = (label: string, values: (layer: LayerTrace) => readonly number[]) =>
    alongPassage(plotter, layers, values, { chunkSize, label });
  return [
    panel(
      "Norm of the memory",
      along("memory norm", ({ memoryNorm }) => memoryNorm),
      "Frobenius norm of all weights of a memory after each chunk, mean over heads.",
    ),
    panel(
      "Norm of the momentum",
      along("momentum norm", ({ surpriseNorm }) => surpriseNorm),
      "Norm of the carried surprise, which goes on changing the memory after the tokens that caused it; mean over heads.",
    ),
    panel(
      "Norm of the error",
      along("error norm", ({ errorNorm }) => errorNorm),
      "Largest norm of any token’s error at any layer of a memory in each chunk. If a memory diverged, it would show here first.",
    ),
    panel(
      "Strength of a chunk’s writes",
      alongPassage(plotter, layers, ({ rho }) => rho, {
        chunkSize,
        label: "rho",
        limit: 2,
      }),
      "rho, the summed effect of a chunk’s step sizes with momentum and forgetting, largest over heads. In a linear memory whose keys were all the same, the error would grow from about 2 on (dotted line); keys differ, so more can be safe.",
    ),
  ];
}

function panel(title: string, figure: Html, caption: string): Html {
  return html`<figure><h3>${title}</h3>${figure}<figcaption>${caption}</figcaption></figure>`;
}
