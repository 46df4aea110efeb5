/** The page about a model that adapted as one HTML document. */
import type { Score } from "../inference/index.ts";
import type { RetentionCurve } from "./fact-retention.ts";
import { colour, distinctSeries, dottedLine, line, type Series, wholeFigure } from "./figure-parts.ts";
import { type Html, html } from "./html.ts";
import type { TracedLevel } from "./level-trace.ts";
import type { LevelsReportData } from "./levels-report-data.ts";
import { renderPage } from "./page.ts";
import type { Plotter } from "./plots.ts";
import { count } from "./report-numbers.ts";

/** The page: style and figures inside, no scripts, nothing loaded from anywhere. */
export function renderLevelsReport(plotter: Plotter, data: LevelsReportData): string {
  const { adaptation, engine, platform, checkpoint, architecture, trace } = data;
  return renderPage(`Adapting to ${adaptation.text.name}`, [
    html`<header>
<p class="eyebrow">neural-memory: continuum memory</p>
<h1>Adapting to ${adaptation.text.name}</h1>
<p class="lead">A ${architecture} read ${count(adaptation.text.tokens)} tokens while its levels learned from them: when each level changed, how far it went, and how long a fact that was read is known.</p>
</header>`,
    lossSection(data),
    trace.levels.length === 0 ? html`<p>No level of this model learns.</p>` : rasterSection(plotter, data),
    trace.levels.length === 0 ? undefined : changeSection(plotter, data),
    retentionSection(plotter, data),
    html`<section id="method"><h2>How this was measured</h2><p>The checkpoint is ${checkpoint}; on the engine ${engine.name} (${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}), ${platform}. The figures read the beginning of the text anew, from the
checkpoint’s own state; the table of losses and the last column of changes are those of the whole text. One model and one text: no claim about others.</p></section>`,
  ]);
}

const perByte = ({ bits, bytes }: Score) => (bits / bytes).toFixed(4);

function lossSection({ adaptation }: LevelsReportData): Html {
  const { probe, tenths, frozen } = adaptation;
  const rows: readonly (readonly [string, string])[] = [
    [`before: ${probe.name}`, perByte(probe.before)],
    // A short text is read in fewer pieces than ten.
    ...tenths.flatMap((score, i) =>
      score.bytes === 0 ? [] : [[`while reading: tenth ${i + 1} of the text`, perByte(score)] as const],
    ),
    [`after: ${probe.name}`, probe.after === undefined ? "–" : perByte(probe.after)],
  ];
  return html`<section id="losses"><h2>Loss before, during and after</h2>
<p>Every token was predicted before it was learned from. ${frozen ? "This is the control: nothing was written or learned. " : ""}What is asked before and after is asked of a copy of the state.</p>
<div class="card scroll"><table><thead><tr><th scope="col">text</th><th scope="col" class="number">bits per byte</th></tr></thead>
<tbody>${rows.map(([name, bits]) => html`<tr><th scope="row">${name}</th><td class="number">${bits}</td></tr>`)}</tbody></table></div></section>`;
}

/** A level's row; blocks are counted from 1 where people read. */
function rowName({ block, level, period }: TracedLevel, isChain: boolean): string {
  return `block ${block + 1}${isChain ? `, level ${level + 1}` : ""}, every ${count(period)}`;
}

function rowNames(levels: readonly TracedLevel[]): string[] {
  const isChain = levels.some(({ level }) => level > 0);
  return levels.map((level) => rowName(level, isChain));
}

/** One colour a period, so that levels are known again in every figure. */
function periodSeries(levels: readonly { readonly period: number }[]): Map<number, Series> {
  const periods = [...new Set(levels.map(({ period }) => period))].sort((a, b) => a - b);
  const series = distinctSeries(periods.map((period) => `every ${count(period)} tokens`));
  return new Map(periods.map((period, i) => [period, series[i]!]));
}

const ROW_MARGIN = 140;

