/** The parts of a report that are words and tables. */
import { colouredPassage, passageLegend } from "./coloured-passage.ts";
import { type Html, html } from "./html.ts";
import type { ControlScore } from "./memory-controls.ts";
import type { PairedDifference } from "./paired-scores.ts";
import { type ReportData, reportWarnings } from "./report-data.ts";
import { bits, bytes, correlation, count, isClear, seconds, signed, withError } from "./report-numbers.ts";

/** Title, one sentence, warnings, and the numbers that matter. */
export function overview(data: ReportData): Html {
  const { final, baselines, withoutWrites, controls } = data;
  const warnings = reportWarnings(data);
  return html`<header>
<p class="eyebrow">neural-memory: report of a training run</p>
<h1>${data.name}</h1>
<p class="lead">${leadSentence(data)}</p>
${
  warnings.length > 0 &&
  html`<div class="warnings" role="note"><strong>Read this first</strong><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
}
<dl class="tiles">
${tile("This model", bits(final.bitsPerByte), "bits per byte, on text it was not trained on")}
${tile("Trigram", bits(baselines.trigram), `bits per byte, the level to beat; a bigram needs ${bits(baselines.bigram)}`)}
${
  withoutWrites &&
  tile(
    "Trained without writes",
    bits(withoutWrites.bitsPerByte),
    `bits per byte, ${withError(withoutWrites)} against this model`,
  )
}
${
  controls &&
  tile(
    "Writes to memory",
    count(controls.writes.writes),
    `of ${count(controls.writes.slots)} possible in the controls; mean step size ${controls.writes.meanStepSize.toPrecision(2)}`,
  )
}
</dl>
</header>`;
}

function leadSentence({ config, parameters, final, baselines }: ReportData): string {
  const { training, model, corpus, preset } = config;
  const read = training.steps * training.batch * training.accumulate * training.length;
  const gain = baselines.trigram - final.bitsPerByte;
  const compared = `${bits(Math.abs(gain))} ${gain > 0 ? "fewer" : "more"} than a trigram`;
  return (
    `The preset ${preset} (${model.architecture}, ${count(parameters)} parameters) read ${bytes(read)} of ${corpus} in ${count(training.steps)} steps. ` +
    `On the part it was not trained on it needs ${bits(final.bitsPerByte)} bits per byte, ${compared}.`
  );
}

function tile(name: string, value: string, about: string): Html {
  return html`<div><dt>${name}</dt><dd class="value">${value}</dd><dd class="about">${about}</dd></div>`;
}

/** The model, its control and the counting models on the validation text. */
export function validationTable(data: ReportData): Html {
  const { final, withoutWrites, baselines } = data;
  const row = (name: string, value: number, difference: string, own = false) =>
    html`<tr class="${own ? "own" : "other"}"><th scope="row">${name}</th><td class="number">${bits(value)}</td><td class="number">${difference}</td></tr>`;
  const against = (value: number) => signed(value - final.bitsPerByte);
  return html`<div class="card scroll"><table>
<caption>Validation text, in bits per byte. Models: ${count(final.windows)} windows of ${count(final.length)} bytes spread over it, ${bytes(final.bytes)} in all, each window
from a fresh memory, so its first bytes are predicted from very little. Counting models: all ${bytes(baselines.bytes)} of it, with counts from the training text.</caption>
<thead><tr><th scope="col">predictor</th><th scope="col" class="number">bits per byte</th><th scope="col" class="number">against this model</th></tr></thead>
<tbody>
${row("this model", final.bitsPerByte, "", true)}
${withoutWrites && row("the same model trained with step size 0: same seed, steps and text", withoutWrites.bitsPerByte, withError(withoutWrites))}
${row("trigram, backed off to the bigram", baselines.trigram, against(baselines.trigram))}
${row("bigram", baselines.bigram, against(baselines.bigram))}
${row("order 0: how frequent each byte is", baselines.order0, against(baselines.order0))}
</tbody></table></div>`;
}

/** What is lost when memory is switched off or swapped, and what may be concluded from it. */
export function controlsSection({ controls, withoutWrites }: ReportData): Html | undefined {
  if (controls === undefined) return undefined;
  const row = (name: string, score: ControlScore, about: string) =>
    html`<tr><th scope="row">${name}</th><td class="number">${bits(score.bitsPerByte)}</td><td class="number">${withError(score)}</td><td class="about">${about}</td></tr>`;
  return html`<section id="controls">
