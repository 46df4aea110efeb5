/** What retention gates make of a memory's weights. */
import {
  detached,
  key,
  np,
  type Program,
  read,
  release,
  scope,
  slice,
  startEngine,
  type Tensor,
} from "neural-memory/array";
import {
  type AssociativeMemory,
  type AssociativeState,
  associativeMemory,
  type RetentionChoice,
} from "neural-memory/miras";
import { associations } from "./parts/associations.ts";
import type { Curve, Figure, Panel } from "./parts/live-figure.ts";

const DIM = 16;
const MOST_WRITES = 64;

const retentions: readonly (readonly [name: string, choice: RetentionChoice])[] = [
  ["decay (l2)", { kind: "l2", gradientAt: "previous" }],
  ["elastic net", { kind: "elasticNet", form: "learningRetaining", inverseL1: 40, threshold: 0.02, smooth: false }],
  ["relative entropy", { kind: "kl", slice: "row", total: "entries", lagToken: false }],
  ["Bregman, logistic", { kind: "bregman", generator: "logit" }],
];

type Write = Program<[state: AssociativeState, k: Tensor, v: Tensor, logRetain: Tensor], AssociativeState>;

const engine = await startEngine("wasm");
const memories = retentions.map(([name, retention]) => {
  const memory = associativeMemory({
    architecture: { kind: "matrix" },
    bias: { kind: "dotProduct" },
    retention,
    algorithm: { kind: "gradientDescent", gradientPoint: "chunk" },
    dim: DIM,
  });
  const write: Write = engine.compile(name, (state: AssociativeState, k: Tensor, v: Tensor, logRetain: Tensor) => {
    const stepSize = np.full([1, 1, 1], 1);
    return memory.chunk(state, { keys: k, values: v, queries: k }, { logRetain, stepSize }).state;
  });
  return { name, memory, write };
});

/** The weights after some writes, from the largest to the smallest. */
async function sortedWeights(
  memory: AssociativeMemory,
  write: Write,
  writes: number,
  retain: number,
): Promise<number[]> {
  const { keys, values } = associations(2, MOST_WRITES, DIM);
  const logRetain = detached(() => scope(() => np.full([1, 1, 1], Math.log(retain))));
  let state = detached(() => scope(() => memory.start(memory.init(key(0), 1))));
  for (let t = 0; t < writes; t++) {
    const token = (x: Tensor) => detached(() => scope(() => np.reshape(slice(x, t), [1, 1, DIM])));
    const [k, v] = [token(keys), token(values)];
    const next = await write(state, k, v, logRetain);
    release(state, k, v);
    state = next;
  }
  const [weights] = detached(() => scope(() => memory.weights(state).layers));
  const numbers = Array.from(await read(weights!)).sort((a, b) => b - a);
  release(state, weights, keys, values, logRetain);
  return numbers;
}

export const figure: Figure<"retain" | "writes"> = {
  sliders: [
    { name: "retain", label: "kept at every token", min: 0.8, max: 1, step: 0.01, start: 0.97 },
    { name: "writes", label: "pairs written", min: 0, max: MOST_WRITES, step: 4, start: 32 },
  ],
  async compute({ retain, writes }): Promise<Panel[]> {
    const curves: Curve[] = [];
    for (const { name, memory, write } of memories) {
      const weights = await sortedWeights(memory, write, writes, retain);
      curves.push({ name, points: weights.map((weight, rank) => [rank + 1, weight] as const) });
    }
    return [
      {
        title: "All weights of a memory, from the largest to the smallest",
        x: "rank of the weight",
        y: "weight",
        curves,
      },
    ];
  },
};
