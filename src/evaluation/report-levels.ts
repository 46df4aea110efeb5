/** The part of a report that says what in the run was updated how often. */
import { LanguageModel } from "../models/index.ts";
import { levelRows } from "../nl/index.ts";
import { type RunConfig, runLevels } from "../training/index.ts";
import { type Html, html } from "./html.ts";

/** The levels of a run as a table, one body a level, the fastest first. */
export function levelsSection({ model, training }: Pick<RunConfig, "model" | "training">): Html {
  const levels = levelRows(runLevels(new LanguageModel(model), training));
  return html`<section id="levels">
<h2>What is updated how often</h2>
<div class="card scroll"><table>
<caption>The run as a nested system (Nested Learning, arXiv:2512.24695, Definition 2): whatever has a state of its own, from what changes most often to what changes least. What is made from something else
of the same moment comes after it.</caption>
<thead><tr><th scope="col">updated</th><th scope="col">what</th><th scope="col" class="number">numbers</th><th scope="col" class="about">what it minimises</th><th scope="col" class="about">what it learns from</th></tr></thead>
${levels.map(
  (rows) => html`<tbody>
${rows.map(
  ({ updates, component, parameters, objective, context }) =>
    html`<tr><td>${updates}</td><th scope="row">${component}</th><td class="number">${parameters}</td><td class="about">${objective}</td><td class="about">${context}</td></tr>`,
)}
</tbody>`,
)}
</table></div>
</section>`;
}
