/** The report of a run on a task, as one HTML document that needs nothing else. */
import type { DescribedTask } from "../data/index.ts";
import { dottedLine, level, line, type Series, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { levelsSection } from "./report-levels.ts";
import { bits, count } from "./report-numbers.ts";
import type { TaskReportData } from "./task-report-data.ts";

const UNIT = "bits per answer token";

/** The page: style and figures inside, no scripts, nothing loaded from anywhere. */
export function renderTaskReport(plotter: Plotter, data: TaskReportData): string {
  return renderPage(`${data.name}: ${data.task.name}`, [
    overview(data),
    learningSection(plotter, data),
    taskSection(data.task),
    levelsSection(data),
    methodSection(data),
  ]);
}

function overview({ name, task, model, training, parameters, validation, guessing }: TaskReportData): Html {
  const last = validation.at(-1)!;
  return html`<header>
<p class="eyebrow">neural-memory: a run on the task ${task.name}</p>
<h1>${name}</h1>
<p class="lead">After ${count(last.step)} of ${count(training.steps)} steps, ${model.architecture} with ${count(parameters)} parameters answers ${percent(last.answerAccuracy)} of ${count(last.answers)} questions rightly, in rows of ${count(training.length)} tokens that were not trained on.</p>
<dl class="tiles">
<div><dt>Answers</dt><dd class="value">${percent(last.answerAccuracy)}</dd><dd class="about">right in all of their tokens</dd></div>
<div><dt>Answer tokens</dt><dd class="value">${percent(last.tokenAccuracy)}</dd><dd class="about">right; guessing gives ${percent(task.chance)}</dd></div>
<div><dt>Loss</dt><dd class="value">${bits(last.bits)}</dd><dd class="about">${UNIT}; guessing costs ${bits(guessing)}</dd></div>
</dl>
</header>`;
}

function learningSection(plotter: Plotter, { learning, validation, guessing, task }: TaskReportData): Html {
  const training: Series = { name: "training rows, every step", colour: "muted" };
  const validated: Series = { name: "validation", colour: "series-1" };
  const tokens: Series = { name: "answer tokens", colour: "series-1" };
  const answers: Series = { name: "whole answers", colour: "series-2", dashed: true };
  const points = (of: (v: TaskReportData["validation"][number]) => number) =>
    validation.map((v) => ({ x: v.step, y: of(v) }));
  const learned = learning.map(({ step, bits: y }) => ({ x: step, y }));
  const answersAlone = learned.length > 0;
  return html`<section id="learning">
<h2>How it learned</h2>
<figure><h3>Loss</h3>
${wholeFigure(plotter, answersAlone ? [training, validated] : [validated], `Loss in ${UNIT} over training steps`, {
  height: 320,
  x: { label: "training step" },
  y: { label: UNIT, grid: true, nice: true, zero: true },
  marks: [
    ...level(plotter, guessing),
    ...(answersAlone ? [line(plotter, learned, training, 1.2)] : []),
    ...dottedLine(
      plotter,
      points((v) => v.bits),
      validated,
    ),
  ],
})}
<figcaption>${answersAlone ? "Only answers count." : "Training counts every token, so its losses are not drawn here; those of validations count answers."} The dotted line is what guessing among possible answers costs.</figcaption></figure>
<figure><h3>Right answers</h3>
${wholeFigure(plotter, [tokens, answers], "Share of right answers over training steps", {
  height: 320,
  x: { label: "training step" },
  y: { label: "right, in percent", grid: true, domain: [0, 100] },
  marks: [
    ...level(plotter, 100 * task.chance),
    ...dottedLine(
      plotter,
      points((v) => 100 * v.tokenAccuracy),
      tokens,
    ),
    ...dottedLine(
      plotter,
      points((v) => 100 * v.answerAccuracy),
      answers,
    ),
  ],
})}
<figcaption>On rows from seeds that no training draws from, the same at every validation. The dotted line is what guessing gets right of answer tokens.</figcaption></figure>
</section>`;
}

function taskSection({ name, definition, source, knobs, example, answers }: DescribedTask): Html {
  const asked = new Set(answers.flatMap(({ place, symbols }) => symbols.map((_, i) => place + i)));
  const shown = example.map((symbol, place) =>
    asked.has(place) ? html`<strong>${symbol}</strong> ` : html`${symbol} `,
  );
  return html`<section id="task">
<h2>The task</h2>
<p>${withCode(definition)} Source: ${source}.</p>
<figure><h3>A short row of ${name}, answers in bold</h3><pre>${shown}</pre></figure>
<div class="card scroll"><table>
<caption>Settings of this run</caption>
<thead><tr><th scope="col">knob</th><th scope="col" class="number">value</th><th scope="col" class="about">what it is</th></tr></thead>
<tbody>${knobs.map(({ knob, value, about }) => html`<tr><th scope="row">${knob}</th><td class="number">${JSON.stringify(value)}</td><td class="about">${withCode(about)}</td></tr>`)}</tbody>
</table></div>
</section>`;
}

function methodSection({ model, training, engine }: TaskReportData): Html {
  return html`<section id="method">
<h2>How this was measured</h2>
<p>By the run itself, on the engine ${engine.name} with ${count(engine.threads)} ${engine.threads === 1 ? "thread" : "threads"}: memory on, each row from a fresh memory, right if no other token was as likely. One seed, no controls: this page does not say what the memory is worth.</p>
<details><summary>Model and training</summary><pre>${JSON.stringify({ model, training }, null, 2)}</pre></details>
</section>`;
}

/** Names between backticks as code. */
function withCode(text: string): Html[] {
  return text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
