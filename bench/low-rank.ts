/** The low-rank token-exact chunk against weights materialised for every token: same engine, both compiled. */
import {
  jit,
  key,
  np,
  random,
  readSync,
  release,
  scope,
  splitKey,
  type Tensor,
  valueAndGrad,
} from "../src/array/index.ts";
import { initMemoryWeights, type MemoryArchitecture, type MemoryWeights } from "../src/common/index.ts";
import { chunkCoefficients, gatesFromLogits, type MemoryState, memoryChunk } from "../src/titans/index.ts";
import { inTurns, type Row } from "./harness.ts";
import { materializedChunk } from "./materialized-chunk.ts";

const BATCH = 4;
const HEADS = 1;
const CHUNK = 16;
const WIDTH = 64;
const ROUNDS = 21;

type Inputs = {
  memory: MemoryWeights;
  surprise: MemoryWeights;
  tokens: { keys: Tensor; values: Tensor; queries: Tensor };
  logits: { forget: Tensor; momentum: Tensor; stepSize: Tensor };
};
type Form = (x: Inputs) => { outputs: Tensor; state: MemoryState };

export async function run(): Promise<Row[]> {
  return [...(await compare(1, 1)), ...(await compare(2, 2)), ...(await compare(2, 4))];
}

async function compare(depth: number, expansion: number): Promise<Row[]> {
  const architecture: MemoryArchitecture = {
    depth,
    dim: WIDTH,
    hiddenDim: expansion * WIDTH,
    activation: "silu",
    residual: false,
    norm: false,
  };
  const inputs = scope(() => randomInputs(architecture));
  const gates = (x: Inputs) => gatesFromLogits(x.logits, 0.1);
  const lowRank: Form = (x) => {
    const { outputs, state } = memoryChunk(
      architecture,
      { memory: x.memory, surprise: x.surprise },
      x.tokens,
      gates(x),
    );
    return { outputs, state };
  };
  const materialized: Form = (x) =>
    materializedChunk(architecture, { memory: x.memory, surprise: x.surprise }, x.tokens, chunkCoefficients(gates(x)));
  const loss = (form: Form) => (x: Inputs) => {
    const { outputs, state } = form(x);
    return state.memory.layers.reduce((sum, w) => np.add(sum, np.sum(np.square(w))), np.sum(np.square(outputs)));
  };
  const forward = { lowRank: jit(lowRank), materialized: jit(materialized) };
  const both = { lowRank: jit(valueAndGrad(loss(lowRank))), materialized: jit(valueAndGrad(loss(materialized))) };
  const difference = largestDifference(forward.lowRank(inputs).outputs, forward.materialized(inputs).outputs);
  const times = await inTurns(
    {
      lowRank: () => release(forward.lowRank(inputs)),
      materialized: () => release(forward.materialized(inputs)),
      lowRankBoth: () => release(both.lowRank(inputs)),
      materializedBoth: () => release(both.materialized(inputs)),
    },
    ROUNDS,
  );
  release(inputs);
  const what = depth === 1 ? `${WIDTH}-${WIDTH}` : `${WIDTH}-${expansion * WIDTH}-${WIDTH}`;
  const row = (measure: string, value: number, unit: string, target?: string): Row => ({
    measure: `memory ${what}, chunk ${CHUNK}, batch ${BATCH}: ${measure}`,
    value,
    unit,
    ...(target && { target }),
  });
  return [
    row("largest difference", difference, ""),
    row("low-rank, forward", times.lowRank.median, "ms"),
    row("materialised, forward", times.materialized.median, "ms"),
    row("ratio, forward", times.materialized.median / times.lowRank.median, "x"),
    row("low-rank, with gradient", times.lowRankBoth.median, "ms"),
    row("materialised, with gradient", times.materializedBoth.median, "ms"),
    row("ratio, with gradient", times.materializedBoth.median / times.lowRankBoth.median, "x", "at least 4"),
  ];
}

function randomInputs(architecture: MemoryArchitecture): Inputs {
  const keys = splitKey(key(architecture.depth), 7);
  const tokens = (i: number) =>
    np.multiply(random.normal(keys[i]!, [BATCH, HEADS, CHUNK, WIDTH]), 1 / Math.sqrt(WIDTH));
  const logits = (i: number, bias: number) => np.add(random.normal(keys[i]!, [BATCH, HEADS, CHUNK]), bias);
  const own = initMemoryWeights(architecture, keys[6]!, BATCH * HEADS);
  const layers = own.layers.map((w) => np.reshape(w, [BATCH, HEADS, ...w.shape.slice(1)]));
  return {
    memory: { layers },
    surprise: { layers: layers.map((w) => np.multiply(w, 0.01)) },
    tokens: { keys: tokens(0), values: tokens(1), queries: tokens(2) },
    logits: { forget: logits(3, -5), momentum: logits(4, 0), stepSize: logits(5, -2) },
  };
}

function largestDifference(a: Tensor, b: Tensor): number {
  const difference = scope(() => np.max(np.abs(np.subtract(a, b))));
  return readSync(difference)[0]!;
}