function rasterSection(plotter: Plotter, { trace }: LevelsReportData): Html {
  const { levels, tokens } = trace;
  const names = rowNames(levels);
  const series = periodSeries(levels);
  const marks = levels.map(({ period, updatedAt }, row) =>
    plotter.plot.tickX(
      updatedAt.map((at) => ({ at, row: names[row]! })),
      { x: "at", y: "row", stroke: colour(series.get(period)!.colour), strokeWidth: 1.5 },
    ),
  );
  return html`<section id="raster"><h2>Which block changed when</h2>
<p>A mark wherever the weights of a level were updated, along the first ${count(tokens)} tokens. Between two marks a level gathers gradients and reads with the weights it has. Levels are named by their period in tokens.</p>
<figure>${wholeFigure(plotter, [...series.values()], "Updates of each level over the tokens read", {
    height: 70 + 30 * levels.length,
    marginLeft: ROW_MARGIN,
    x: { label: "tokens read", domain: [0, tokens] },
    y: { label: null, domain: names },
    marks,
  })}<figcaption>${levels
    .map(
      ({ updatedAt }, row) =>
        `${names[row]} was updated ${count(updatedAt.length)} ${updatedAt.length === 1 ? "time" : "times"}`,
    )
    .join("; ")}.</figcaption></figure></section>`;
}

function changeSection(plotter: Plotter, { trace, change, adaptation }: LevelsReportData): Html {
  const { levels, unit } = trace;
  const names = rowNames(levels);
  const series = distinctSeries(names).map(({ symbol: _, ...own }) => own);
  const marks = levels.map((level, row) =>
    line(
      plotter,
      [{ x: 0, y: 0 }, ...level.change.map((y, i) => ({ x: (i + 1) * unit, y: 100 * y }))],
      series[row]!,
      2,
    ),
  );
  const percent = (part: number) => `${(100 * part).toPrecision(3)} %`;
  return html`<section id="change"><h2>How far the weights went</h2>
<p>The distance of a level’s weights from those it started with, over the length of these.</p>
<figure>${wholeFigure(plotter, series, "Change of each level's weights over the tokens read", {
    height: 300,
    x: { label: "tokens read" },
    y: { label: "change of the weights in %", grid: true, zero: true },
    marks,
  })}</figure>
<div class="card scroll"><table><thead><tr><th scope="col">level</th><th scope="col" class="number">step size</th><th scope="col" class="number">after ${count(trace.tokens)} tokens</th><th scope="col" class="number">after all ${count(adaptation.start + adaptation.text.tokens)}</th></tr></thead>
<tbody>${levels.map(
    (level, row) =>
      html`<tr><th scope="row">${names[row]}</th><td class="number">${level.stepSize}</td><td class="number">${percent(level.change.at(-1) ?? 0)}</td><td class="number">${percent(change[row]!)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function wayName({ learning, period }: RetentionCurve): string {
  if (period !== undefined) return `only every ${count(period)} tokens`;
  return learning === "all" ? "all levels learn" : "no level learns";
}

function retentionSection(plotter: Plotter, { retention }: LevelsReportData): Html {
  const { options, curves } = retention;
  const { after, facts, repeats } = options;
  if (after.length === 0) return html`<p>The text is too short to ask how long a fact is known.</p>`;
  const series = distinctSeries(curves.map(wayName));
  const marks = curves.flatMap(({ saved }, i) =>
    dottedLine(
      plotter,
      saved.map((y, at) => ({ x: at, y })),
      series[i]!,
    ),
  );
  return html`<section id="retention"><h2>How long a fact is known</h2>
<p>A sentence with made-up names is read ${count(repeats)} ${repeats === 1 ? "time" : "times"}, then other text, then its beginning again: how many bits per byte of its end are saved by having read it, against a twin that read other text in its place. A mean over ${count(facts.length)} facts. With step sizes of 0
everywhere (no level learns), what is left is attention’s window and the memories of the mixers.</p>
<figure>${wholeFigure(plotter, series, "Bits per byte saved by having read a fact, over the tokens read since", {
    height: 340,
    x: { label: "tokens read since", ticks: after.map((_, i) => i), tickFormat: (i: number) => count(after[i] ?? 0) },
    y: { label: "bits per byte saved", grid: true, zero: true },
    marks,
  })}<figcaption>0: as if it had never been read. A fact is learned from when the chunk that holds it has ended, a slow level’s long after. Facts: ${facts.map(({ question, answer }) => `“${question}${answer}”`).join(" ")}</figcaption></figure>
<div class="card scroll"><table><thead><tr><th scope="col">learning</th>${after.map((n) => html`<th scope="col" class="number">${count(n)}</th>`)}</tr></thead>
<tbody>${curves.map((curve) => html`<tr><th scope="row">${wayName(curve)}</th>${curve.saved.map((bits) => html`<td class="number">${bits.toFixed(3).replace(/^-(0\.0+)$/, "$1")}</td>`)}</tr>`)}</tbody></table></div></section>`;
}
