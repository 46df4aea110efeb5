/** How gates shape what a memory of Titans keeps of an association, and what surprises it. */
import { detached, np, read, release, scope, slice, startEngine, type Tensor, tensor } from "neural-memory/array";
import type { MemoryArchitecture } from "neural-memory/common";
import { type MemoryState, memoryUpdate, momentarySurprise, retrieve, type TokenGates } from "neural-memory/titans";
import { associations } from "./parts/associations.ts";
import type { Figure, Panel } from "./parts/live-figure.ts";

const DIM = 24;
const TOKENS = 64;
/** When the association is shown. */
const SHOWN = [8, 40];

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

/** After every token, how much of the association's value the memory answers to its key, and how large the token's surprise was. */
async function read64Tokens(gates: Gates): Promise<{ answers: number[]; surprises: number[] }> {
  const { keys, values } = associations(1, TOKENS, DIM);
  const pick = (x: Tensor, t: number) => detached(() => slice(x, SHOWN.includes(t) ? 0 : t));
  const asked = detached(() => scope(() => [slice(keys, [0, 1]), slice(values, [0, 1])] as const));
  const gateTensors = detached(() =>
    scope(() => ({
      forget: tensor([gates.forget], []),
      momentum: tensor([gates.momentum], []),
      stepSize: tensor([gates.stepSize], []),
    })),
  );
  let state: MemoryState = detached(() =>
    scope(() => ({ memory: { layers: [np.zeros([DIM, DIM])] }, surprise: { layers: [np.zeros([DIM, DIM])] } })),
  );
  const [answers, surprises]: [number[], number[]] = [[], []];
  for (let t = 1; t < TOKENS; t++) {
    const [k, v] = [pick(keys, t), pick(values, t)];
    const { next, found } = await write(state, k, v, gateTensors, ...asked);
    const [answer, surprise] = await read(found);
    answers.push(answer!);
    surprises.push(surprise!);
    release(state, k, v, found);
    state = next;
  }
  release(state, keys, values, asked, gateTensors);
  return { answers, surprises };
}

const points = (ys: readonly number[]) => ys.map((y, i) => [i + 1, y] as const);

export const figure: Figure<"forget" | "momentum" | "stepSize"> = {
  sliders: [
    { name: "forget", label: "forgetting α", min: 0, max: 0.2, step: 0.01, start: 0.03 },
    { name: "momentum", label: "momentum η", min: 0, max: 0.9, step: 0.05, start: 0.5 },
    { name: "stepSize", label: "step size θ", min: 0.05, max: 1, step: 0.05, start: 0.5 },
  ],
  async compute(gates): Promise<Panel[]> {
    const chosen = await read64Tokens(gates);
    const plain = await read64Tokens({ ...gates, forget: 0, momentum: 0 });
    return [
      {
        title: "What is left of one association",
        x: "token",
        y: "share of the value that the memory answers to the key",
        curves: [
          { name: "without momentum and forgetting", points: points(plain.answers), reference: true },
          { name: "with these gates", points: points(chosen.answers) },
        ],
      },
      {
        title: "How much each token surprises",
        x: "token",
        y: "length of the gradient",
        curves: [
          { name: "without momentum and forgetting", points: points(plain.surprises), reference: true },
          { name: "with these gates", points: points(chosen.surprises) },
        ],
      },
    ];
  },
};
