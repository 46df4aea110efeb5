// A memory on sensor readings whose laws change: it predicts every reading before it comes, and learns from it afterwards.
// After `npm run build`: node examples/sensor-memory.mjs [readings of each regime]
import { key, np, startEngine } from "neural-memory/array";
import { Stream } from "neural-memory/common";
import { counterRandom } from "neural-memory/data";
import { associativeMemory } from "neural-memory/miras";

const [CHANNELS, DIM, REGIMES, LENGTH] = [6, 12, 4, Number(process.argv[2] ?? 800)];

/** Six channels that mix three oscillations, and noise; every regime has frequencies and mixtures of its own. */
function reading(t) {
  const regime = Math.floor(t / LENGTH);
  const number = (...at) => 2 * counterRandom(0, regime, ...at) - 1; // from -1 to 1
  const waves = [0, 1, 2].map((wave) => Math.sin((0.35 + 0.25 * number(0, wave)) * t + wave));
  const mixed = (channel) => waves.reduce((sum, x, wave) => sum + x * number(1, wave, channel), 0);
  return Array.from({ length: CHANNELS }, (_, channel) => mixed(channel) + 0.01 * number(2, t, channel));
}

// A key is two readings; its value says how much they will have changed one reading later. Keys get length one.
const readings = Array.from({ length: REGIMES * LENGTH }, (_, t) => reading(t));
const windows = readings.slice(1).map((now, t) => [...readings[t], ...now]);
const sizes = windows.map((window) => Math.hypot(...window));
const keys = windows.map((window, t) => window.map((x) => x / sizes[t]));
const values = windows.slice(1).map((next, t) => next.map((x, i) => (x - windows[t][i]) / sizes[t]));
// A token writes a pair and then reads with the next key: that answer predicts a reading which has not come yet.
const tokens = values.slice(0, -1).map((value, t) => [...keys[t], ...value, ...keys[t + 1]]);

const choices = { architecture: { kind: "matrix" }, bias: { kind: "l2", scale: "half" }, retention: { kind: "none" } };
const deltaRule = { kind: "gradientDescent", gradientPoint: "token" };
const memory = associativeMemory({ ...choices, algorithm: deltaRule, dim: DIM });
const layer = {
  initialState: () => memory.start(memory.init(key(0), 1)),
  step(_, state, x, { storeMask, mask = np.ones(storeMask.shape) }) {
    const [keys, values, queries] = np.split(x, 3, -1);
    const stepSize = np.expandDims(np.multiply(storeMask, 0.5), -1); // 0 writes nothing
    const gates = { logRetain: np.zeros(stepSize.shape), stepSize };
    const result = memory.chunk(state, { keys, values, queries }, gates, { mask });
    return [result.outputs, result.state];
  },
};
const stream = new Stream(await startEngine(), layer, { chunk: 16, segment: 16 });

/** The root of the mean squared error in every regime, with a memory that is written where `writes` says so. */
async function errors(writes) {
  const storeMask = { data: Float32Array.from(tokens, (_, t) => Number(writes(t))), shape: [1, tokens.length] };
  const x = { data: Float32Array.from(tokens.flat()), shape: [1, tokens.length, 3 * DIM] };
  const [{ data }] = await stream.push({}, await stream.start({}, 1), x, { storeMask });
  const squares = new Array(REGIMES).fill(0);
  for (let at = 0; at < data.length; at++) {
    const [t, i] = [Math.floor(at / DIM) + 1, at % DIM]; // which reading is predicted from, and a feature of the window
    if (i >= CHANNELS) squares[Math.floor((t + 2) / LENGTH)] += (sizes[t] * (data[at] - values[t][i])) ** 2;
  }
  return squares.map((sum) => Math.sqrt(sum / (LENGTH * CHANNELS)).toFixed(3)).join("  ");
}

console.log(`root mean squared error of the next reading in each of ${REGIMES} regimes`);
console.log(`written all the time        ${await errors(() => true)}`);
console.log(`written in the first        ${await errors((t) => t < LENGTH)}`);
console.log(`never: the last reading     ${await errors(() => false)}`);
