/** The page about a task's evaluation, as one HTML document that needs nothing else. */
import type { AnswerScore } from "../data/index.ts";
import type { BinnedScore } from "./answer-bins.ts";
import { type MemoryCondition, memoryConditions } from "./condition-answers.ts";
import { type Html, html } from "./html.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { wilsonInterval } from "./proportion.ts";
import { count } from "./report-numbers.ts";
import type { TaskEvaluation } from "./task-evaluation.ts";
import type { TaskEvaluationData } from "./task-evaluation-data.ts";
import { answerHeatMap, conditionBars, heatLegend } from "./task-evaluation-figures.ts";

const meaning: Readonly<Record<MemoryCondition, string>> = {
  on: "written and read throughout",
  off: "empty: all its numbers are zero, nothing is written",
  shuffled: "before every segment what another row’s was at that place",
  frozen: "what it was before the first token; nothing is written",
};

/** The page: style and figures inside, no scripts, nothing loaded from anywhere. */
export function renderTaskEvaluation(plotter: Plotter, data: TaskEvaluationData): string {
  return renderPage(`${data.name}: ${data.task.name} evaluated`, [
    overview(data),
    placesSection(plotter, data),
    conditionsSection(plotter, data),
    writesSection(data),
    methodSection(data),
  ]);
}

function overview({
  name,
  step,
  task,
  model,
  parameters,
  trainedOn,
  trainedLength,
  evaluations,
}: TaskEvaluationData): Html {
  const longest = evaluations.reduce((a, b) => (b.length > a.length ? b : a));
  const { all, carried, rows, length } = longest;
  const right = (score: AnswerScore) => percent(score.rightAnswers / score.answers);
  const tile = (about: string, value: string, more: string) =>
    html`<div><dt>${about}</dt><dd class="value">${value}</dd><dd class="about">${more}</dd></div>`;
  return html`<header>
<p class="eyebrow">neural-memory: a model evaluated on the task ${task.name}</p>
<h1>${name}</h1>
<p class="lead">${model.architecture} with ${count(parameters)} parameters, trained for ${count(step)} steps on ${trainedOn} at length ${count(trainedLength)}, answers ${right(all)} of ${count(all.answers)} questions rightly in ${count(rows)} rows of ${count(length)} tokens.</p>
<dl class="tiles">
${tile("Answers", right(all), "right in all of their tokens")}
${tile("Answer tokens", percent(all.rightTokens / all.tokens), `right; guessing gives ${percent(task.chance)}`)}
${carried && tile("With another row’s memory", right(carried.shuffled), `of questions about earlier segments; ${right(carried.on)} with its own`)}
</dl>
</header>`;
}

function placesSection(plotter: Plotter, { task, evaluations }: TaskEvaluationData): Html {
  const has = (bins: (of: TaskEvaluation) => readonly BinnedScore[]) => evaluations.some((one) => bins(one).length > 0);
  const heading = html`<h2>Where answers are right</h2>`;
  if (!has(({ byDistance }) => byDistance)) {
    return html`<section id="places">${heading}<p>The answers of ${task.name} follow from the whole row, not from a fact at one place, so there is nothing to show by depth or distance.</p></section>`;
  }
  const depth = answerHeatMap(plotter, evaluations, {
    bins: (of) => of.byDepth,
    name: ({ from, to }) => `${Math.round(100 * from)}–${Math.round(100 * to)} %`,
    label: "depth of the fact",
  });
  const distance = answerHeatMap(plotter, evaluations, {
    bins: (of) => of.byDistance,
    name: ({ from, to }) => (to - from === 1 ? count(from) : `${count(from)}–${count(to - 1)}`),
    label: "tokens from fact to answer",
  });
  return html`<section id="places">
${heading}
<p>All questions, memory on; numbers are percent. Depth is where the fact stands among the tokens before its answer: 0 % at their beginning. A blank field had no question.</p>
${heatLegend()}
<div class="panels">
<figure><h3>By depth</h3>${depth}</figure>
<figure><h3>By distance</h3>${distance}</figure>
</div>
</section>`;
}

