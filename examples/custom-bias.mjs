// An attentional bias of one's own in MIRAS: log-cosh, which is l2 near zero and l1 far away. One value in ten is an outlier.
// After `npm run build`: node examples/custom-bias.mjs
import { key, nn, np, random, readScalar, scope, splitKey, startEngine, tensor } from "neural-memory/array";
import { l2Normalize } from "neural-memory/common";
import { associativeMemory } from "neural-memory/miras";

const [PAIRS, DIM, PASSES, SCALE] = [40, 32, 20, 0.1];

/** The sum over channels of log cosh(r / s): its derivative is bounded, so that no value can move the memory far. */
const logCosh = {
  name: "log-cosh",
  thresholded: false,
  loss(prediction, value) {
    const r = np.abs(np.divide(np.subtract(prediction, value), SCALE));
    return np.sum(np.subtract(np.add(r, nn.softplus(np.multiply(r, -2))), Math.LN2), -1); // cosh itself would overflow
  },
  // The derivative by the prediction. Without it, the loss is differentiated automatically.
  outputError: (prediction, value) => np.divide(np.tanh(np.divide(np.subtract(prediction, value), SCALE)), SCALE),
};

const [ofKeys, ofMap] = splitKey(key(0), 2);
const keys = l2Normalize(random.normal(ofKeys, [1, PAIRS, DIM]));
const values = np.matmul(keys, random.normal(ofMap, [1, DIM, DIM]));
const isOutlier = (pair) => pair % 10 === 5;
const perPair = (number) =>
  tensor(
    Float32Array.from({ length: PAIRS }, (_, pair) => number(pair)),
    [1, PAIRS, 1],
  );
const corrupted = np.multiply(
  values,
  perPair((pair) => (isOutlier(pair) ? 100 : 1)),
);
const counted = perPair((pair) => (isOutlier(pair) ? 0 : 1));
const descent = { kind: "gradientDescent", gradientPoint: "chunk" };
const choices = { architecture: { kind: "matrix" }, retention: { kind: "none" }, algorithm: descent };
const engine = await startEngine();

/** How far the answers to the other keys are off: 0 is perfect, 1 is what a memory has that answers nothing. */
async function recallError(bias, step) {
  const memory = associativeMemory({ ...choices, bias, dim: DIM });
  const gates = { logRetain: np.zeros([1, PAIRS, 1]), stepSize: np.full([1, PAIRS, 1], step) };
  const pass = engine.compile("all pairs", (state, tokens, gates) => memory.recurrent(state, tokens, gates).state);
  let state = memory.start(memory.init(key(0), 1));
  for (let n = 0; n < PASSES; n++) state = await pass(state, { keys, values: corrupted, queries: keys }, gates);
  const answers = np.matmul(keys, np.swapaxes(state.layers[0], -1, -2));
  const total = (x) => np.sum(np.multiply(np.square(x), counted));
  return readScalar(scope(() => np.sqrt(np.divide(total(np.subtract(answers, values)), total(values)))));
}

const show = async (bias, step) =>
  console.log(`step size ${step}: error ${(await recallError(bias, step)).toFixed(2)}`);
console.log("recall of the values that are right, l2:");
for (const step of [0.02, 0.1, 0.5]) await show({ kind: "l2", scale: "half" }, step);
console.log("the same, log-cosh:");
for (const step of [0.001, 0.005, 0.02]) await show(logCosh, step);
