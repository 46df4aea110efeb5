/** A memory that takes in one pair a token, for several seeds at once, with the equations as functions: what two pictures are computed with. */
import { detached, type Engine, key, np, read, release, scope, slice, type Tensor } from "../../src/array/index.ts";
import { initMemoryWeights, l2Normalize, type MemoryArchitecture, memoryNorm } from "../../src/common/index.ts";
import { linearAssociations } from "../../src/evaluation/associations.ts";
import { associativeLoss, type MemoryState, memoryUpdate, momentarySurprise } from "../../src/titans/index.ts";

/** Seeds whose mean is drawn. */
const SEEDS = Array.from({ length: 16 }, (_, seed) => seed);
export const SEED_COUNT = SEEDS.length;

const architecture: MemoryArchitecture = {
  depth: 2,
  dim: 16,
  hiddenDim: 32,
  activation: "silu",
  residual: false,
  norm: false,
};

/** A token: which key it brings, and which value. */
export interface Pair {
  readonly key: number;
  readonly value: number;
}

/** The gates of every token. */
export interface Gates {
  readonly forget: number;
  readonly momentum: number;
  readonly stepSize: number;
}

/** What was seen at each token, means over the seeds. */
export interface TokenTrace {
  /** Inner loss before the token was written. */
  readonly loss: readonly number[];
  /** Norm of the token's surprise. */
  readonly surprise: readonly number[];
  /** Norm of the surprise that is carried on after it. */
  readonly carried: readonly number[];
}

/**
 * Writes pairs into fresh memories.
 *
 * @param tokens what each token brings
 */
export async function writePairs(engine: Engine, tokens: readonly Pair[], gates: Gates): Promise<TokenTrace> {
  const pairs = 1 + Math.max(...tokens.flatMap((token) => [token.key, token.value]));
  const { keys, values } = linearAssociations({ seeds: SEEDS, pairs, dim: architecture.dim });
  const step = engine.compile("one token", (before: MemoryState, k: Tensor, v: Tensor) => {
    const row = (x: Tensor) => np.expandDims(x, 1);
    const of = (gate: number) => np.full([SEED_COUNT], gate, { dtype: "float32" });
    const loss = associativeLoss(architecture, before.memory, row(k), row(v));
    const surprise = momentarySurprise(architecture, before.memory, k, v);
    const state = memoryUpdate(before, surprise, {
      forget: of(gates.forget),
      momentum: of(gates.momentum),
      stepSize: of(gates.stepSize),
    });
    const norm = (tree: MemoryState["memory"]) => np.mean(memoryNorm(paired(tree)));
    return { state, seen: np.stack([np.mean(loss), norm(surprise), norm(state.surprise)]) };
  });
  let state = detached(() => scope(() => freshState()));
  const seen: number[][] = [];
  for (const token of tokens) {
    const [k, v] = detached(() =>
      scope(() => [slice(keys, [], token.key), l2Normalize(slice(values, [], token.value))] as const),
    );
    const after = await step(state, k, v);
    release(state, k, v);
    seen.push([...(await read(after.seen))]);
    release(after.seen);
    state = after.state;
  }
  release(state, keys, values);
  const column = (at: number) => seen.map((numbers) => numbers[at]!);
  return { loss: column(0), surprise: column(1), carried: column(2) };
}

function freshState(): MemoryState {
  const memory = initMemoryWeights(architecture, key(0), SEED_COUNT, 0.1);
  return { memory, surprise: { layers: memory.layers.map((w) => np.zerosLike(w)) } };
}

/** With an axis of one head, which norms are taken by. */
function paired({ layers }: MemoryState["memory"]): MemoryState["memory"] {
  return { layers: layers.map((w) => np.expandDims(w, 1)) };
}