<h2>Does the memory matter?</h2>
<p>${otherMemoryVerdict(controls.otherMemory, controls.bytes)} ${withoutWrites && withoutWritesVerdict(withoutWrites)}</p>
<div class="card scroll"><table class="controls">
<caption>${count(controls.windows)} windows, each from a fresh memory: the first ${count(controls.contextTokens)} bytes are context, the bytes after them are scored (${bytes(controls.bytes)}).
Differences are to the memory on, with their standard error over windows. With memory on there were ${count(controls.writes.writes)} writes (a token in one head of one layer) with a mean
step size of ${controls.writes.meanStepSize.toPrecision(3)}; with writes off there were ${count(controls.writesWhenOff.writes)}.</caption>
<thead><tr><th scope="col">condition</th><th scope="col" class="number">bits per byte</th><th scope="col" class="number">difference</th><th scope="col" class="about">what it shows</th></tr></thead>
<tbody>
<tr class="own"><th scope="row">memory on</th><td class="number">${bits(controls.on)}</td><td class="number"></td><td class="about"></td></tr>
${row("another window’s memory", controls.otherMemory, "Memory and carried surprise learned from other text of the corpus; convolution tails and attention windows stay. Only what was stored differs: the honest control.")}
${row("another window’s whole state", controls.otherState, "The same with convolution tails and attention windows swapped too, so the last few bytes are wrong as well.")}
${row("context not written", controls.contextNotWritten, "Step size 0 during the context, writes as usual in the scored half. Forgetting goes on.")}
${row("never written", controls.neverWritten, "Step size 0 throughout. This mostly breaks a path the model was trained with, and says little about what is stored.")}
</tbody></table></div>
</section>`;
}

function otherMemoryVerdict(score: ControlScore, scored: number): string {
  const change = `Another window’s memory changes the cost of the same bytes by ${withError(score)} bits per byte`;
  if (!isClear(score)) {
    return `${change}: over ${bytes(scored)}, no contribution of what this memory stored can be told from chance.`;
  }
  return score.difference > 0
    ? `${change}: that is what the things this memory stored are worth here.`
    : `${change}: what this memory stored misleads more than it helps.`;
}

function withoutWritesVerdict(score: PairedDifference): string {
  const change = `Training the same model with step size 0 changes it by ${withError(score)} bits per byte`;
  if (!isClear(score)) return `${change}: this run does not show that learning at test time pays.`;
  return score.difference > 0
    ? `${change}: learning at test time paid in this run. One seed does not make it a rule.`
    : `${change}: learning at test time did not pay in this run.`;
}

/** The passage, every byte coloured by its surprise. */
export function passageSection({ passage }: ReportData): Html | undefined {
  if (passage === undefined) return undefined;
  const { bytes: text, trace } = passage;
  const r = correlation(trace.surprises.slice(1), trace.bits.slice(1));
  return html`<section id="surprise">
<h2>What surprised the memory</h2>
<figure>
${passageLegend(trace.surprises)}
${colouredPassage({ bytes: Uint8Array.from(text), surprises: trace.surprises, bits: trace.bits })}
<figcaption>${bytes(text.length)} of validation text, read from a fresh memory. The shade is a byte’s surprise: the norm of the gradient that it would write, before step size and momentum,
averaged over layers and heads; each shade holds as many bytes as any other. A byte’s title gives its numbers. Surprise is how badly the memory maps the byte’s key to its value, not how hard the
byte is to predict: between it and the bits each byte cost, the correlation over this passage is ${signed(r, 2)}.</figcaption>
</figure>
</section>`;
}

/** What the model wrote before and after training. */
export function samplesSection({ samples }: ReportData): Html {
  const sample = (title: string, text: string) =>
    html`<figure><h3>${title}</h3><pre><span class="prompt">${samples.prompt}</span>${text}</pre></figure>`;
  return html`<section id="samples">
<h2>Samples</h2>
<p>The same prompt (in grey, from the validation text), seed ${samples.seed} and temperature ${samples.temperature}.</p>
<div class="panels">
${sample("Before training", samples.before)}
${sample("After training", samples.after)}
</div>
</section>`;
}

/** What stands between the gates and the memory, which the paper does not have. */
function guardSentence({ model }: ReportData["config"]): string {
  const { stepGuard, maxMomentum } = model.memory;
  return stepGuard === "off"
    ? "Step sizes are the gates’, as the paper writes them: the causal step guard is off."
    : `Step sizes are bounded by the causal step guard “${stepGuard}”, and momentum by ${maxMomentum}. The paper has neither; without them deep memories were seen to diverge.`;
}

/** What was run, on what, for how long, with which numbers. */
export function methodSection(data: ReportData): Html {
  const { config, engine, platform, durations } = data;
  const total = durations.reduce((sum, stage) => sum + stage.seconds, 0);
  const rows = [...durations, { stage: "together", seconds: total }].map(
    ({ stage, seconds: taken }) =>
      html`<tr><th scope="row">${stage}</th><td class="number">${seconds(taken)}</td></tr>`,
  );
  return html`<section id="method">
<h2>How this was measured</h2>
<p>One run with seed ${config.training.seed} on the engine ${engine.name} (${engine.threads} ${engine.threads === 1 ? "thread" : "threads"}), ${platform}. The first ${bytes(data.trainingBytes)} of
${config.corpus} are for training, the last ${bytes(data.validationBytes)} for validation.</p>
${data.controls && html`<p>${guardSentence(config)}</p>`}
<p>The memory learns while the model reads, in validation as in training. The model trained with step size 0 is scored by the same compiled program with writes switched off, which is the same function.
Standard errors say how much the choice of windows matters. They do not say how much the seed does: another seed gives other models, and their differences may be larger than these.</p>
<div class="card scroll"><table><caption>Where the time went. The first step of each training includes compiling its programs.</caption><tbody>${rows}</tbody></table></div>
<details><summary>Configuration</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>
</section>`;
}
