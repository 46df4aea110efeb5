/** How long each retention gate keeps an association while others are written: real writes of the engine, one token at a time. */
import { detached, type Engine, key, np, read, release, scope, slice, type Tensor, tensor } from "../array/index.ts";
import {
  type AssociativeMemory,
  type AssociativeState,
  associativeMemory,
  type RetentionChoice,
} from "../miras/index.ts";
import { linearAssociations } from "./associations.ts";

/** How the experiment is made. */
export interface RetentionOptions {
  /** Each draws other pairs, and another fresh memory. */
  readonly seeds: readonly number[];
  /** Features of a key and of a value. */
  readonly dim: number;
  /** Writes after the first. */
  readonly writes: number;
  readonly stepSize: number;
  /** What every gate but "none" is told to keep at every token. */
  readonly retain: number;
}

/** The usual numbers. */
export const retentionOptions: RetentionOptions = {
  seeds: [0, 1, 2, 3, 4],
  dim: 32,
  writes: 256,
  stepSize: 0.5,
  retain: 0.99,
};

/** Which gates are drawn together. */
export const retentionGroups = ["decay and norms", "scaled simplex", "thresholds and bounds"] as const;
export type RetentionGroup = (typeof retentionGroups)[number];

/** A gate of the experiment. */
interface RetentionCase {
  readonly name: string;
  readonly group: RetentionGroup;
  readonly retention: RetentionChoice;
}

const simplex = { slice: "row", total: "entries" } as const;
const elasticNet = { kind: "elasticNet", inverseL1: 500, threshold: 0.005, smooth: false } as const;

const cases: readonly RetentionCase[] = [
  { name: "none", group: "decay and norms", retention: { kind: "none" } },
  { name: "l2 decay", group: "decay and norms", retention: { kind: "l2", gradientAt: "previous" } },
  { name: "lq, as printed", group: "decay and norms", retention: { kind: "lq", qDual: 4, map: "printed" } },
  { name: "lq, mirror map", group: "decay and norms", retention: { kind: "lq", qDual: 4, map: "mirror" } },
  { name: "relative entropy", group: "scaled simplex", retention: { kind: "kl", ...simplex, lagToken: false } },
  {
    name: "chi square",
    group: "scaled simplex",
    retention: { kind: "fDivergence", divergence: "chiSquare", ...simplex },
  },
  {
    name: "Hellinger",
    group: "scaled simplex",
    retention: { kind: "fDivergence", divergence: "hellinger", ...simplex },
  },
  {
    name: "elastic net",
    group: "thresholds and bounds",
    retention: { ...elasticNet, form: "learningRetaining" },
  },
  { name: "elastic net, FTRL", group: "thresholds and bounds", retention: { ...elasticNet, form: "ftrl" } },
  { name: "Bregman, logit", group: "thresholds and bounds", retention: { kind: "bregman", generator: "logit" } },
];

/** How one gate kept the first pair. */
export interface RetentionFinding {
  readonly name: string;
  readonly group: RetentionGroup;
  /** What is left of the first write in the memory's answer to its key, by number of later writes and by seed; 1 right after it. */
  readonly strength: readonly (readonly number[])[];
}

/** What the experiment found. */
export interface RetentionFindings {
  readonly options: RetentionOptions;
  /** Numbers of later writes, from 0. */
  readonly writes: readonly number[];
  readonly gates: readonly RetentionFinding[];
}

/** Writes between two measurements, which are one compiled program. */
const TOKENS = 4;

/**
 * Writes one pair, then others, into a memory and into a twin that was not given the first pair: what the two answer to its key differs by what is left of it.
 *
 * $$s_n = \frac{\langle \mathcal M(W_n; k_1) - \mathcal M(W'_n; k_1),\ d \rangle}{\|d\|^2}, \qquad d = \mathcal M(W_0; k_1) - \mathcal M(W'_0; k_1)$$
 *
 * The bias is the dot product, whose writes erase nothing: whatever is forgotten, the gate has forgotten. Chunk size 1.
 *
 * @param told hears which gate is next
 */
