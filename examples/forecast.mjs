/**
 * Forecasting with a memory.
 *
 *     npm run build && node examples/forecast.mjs
 *
 * The series is generated: hourly values with a daily and a weekly rhythm, noise, and regimes of random length, at whose start level and rhythms change at
 * random. The model reads four weeks, a day at a time (a vector of 24 hours), and forecasts the next two days. It is compared with repeating the last value,
 * the last day and the last week, and with itself when its memory is never written.
 */
import { parseArgs } from "node:util";
import { release, startEngine } from "neural-memory/array";
import { pickTokens, Stream } from "neural-memory/common";
import { counterRandom } from "neural-memory/data";
import { SequenceForecaster, squaredError } from "neural-memory/models";
import { warmupCosine } from "neural-memory/optim";
import { cutSegments, fitModel, forecastBatch } from "neural-memory/training";

const { values: flags } = parseArgs({
  options: {
    steps: { type: "string", default: "300" },
    windows: { type: "string", default: "256" },
    seed: { type: "string", default: "0" },
    engine: { type: "string", default: "auto" },
  },
});
const [steps, windows, seed] = [Number(flags.steps), Number(flags.windows), Number(flags.seed)];

const HOURS = 24;
const CONTEXT = 28;
const HORIZON = 2;
const TRAINING_DAYS = 4000;
const TEST_DAYS = 1500;
const BATCH = 16;
const NOISE = 0.5;

/** A normal number that depends on the seed and on counters alone. */
function normal(...counters) {
  const [u, v] = [counterRandom(seed, ...counters, 0), counterRandom(seed, ...counters, 1)];
  return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
}

/** What the hours of a regime are like, before noise. */
function regimeOf(number) {
  const waves = [1, 2, 3].map((wave) => ({
    sine: normal(1, number, wave) / wave,
    cosine: normal(2, number, wave) / wave,
  }));
  const [level, weekend] = [normal(3, number), normal(4, number)];
  return (day, hour) => {
    const daily = waves.reduce((sum, { sine, cosine }, i) => {
      const angle = (2 * Math.PI * (i + 1) * hour) / HOURS;
      return sum + sine * Math.sin(angle) + cosine * Math.cos(angle);
    }, 0);
    return level + daily + (day % 7 < 2 ? weekend : 0);
  };
}

/** Days of 24 hourly values each; a regime lasts 20 to 80 days. */
function generateSeries(days) {
  const data = new Float32Array(days * HOURS);
  let regime = -1;
  let end = 0;
  let expected = regimeOf(0);
  for (let day = 0; day < days; day++) {
    if (day === end) {
      expected = regimeOf(++regime);
      end = day + 20 + Math.floor(60 * counterRandom(seed, 5, regime));
    }
    for (let hour = 0; hour < HOURS; hour++) {
      data[day * HOURS + hour] = expected(day, hour) + NOISE * normal(6, day, hour);
    }
  }
  return { data, shape: [1, days, HOURS] };
}

const series = generateSeries(TRAINING_DAYS + TEST_DAYS);
const engine = await startEngine(flags.engine, { onNote: console.error });

/** Trains a forecaster on the first part of the series. */
async function train(name, model) {
  const began = performance.now();
  const params = await fitModel({
    engine,
    model,
    loss: squaredError,
    steps,
    learningRate: warmupCosine({ peak: 1e-2, warmupSteps: Math.min(10, steps), totalSteps: steps }),
    batch: (step) => {
      const last = TRAINING_DAYS - CONTEXT - HORIZON;
      const starts = Array.from({ length: BATCH }, (_, row) => Math.floor(counterRandom(seed, 7, step, row) * last));
      // A week is read before the first forecast counts.
      return cutSegments(forecastBatch(series, { starts, length: CONTEXT, horizon: HORIZON, from: 7 }), CONTEXT);
    },
    onStep: ({ step, loss }) => {
      if (step % 50 !== 0 && step !== steps) return;
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.error(`${name}: step ${step} of ${steps}, squared error ${loss.toFixed(3)}, ${seconds} s`);
    },
  });
  return params;
}

const starts = Array.from({ length: windows }, (_, i) => {
  return TRAINING_DAYS + Math.floor((i * (TEST_DAYS - CONTEXT - HORIZON)) / windows);
});
const test = forecastBatch(series, { starts, length: CONTEXT, horizon: HORIZON });
const lastDays = starts.map(() => CONTEXT - 1);
const truth = pickTokens(test.targets, lastDays).data;

/** What a trained model forecasts at the last day of each test window: [windows, horizon, hours]. */
async function forecast(name, maxStepSize) {
  const model = new SequenceForecaster({
    architecture: "titans-lmm",
    dim: 48,
    layers: 1,
    heads: 2,
    channels: HOURS,
    horizon: HORIZON,
    instanceNorm: true,
    memory: {
      chunkSize: 14,
      depth: 1,
      maxMomentum: 0.5,
      // Four weeks are few tokens: larger steps, and what is old fades sooner, than for a long text.
      gateBiases: { forget: -3, momentum: -1, stepSize: 1 },
      maxStepSize,
      normalizeValues: true,
    },
  });
  const params = await train(name, model);
  const stream = new Stream(engine, model, { chunk: model.chunkSize, segment: CONTEXT });
  const fresh = await stream.start(params, windows);
  const [forecasts, read] = await stream.push(params, fresh, test.tokens);
  stream.release(fresh);
  stream.release(read);
  release(params);
  return pickTokens(forecasts, lastDays).data;
}

/** The last hours of each window again and again. */
function repeat(hours) {
  return Float32Array.from({ length: truth.length }, (_, i) => {
    const [row, ahead] = [Math.floor(i / (HORIZON * HOURS)), i % (HORIZON * HOURS)];
    return series.data[(starts[row] + CONTEXT) * HOURS - hours + (ahead % hours)];
  });
}

const table = {
  "neural memory": await forecast("neural memory", 1),
  "the same, never written": await forecast("never written", 0),
  "last value": repeat(1),
  "last day": repeat(HOURS),
  "last week": repeat(7 * HOURS),
};
await engine.dispose();

console.log(
  `${windows} windows of ${CONTEXT} days, ${HORIZON} days ahead; the noise alone has a squared error of ${NOISE ** 2}`,
);
console.log(`${"forecast".padEnd(24)}  MSE    MAE`);
for (const [name, values] of Object.entries(table)) {
  const errors = Array.from(values, (value, i) => value - truth[i]);
  const mean = (of) => (errors.reduce((sum, error) => sum + of(error), 0) / errors.length).toFixed(3);
  console.log(`${name.padEnd(24)}  ${mean((error) => error * error)}  ${mean(Math.abs)}`);
}
