/** Does a memory at its initial parameters stay finite and keep its inner loss over long random input, at every depth and with every option? */
import { jit, key, leaves, np, random, readSync, release, scope, splitKey, type Tensor } from "../src/array/index.ts";
import {
  NeuralMemory,
  type NeuralMemoryConfig,
  type NeuralMemoryParams,
  type NeuralMemoryState,
} from "../src/titans/index.ts";
import type { Row } from "./harness.ts";

const SEGMENT = 64;
const DIM = 16;

const options: readonly Partial<NeuralMemoryConfig>[] = [
  { maxMomentum: 0.999 },
  { norm: true, residual: true },
  { maxSurpriseNorm: 1 },
  { forgetTowards: "initial" },
  { queryKeyNorm: "rms" },
  { momentumOrder: 2 },
  { momentumOrder: 3 },
  { pairsPerToken: 2 },
  { renormalizeWeights: true },
  { gatedTransition: true },
  { orthogonalizeSurprise: true },
  { orthogonalizeSurprise: true, gatedTransition: true },
];

export function run(): Row[] {
  const depths = [1, 2, 3, 4];
  return [
    ...[4096, 16384].flatMap((tokens) =>
      depths.map((depth) => row(`${tokens} tokens, depth ${depth}`, { depth }, tokens)),
    ),
    ...options.flatMap((given) =>
      [2, 4].map((depth) => row(`4096 tokens, depth ${depth}, ${JSON.stringify(given)}`, { depth, ...given }, 4096)),
    ),
  ];
}

function row(measure: string, config: Partial<NeuralMemoryConfig>, tokens: number): Row {
  return {
    measure: `loss late / early, ${measure}`,
    value: lossGrowth(config, tokens),
    unit: "x",
    target: "at most 1.1",
  };
}

/** The inner loss, relative to that of a memory never written, in the last quarter against the first. NaN if anything stopped being finite. */
function lossGrowth(config: Partial<NeuralMemoryConfig>, tokens: number): number {
  const layer = new NeuralMemory({ dim: DIM, heads: 2, headDim: 8, ...config });
  const params = scope(() => layer.init(key(3)));
  const step = jit((p: NeuralMemoryParams, state: NeuralMemoryState, x: Tensor) => {
    const [y, next, { lossAtInitial, lossBefore }] = layer.diagnose(p, state, x);
    const sizes = [...leaves(next), y].map((all) => np.max(np.absolute(all)));
    return { next, seen: np.stack([np.mean(lossAtInitial), np.mean(lossBefore), np.max(np.stack(sizes))]) };
  });
  const losses: { initial: number; before: number }[] = [];
  const inputKeys = scope(() => splitKey(key(4), tokens / SEGMENT));
  let state = scope(() => layer.initialState(params, 1));
  let finite = true;
  for (const inputKey of inputKeys) {
    const x = scope(() => random.normal(inputKey, [1, SEGMENT, DIM]));
    const { next, seen } = step(params, state, x);
    const [initial, before, size] = readSync(seen) as unknown as [number, number, number];
    finite &&= Number.isFinite(size) && Number.isFinite(before);
    losses.push({ initial, before });
    release(x, state, seen);
    state = next;
  }
  release(state, params, inputKeys);
  const relative = (part: typeof losses) =>
    part.reduce((sum, { before }) => sum + before, 0) / part.reduce((sum, { initial }) => sum + initial, 0);
  const quarter = losses.length / 4;
  return finite ? relative(losses.slice(-quarter)) / relative(losses.slice(0, quarter)) : Number.NaN;
}