function conditionsSection(plotter: Plotter, { model, evaluations }: TaskEvaluationData): Html {
  const heading = html`<h2>What the memory is worth</h2>`;
  if (evaluations[0]!.carried === undefined) {
    return html`<section id="conditions">${heading}<p>${model.architecture} has no memory that could be switched off or be another row’s.</p></section>`;
  }
  return html`<section id="conditions">
${heading}
<p>Only questions whose fact lies in an earlier segment of ${count(evaluations[0]!.segment)} tokens than their answer. What was not carried in the memory is the same with another row’s: attention windows and convolution tails stay the row’s own.</p>
<figure><h3>Right answers</h3>
${conditionBars(plotter, evaluations)}
<figcaption>Strokes are Wilson’s 95 % intervals, as if questions of the same row were independent. The dotted line is what guessing every answer token gets right.</figcaption></figure>
<div class="card scroll"><table>
<caption>Right answers in percent, with their 95 % intervals; beside them right tokens. Guessing gets ${percent(evaluations[0]!.chance)} of tokens.</caption>
<thead><tr><th scope="col">tokens a row</th><th scope="col" class="number">questions</th>${memoryConditions.map((condition) => html`<th scope="col" class="number">${condition}</th>`)}</tr></thead>
<tbody>${evaluations.map(({ length, carried }) => html`<tr><th scope="row">${count(length)}</th><td class="number">${count(carried!.on.answers)}</td>${memoryConditions.map((condition) => scoreCell(carried![condition]))}</tr>`)}</tbody>
</table></div>
<ul>${memoryConditions.map((condition) => html`<li><strong>${condition}</strong>: ${meaning[condition]}</li>`)}</ul>
</section>`;
}

function scoreCell({ rightAnswers, answers, rightTokens, tokens }: AnswerScore): Html {
  const { low, high } = wilsonInterval(rightAnswers, answers);
  const shown = (share: number) => (100 * share).toFixed(1);
  return html`<td class="number">${shown(rightAnswers / answers)} (${shown(low)}–${shown(high)})<br><span class="about">tokens ${shown(rightTokens / tokens)}</span></td>`;
}

function writesSection({ evaluations }: TaskEvaluationData): Html | undefined {
  if (evaluations[0]!.carried === undefined) return undefined;
  return html`<section id="writes">
<h2>What was written</h2>
<div class="card scroll"><table>
<caption>With the memory on. A slot is one token in one head of one layer of one row. The drop is how much less the memory’s own loss of a chunk is after the chunk was written than before.</caption>
<thead><tr><th scope="col">tokens a row</th><th scope="col" class="number">writes</th><th scope="col" class="number">of slots</th><th scope="col" class="number">mean step size</th><th scope="col" class="number">mean inner-loss drop</th><th scope="col" class="number">share of the loss</th></tr></thead>
<tbody>${evaluations.map(({ length, writes, lossDrop, lossDropShare }) => html`<tr><th scope="row">${count(length)}</th><td class="number">${count(writes.writes)}</td><td class="number">${count(writes.slots)}</td><td class="number">${writes.meanStepSize.toPrecision(3)}</td><td class="number">${lossDrop === null ? "–" : lossDrop.toPrecision(3)}</td><td class="number">${lossDropShare === null ? "–" : percent(lossDropShare)}</td></tr>`)}</tbody>
</table></div>
</section>`;
}

function methodSection({ task, model, engine, evaluations }: TaskEvaluationData): Html {
  return html`<section id="method">
<h2>How this was measured</h2>
<p>On the engine ${engine.name} with ${count(engine.threads)} ${engine.threads === 1 ? "thread" : "threads"}. Rows are made from seeds that no training and no validation draws from, and each is read from a fresh memory, ${count(evaluations[0]!.segment)} tokens at a time. A token is right if no other one was as likely, an answer if all of its tokens are. One model, one seed: the intervals are over questions, not over trainings.</p>
<details><summary>Task and model</summary><pre>${JSON.stringify({ task: Object.fromEntries(task.knobs.map(({ knob, value }) => [knob, value])), model }, null, 2)}</pre></details>
</section>`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
