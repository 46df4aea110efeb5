/** How gates shape what a memory of Titans keeps of an association, and what surprises it. */
import { detached, np, read, release, scope, slice, startEngine, type Tensor, tensor } from "neural-memory/array";
import type { MemoryArchitecture } from "neural-memory/common";
import { type MemoryState, memoryUpdate, momentarySurprise, retrieve, type TokenGates } from "neural-memory/titans";
import { type Associations, associations } from "./parts/associations.ts";
import type { Curve, Figure, Panel } from "./parts/live-figure.ts";

const DIM = 24;
const TOKENS = 64;
/** When the association is shown. */
const SHOWN = [8, 40];
/** Pairs of the repetition. */
const REPEATED = 8;

const architecture: MemoryArchitecture = {
  depth: 1,
  dim: DIM,
  hiddenDim: DIM,
  activation: "silu",
  residual: false,
  norm: false,
};

const engine = await startEngine("wasm");

/** One token is written; then the memory is asked for the association. */
const write = engine.compile(
  "a token",
  (state: MemoryState, k: Tensor, v: Tensor, gates: TokenGates, askedKey: Tensor, askedValue: Tensor) => {
    const surprise = momentarySurprise(architecture, state.memory, k, v);
    const next = memoryUpdate(state, surprise, gates);
    const answer = retrieve(architecture, next.memory, askedKey);
    const size = np.sqrt(np.sum(np.square(surprise.layers[0]!)));
    return { next, found: np.stack([np.sum(np.multiply(answer, askedValue)), size]) };
  },
);

type Gates = Readonly<Record<"forget" | "momentum" | "stepSize", number>>;

/** What is read: the pair of every token, by its number in a list. */
interface Stream {
  readonly pairs: Associations;
  readonly order: readonly number[];
}

/** Pairs that are all different, but for the first, which comes twice. */
const strangers = (): Stream => ({
  pairs: associations(1, TOKENS + 1, DIM),
  order: Array.from({ length: TOKENS }, (_, t) => (SHOWN.includes(t + 1) ? 0 : t + 1)),
});

/** The same few pairs again and again; in the second half their keys have other values. */
const repetition = (): Stream => {
  const [before, after] = [associations(2, REPEATED, DIM), associations(3, REPEATED, DIM)];
  const pairs = detached(() =>
    scope(() => ({
      keys: np.concatenate([before.keys, before.keys]),
      values: np.concatenate([before.values, after.values]),
    })),
  );
  release(before, after);
  return { pairs, order: Array.from({ length: TOKENS }, (_, t) => (t % REPEATED) + (t < TOKENS / 2 ? 0 : REPEATED)) };
};

/** After every token, how much of the first pair's value the memory answers to its key, and how large the token's surprise was. */
async function readStream({ pairs, order }: Stream, gates: Gates): Promise<{ answers: number[]; surprises: number[] }> {
  const number = (n: number) => detached(() => tensor([n], []));
  const gateTensors = {
    forget: number(gates.forget),
    momentum: number(gates.momentum),
    stepSize: number(gates.stepSize),
  };
  const asked = detached(() => [slice(pairs.keys, [0, 1]), slice(pairs.values, [0, 1])] as const);
  let state: MemoryState = detached(() => ({
    memory: { layers: [np.zeros([DIM, DIM])] },
    surprise: { layers: [np.zeros([DIM, DIM])] },
  }));
  const [answers, surprises]: [number[], number[]] = [[], []];
  for (const pair of order) {
    const [k, v] = detached(() => [slice(pairs.keys, pair), slice(pairs.values, pair)] as const);
    const { next, found } = await write(state, k, v, gateTensors, ...asked);
    const [answer, surprise] = await read(found);
    answers.push(answer!);
    surprises.push(surprise!);
    release(state, k, v, found);
    state = next;
  }
  release(state, pairs, asked, gateTensors);
  return { answers, surprises };
}

const points = (ys: readonly number[]) => ys.map((y, i) => [i + 1, y] as const);

export const figure: Figure<"forget" | "momentum" | "stepSize"> = {
  sliders: [
    { name: "forget", label: "forgetting α", min: 0, max: 0.2, step: 0.01, start: 0.03 },
    { name: "momentum", label: "momentum η", min: 0, max: 0.9, step: 0.05, start: 0.5 },
    { name: "stepSize", label: "step size θ", min: 0.05, max: 1, step: 0.05, start: 0.4 },
  ],
  async compute(gates): Promise<Panel[]> {
    const plain = { ...gates, forget: 0, momentum: 0 };
    const compared = async (stream: () => Stream, what: "answers" | "surprises"): Promise<Curve[]> => [
      {
        name: "without momentum and forgetting",
        points: points((await readStream(stream(), plain))[what]),
        reference: true,
      },
      { name: "with these gates", points: points((await readStream(stream(), gates))[what]) },
    ];
    return [
      {
        title: "What is left of one association",
        x: "token",
        y: "share of the value that the memory answers to the key",
        curves: await compared(strangers, "answers"),
      },
      {
        title: "How much each token of a repetition surprises",
        x: "token",
        y: "length of the gradient",
        curves: await compared(repetition, "surprises"),
      },
    ];
  },
};