export async function retentionExperiment(
  engine: Engine,
  changes: Partial<RetentionOptions> = {},
  told: (gate: string) => void = () => {},
): Promise<RetentionFindings> {
  const options = { ...retentionOptions, ...changes };
  const { seeds, writes, dim } = options;
  const { keys, values } = linearAssociations({ seeds, pairs: 1 + writes, dim });
  const gates: RetentionFinding[] = [];
  for (const one of cases) {
    told(one.name);
    gates.push({
      name: one.name,
      group: one.group,
      strength: await strengthOf(engine, one, options, { keys, values }),
    });
  }
  release(keys, values);
  return { options, writes: Array.from({ length: 1 + writes / TOKENS }, (_, i) => i * TOKENS), gates };
}

/** Pairs of every seed: [seeds, pairs, dim] each. */
interface Pairs {
  readonly keys: Tensor;
  readonly values: Tensor;
}

async function strengthOf(
  engine: Engine,
  { name, retention }: RetentionCase,
  options: RetentionOptions,
  { keys, values }: Pairs,
): Promise<number[][]> {
  const { seeds, dim, writes, retain } = options;
  const memory = associativeMemory({
    architecture: { kind: "matrix" },
    bias: { kind: "dotProduct" },
    retention,
    algorithm: { kind: "gradientDescent", gradientPoint: "chunk" },
    dim,
  });
  const kept = retention.kind === "none" ? 1 : retain;
  const write = engine.compile(
    `writing with retention ${name}`,
    (state: AssociativeState, pairs: Pairs, first: Tensor, steps: Tensor) =>
      writtenTwins(memory, state, pairs, first, { steps, kept }),
  );
  const [state, first, steps, rest] = detached(() =>
    scope(() => {
      const fresh = memory.start(memory.init(key(seeds[0]!), seeds.length));
      const twins = fresh.layers.map((x) => np.broadcastTo(x, [2, ...x.shape]));
      const taken = tensor(Float32Array.of(options.stepSize, 0), [2, 1, 1, 1]);
      const later = np.full([2, 1, 1, 1], options.stepSize);
      return [{ layers: twins } as AssociativeState, slice(keys, [], [0, 1]), taken, later] as const;
    }),
  );
  const differences: Float32Array[] = [];
  let now = state;
  for (let from = 0; from <= writes; from += from === 0 ? 1 : TOKENS) {
    const cut = (x: Tensor) => detached(() => slice(x, [], [from, from === 0 ? 1 : from + TOKENS]));
    const pairs = { keys: cut(keys), values: cut(values) };
    const { next, difference } = await write(now, pairs, first, from === 0 ? steps : rest);
    differences.push(Float32Array.from(await read(difference)));
    release(now, pairs, difference);
    now = next;
  }
  release(now, first, steps, rest);
  return differences.map((difference) => seeds.map((_, seed) => shareOf(difference, differences[0]!, seed, dim)));
}

/** A row of a list of rows, projected on the same row of another, as a share of it. */
function shareOf(rows: Float32Array, unit: Float32Array, row: number, width: number): number {
  let [product, square] = [0, 0];
  for (let i = row * width; i < (row + 1) * width; i++) {
    product += rows[i]! * unit[i]!;
    square += unit[i]! ** 2;
  }
  return product / square;
}

/** Both twins after some writes, and by how much they differ at the first key: [seeds, dim] */
function writtenTwins(
  memory: AssociativeMemory,
  start: AssociativeState,
  pairs: Pairs,
  first: Tensor,
  { steps, kept }: { readonly steps: Tensor; readonly kept: number },
): { next: AssociativeState; difference: Tensor } {
  const [seeds, tokens, dim] = pairs.keys.shape as [number, number, number];
  const both = (x: Tensor) => np.broadcastTo(x, [2, seeds, 1, dim]);
  const ones = np.ones([2, seeds, 1, 1]);
  const gates = { logRetain: np.multiply(ones, Math.log(kept)), stepSize: np.multiply(ones, steps) };
  let state = start;
  let outputs: Tensor | undefined;
  for (let token = 0; token < tokens; token++) {
    const row = (x: Tensor) => both(slice(x, [], [token, token + 1]));
    const written = { keys: row(pairs.keys), values: row(pairs.values), queries: both(first) };
    ({ state, outputs } = memory.chunk(state, written, gates));
  }
  const answers = np.squeeze(outputs!, 2); // [2, seeds, dim]
  return { next: state, difference: np.subtract(slice(answers, 0), slice(answers, 1)) };
}
