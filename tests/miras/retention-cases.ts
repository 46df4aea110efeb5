/** What the tests of retention gates share: the reference's example, random cases, and every gate with its rule for one token. */
import { np, type Tensor, type TensorLike } from "../../src/array/index.ts";
import * as miras from "../../src/miras/index.ts";
import { type Matrix, matVec, outer, randomSource, subtract, type Vector } from "../oracles/index.ts";

/** The example that the reference works out by hand: weights, key, value, and weights on a simplex (rows sum to 1, the total is 2). */
export const example = {
  weights: [
    [0.5, -0.2, 0.1],
    [0.3, 0.4, -0.6],
  ],
  simplex: [
    [0.2, 0.5, 0.3],
    [0.6, 0.1, 0.3],
  ],
  key: [0.6, 0, 0.8],
  value: [1, -0.5],
};

/** (W k - v) kᵀ, the gradient of half the squared error. */
export function squaredErrorGradient(weights: Matrix, key: Vector, value: Vector): Matrix {
  return outer(subtract(matVec(weights, key), value), key);
}

export const exampleGradient = squaredErrorGradient(example.weights, example.key, example.value);
export const exampleSimplexGradient = squaredErrorGradient(example.simplex, example.key, example.value);

/** The reference's three tokens. */
export const threeTokens = {
  keys: [
    [0.6, 0, 0.8],
    [0, 1, 0],
    [0.8, 0.6, 0],
  ],
  values: [
    [1, -0.5],
    [0.2, 0.7],
    [-0.4, 0.3],
  ],
  retain: [0.9, 0.95, 0.8],
  stepSize: [0.1, 0.2, 0.3],
};

/** Positive weights whose rows sum to `total`. */
export function randomSimplexRows(seed: number, rows: number, columns: number, total = 1): Matrix {
  const random = randomSource(seed);
  return Array.from({ length: rows }, () => {
    const raw = random.uniformVector(columns, 0.2, 1);
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((x) => (x / sum) * total);
  });
}

/** A gate, and the rule that it must be in chunks of one token: the next weights from the state, written with the function of that rule. */
export interface RetentionCase {
  readonly retention: miras.NonlinearRetention;
  /** Whether a retain gate of 1 leaves only its step. */
  readonly rule: (state: Tensor, gradient: Tensor, retain: Tensor, stepSize: Tensor) => Tensor;
  /** Whether two tokens of a chunk with known gradients are two steps of the rule. */
  readonly chunksExactly: boolean;
}

const rows = { total: 1.5, slice: "row" } as const;
const inverseOf = (retain: Tensor, stepSize: Tensor) =>
  np.divide(np.multiply(retain, stepSize), np.subtract(1, retain));
const decayed = (state: Tensor, gradient: Tensor, retain: TensorLike, stepSize: TensorLike) =>
  np.subtract(np.multiply(state, retain), np.multiply(gradient, stepSize));

