// Associative recall with one memory: it is told which value belongs to which key, and then asked for the values.
// After `npm run build`: node examples/associative-recall.mjs
import { jit, key, np, random, readSync, scope, slice, splitKey, zerosLike } from "neural-memory/array";
import { initMemoryWeights, l2Normalize } from "neural-memory/common";
import { memoryUpdate, momentarySurprise, retrieve } from "neural-memory/titans";

const [pairs, dim] = [8, 16];
const architecture = { depth: 2, dim, hiddenDim: 32, activation: "silu", residual: false, norm: false };
const [keys, values] = splitKey(key(1), 2).map((seed) => l2Normalize(random.normal(seed, [1, pairs, dim])));
const gates = { forget: np.zeros([1]), momentum: np.full([1], 0.5), stepSize: np.full([1], 0.5) };

const write = jit((state, k, v) => memoryUpdate(state, momentarySurprise(architecture, state.memory, k, v), gates));
const error = jit(({ memory }) => np.sum(np.square(np.subtract(retrieve(architecture, memory, keys), values))));
// The values have length one: 1 is the error of a memory that answers nothing.
const report = (when, state) => console.log(`${when}: recall error ${(readSync(error(state))[0] / pairs).toFixed(4)}`);

const memory = initMemoryWeights(architecture, key(0), 1, 0.1); // fresh, and soft-spoken
let state = { memory, surprise: zerosLike(memory) };
report("before writing", state);
for (let pass = 1; pass <= 8; pass++) {
  for (let i = 0; i < pairs; i++) state = scope(() => write(state, slice(keys, [], i), slice(values, [], i)));
  report(`after writing each pair ${pass === 1 ? "once" : `${pass} times`}`, state);
}
