/** `npm run demo:hope`: a small Hope model is trained on a novel and then reads speeches; its levels learn from them at frequencies of their own. */

import { byteTokenizer, byteTokens, openCorpus, splits, type TokenSource } from "../../src/data/index.ts";
import { distinctSeries, dottedLine, type Point, wholeFigure } from "../../src/evaluation/figure-parts.ts";
import { type Html, html } from "../../src/evaluation/html.ts";
import { type LevelTrace, traceLevels } from "../../src/evaluation/index.ts";
import { Reader, scoreText } from "../../src/inference/index.ts";
import { LanguageModel } from "../../src/models/index.ts";
import { train, trainingSchema } from "../../src/training/index.ts";
import { demonstrate, printRow, type Stage } from "./demonstrate.ts";

const PERIODS = [64, 256, 1024];

/** Trains a model of one block, the smallest that has it all. */
async function trainedModel({ engine, toy }: Stage): Promise<Reader> {
  const { train: training, validation } = splits(await openCorpus("moby-dick"), { validation: 0.1 });
  const model = new LanguageModel({
    architecture: "hope",
    dim: 48,
    layers: 1,
    heads: 2,
    feedForwardExpansion: 1,
    selfModifying: { chunkSize: 32, projectionChunkSize: 32 },
    continuum: { periods: PERIODS, stepSize: 0.01 },
  });
  const steps = toy ? 1 : 80;
  const config = {
    steps,
    warmupSteps: Math.min(20, steps),
    batch: 4,
    length: 256,
    segment: 64,
    learningRate: 1e-2,
    evaluateEvery: steps,
    evaluationTokens: 1024,
  };
  console.log(`A Hope model of one block is trained on Moby Dick for ${steps} ${steps === 1 ? "step" : "steps"}:`);
  const { params } = await train({
    engine,
    model,
    data: { tokenizer: byteTokenizer(), training: byteTokens(training), validation: byteTokens(validation) },
    config: trainingSchema.parse(config),
    onStep({ step, bitsPerByte = 0 }) {
      if (step % 20 === 0 || step === steps) console.log(`step ${step}: ${bitsPerByte.toFixed(2)} bits per byte`);
    },
  });
  return new Reader(engine, model, params);
}

/** Bits per byte of every thousand bytes or so, each predicted before it is read. */
async function bitsAlong(reader: Reader, source: TokenSource, learn: boolean): Promise<Point[]> {
  const session = await reader.open();
  const points: Point[] = [];
  let before = { bits: 0, bytes: 0 };
  for await (const score of scoreText(session, byteTokenizer(), source, { learn })) {
    points.push({ x: score.bytes, y: (score.bits - before.bits) / (score.bytes - before.bytes) });
    before = score;
  }
  session.close();
  return points;
}

/** How far each level has moved, after every stretch of the shortest period. */
function levelFigure({ plotter }: Stage, { unit, levels }: LevelTrace): Html {
  const series = distinctSeries(levels.map(({ period }) => `updated every ${period} bytes`));
  const lines = levels.flatMap(({ change }, level) =>
    dottedLine(
      plotter,
      change.map((y, look) => ({ x: (look + 1) * unit, y })),
      series[level]!,
    ),
  );
  return wholeFigure(plotter, series, "How far each level's weights have moved over bytes read", {
    height: 300,
    x: { label: "bytes read" },
    y: { label: "way from the start, as a share of the weights’ length", grid: true, zero: true },
    marks: lines,
  });
}

/** Bits per byte with levels that learn and with the same levels standing still. */
function scoreFigure({ plotter }: Stage, learning: readonly Point[], still: readonly Point[]): Html {
  const series = distinctSeries(["levels learn", "levels stand still"]);
  return wholeFigure(plotter, series, "Bits per byte over bytes read, with levels that learn and without", {
    height: 300,
    x: { label: "bytes read" },
    y: { label: "bits per byte", grid: true },
    marks: [...dottedLine(plotter, learning, series[0]!), ...dottedLine(plotter, still, series[1]!)],
  });
}

await demonstrate("hope", async (stage) => {
  const reader = await trainedModel(stage);
  const speeches = byteTokens(await openCorpus("sotu"));
  const source = { ...speeches, length: 1 + (stage.toy ? 1024 : 8192) };
  console.log(
    `\nNow it reads ${source.length - 1} bytes of speeches, which it has never seen, and predicts each before it reads it.`,
  );
  console.log("Its three levels learn from them; a copy whose levels stand still reads the same. Bits per byte:\n");
  const still = await bitsAlong(reader, source, false);
  const learning = await bitsAlong(reader, source, true);
  printRow("bytes read", ["levels learn", "stand still", "saved"], 14);
  for (const [i, { x, y }] of learning.entries()) printRow(String(x), [y, still[i]!.y, still[i]!.y - y], 14);
  const trace = await traceLevels(reader, source, source.length);
  console.log("\nWhat the levels did meanwhile:\n");
  printRow("level", ["updates", "moved by"], 14);
  for (const { period, updatedAt, change } of trace.levels)
    printRow(
      `updated every ${period} bytes`,
      [String(updatedAt.length), `${(100 * (change.at(-1) ?? 0)).toFixed(1)} %`],
      14,
    );
  return {
    title: "Levels that learn while a text is read",
    lead: `A small Hope model, trained on Moby Dick, reads presidents’ speeches. The networks of its continuum memory take a step every ${PERIODS.join(", ")} bytes.`,
    figures: [
      html`<section><h2>Frequencies</h2><figure>${levelFigure(stage, trace)}<figcaption>A level stands still until its period is full; then it takes one step against the gradients of all its bytes.</figcaption></figure></section>`,
      html`<section><h2>What it is good for</h2><figure>${scoreFigure(stage, learning, still)}<figcaption>Every byte is predicted before it is learned from. Means of 1,024 bytes, of one training with one seed.</figcaption></figure></section>`,
    ],
  };
});