/** Every retention gate. Gates are of shape [1, 1], the retain gate below 1. */
export const retentionCases: Readonly<Record<string, RetentionCase>> = {
  "relative entropy, free gates, rows": {
    retention: miras.klRetention(rows),
    rule: (state, gradient, retain, stepSize) =>
      miras.simplexWeights(miras.softmaxUpdate(state, gradient, { retain, stepSize }, "row"), rows),
    chunksExactly: true,
  },
  "relative entropy, coupled gates, whole matrix": {
    retention: miras.klRetention({ total: 2, coupled: true }),
    rule: (state, gradient, retain, stepSize) =>
      miras.klUpdate(
        miras.simplexWeights(state, { total: 2 }),
        gradient,
        { stepSize, inverseGlobal: inverseOf(retain, stepSize) },
        { total: 2 },
      ),
    chunksExactly: true,
  },
  ...Object.fromEntries(
    Object.values(miras.fDivergences).map((f): [string, RetentionCase] => [
      `f-divergence, ${f.name}`,
      {
        retention: miras.fDivergenceRetention(f, rows),
        rule: (state, gradient, _retain, stepSize) => miras.fDivergenceUpdate(state, gradient, stepSize, f, rows),
        chunksExactly: f.name === "kl",
      },
    ]),
  ),
  "elastic net": {
    retention: miras.elasticNetRetention({ inverseL1: 4 }),
    rule: (state, gradient, retain, stepSize) =>
      miras.elasticNetUpdate(state, gradient, { stepSize, inverseL1: 4, inverseL2: inverseOf(retain, stepSize) }),
    chunksExactly: false,
  },
  "elastic net, smooth": {
    retention: miras.elasticNetRetention({ inverseL1: 4, shrink: miras.smoothSoftThreshold }),
    rule: (state, gradient, retain, stepSize) =>
      miras.elasticNetUpdate(
        state,
        gradient,
        { stepSize, inverseL1: 4, inverseL2: inverseOf(retain, stepSize) },
        miras.smoothSoftThreshold,
      ),
    chunksExactly: false,
  },
  "elastic net, regularised leader": {
    retention: miras.elasticNetFtrlRetention({ threshold: 0.125 }),
    rule: (state, gradient, retain, stepSize) =>
      miras.elasticNetFtrlUpdate(np.multiply(state, retain), gradient, {
        stepSize,
        inverseL1: np.multiply(stepSize, 8),
      }).weights,
    chunksExactly: true,
  },
  ...Object.fromEntries(
    miras.lqMaps.flatMap((map) =>
      [2, 3, 4].map((qDual): [string, RetentionCase] => [
        `l_q, ${map}, q = ${qDual}`,
        {
          retention: miras.lqRetention({ map, qDual }),
          rule: (state, gradient, retain, stepSize) =>
            miras.lqWeights(decayed(state, gradient, retain, stepSize), { map, qDual }),
          chunksExactly: true,
        },
      ]),
    ),
  ),
  "bregman, quadratic": {
    retention: miras.bregmanRetention(miras.bregmanGenerators.quadratic),
    rule: (state, gradient, retain, stepSize) =>
      miras.bregmanUpdate(np.multiply(state, retain), gradient, stepSize, miras.bregmanGenerators.quadratic),
    chunksExactly: true,
  },
  "bregman, logit": {
    retention: miras.bregmanRetention(miras.bregmanGenerators.logit),
    rule: (state, gradient, retain, stepSize) => {
      const { logit } = miras.bregmanGenerators;
      return miras.bregmanUpdate(logit.inverse(np.multiply(state, retain)), gradient, stepSize, logit);
    },
    chunksExactly: true,
  },
};

/** A chunk of one or more tokens through a gate's interface: the weights after each, and the state carried on. */
export function throughInterface(
  retention: miras.NonlinearRetention,
  state: Tensor,
  tokens: readonly { gradient: Tensor; retain: Tensor; stepSize: Tensor }[],
): { weights: Tensor[]; next: Tensor } {
  let accumulator = retention.accumulator(state);
  let shrinkage: Tensor | undefined;
  const weights = tokens.map(({ gradient, ...given }) => {
    const input = { ...given, logRetain: np.log(given.retain) };
    const gates: ReturnType<NonNullable<miras.NonlinearRetention["gates"]>> = retention.gates?.(input) ?? input;
    // Float64 logarithms have float32 digits on this engine; a gate that a retention leaves alone need not go through them.
    const retain = gates.logRetain === input.logRetain ? given.retain : np.exp(gates.logRetain);
    accumulator = np.subtract(np.multiply(accumulator, retain), np.multiply(gradient, gates.stepSize));
    if (gates.shrinkage !== undefined) shrinkage = np.add(np.multiply(retain, shrinkage ?? 0), gates.shrinkage);
    return retention.weights(accumulator, state, shrinkage);
  });
  return { weights, next: retention.next(accumulator, state, shrinkage) };
}
