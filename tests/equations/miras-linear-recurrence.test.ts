import { describe, expect, it } from "vitest";
import { grad, np, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  dotProductBias,
  linearRecurrence,
  linearRnn,
  matrixMemoryStep,
  type TransitionKind,
  transitionKinds,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, type NumberTree, randomMatrix, toTensor } from "../common/tensors.ts";
import { inFloat64, wide, wideTree } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";

/** Odd sizes, and values of another width than keys. */
const [inputs, outputs] = [4, 3];

/** A transition in plain numbers, and what it makes of a memory. */
const kinds: Record<
  TransitionKind,
  { transition: (random: oracle.RandomSource) => NumberTree; apply: (a: never, m: oracle.Matrix) => oracle.Matrix }
> = {
  scalar: {
    transition: (random) => random.uniform(),
    apply: (a: number, m) => oracle.scaleMatrix(a, m),
  },
  row: {
    transition: (random) => random.uniformVector(outputs, 0, 1),
    apply: (a: oracle.Vector, m) => oracle.scaleRows(a, m),
  },
  column: {
    transition: (random) => random.uniformVector(inputs, 0, 1),
    apply: (a: oracle.Vector, m) => m.map((row) => oracle.hadamard(row, a)),
  },
  hadamard: {
    transition: (random) => Array.from({ length: outputs }, () => random.uniformVector(inputs, 0, 1)),
    apply: (a: oracle.Matrix, m) => m.map((row, i) => oracle.hadamard(row, a[i]!)),
  },
  rightMatrix: {
    transition: (random) => random.normalMatrix(inputs, inputs, 0.5),
    apply: (a: oracle.Matrix, m) => oracle.matMul(m, a),
  },
};

interface Sequence {
  readonly memory: oracle.Matrix;
  readonly transitions: NumberTree[];
  readonly keys: oracle.Matrix;
  readonly values: oracle.Matrix;
}

function randomSequence(seed: number, kind: TransitionKind, tokens: number): Sequence {
  const random = oracle.randomSource(seed);
  return {
    memory: random.normalMatrix(outputs, inputs),
    transitions: Array.from({ length: tokens }, () => kinds[kind].transition(random)),
    keys: random.normalMatrix(tokens, inputs),
    values: random.normalMatrix(tokens, outputs),
  };
}

/** M_1..M_C by plain loops. */
function byLoop(kind: TransitionKind, { memory, transitions, keys, values }: Sequence): oracle.Matrix[] {
  let now = memory;
  return transitions.map((transition, t) => {
    now = oracle.addMatrix(kinds[kind].apply(transition as never, now), oracle.outer(values[t]!, keys[t]!));
    return now;
  });
}

function scanned(kind: TransitionKind, sequence: Sequence): Tensor {
  const { memory, transitions, keys, values } = sequence;
  return linearRnn(toTensor(memory), toTensor(transitions), toTensor(keys), toTensor(values), kind);
}

describe.each(transitionKinds)("a linear recurrence with a %s transition", (kind) => {
  it("MIRAS Eq. 3: linearRecurrence token by token equals the plain loop", () => {
    scope(() => {
      const sequence = randomSequence(141, kind, 6);
      const expected = byLoop(kind, sequence);
      let memory = toTensor(sequence.memory);
      sequence.transitions.forEach((transition, t) => {
        memory = linearRecurrence(
          memory,
          toTensor(transition),
          toTensor(sequence.keys[t]!),
          toTensor(sequence.values[t]!),
          kind,
        );
        expectClose(memory, expected[t]!);
      });
    });
  });

  it.each([1, 2, 7, 16])("MIRAS Eq. 3: linearRnn as a scan over %d tokens equals the plain loop", (tokens) => {
    scope(() => {
      const sequence = randomSequence(142, kind, tokens);
      // Products of up to sixteen matrices in another order.
      expectClose(scanned(kind, sequence), byLoop(kind, sequence), 2e-6);
    });
  });

  it("MIRAS Eq. 3: linearRnn keeps the memories of a batch apart, and goes on from where it was", () => {
    scope(() => {
      const sequences = [143, 144].map((seed) => randomSequence(seed, kind, 5));
      const stacked = (part: keyof Sequence) => toTensor(sequences.map((sequence) => sequence[part] as NumberTree));
      const all = linearRnn(stacked("memory"), stacked("transitions"), stacked("keys"), stacked("values"), kind);
      expectClose(
        all,
        sequences.map((sequence) => byLoop(kind, sequence)),
        2e-6,
      );
      const [first] = sequences as [Sequence];
      const part = (from: number, to: number, memory: Tensor) =>
        linearRnn(
          memory,
          toTensor(first.transitions.slice(from, to)),
          toTensor(first.keys.slice(from, to)),
          toTensor(first.values.slice(from, to)),
          kind,
        );
      const start = part(0, 2, toTensor(first.memory));
      const rest = part(2, 5, slice(start, 1));
      expectClose(np.concatenate([start, rest], 0), byLoop(kind, first), 2e-6);
    });
  });
});

describeNative.each(transitionKinds)("in float64 with a %s transition", (kind) => {
  it("MIRAS Eq. 3: linearRnn equals the plain loop to 1e-12, with the outer gradients of finite differences", async () => {
    const sequence = randomSequence(145, kind, 6);
    const read = (s: Record<keyof Sequence, Tensor>) => linearRnn(s.memory, s.transitions, s.keys, s.values, kind);
    expectClose(await inFloat64(read, wideTree(sequence as never)), byLoop(kind, sequence), 1e-12);
    const loss = (s: Sequence) => oracle.flatten(byLoop(kind, s)).reduce((sum, x) => sum + x * x, 0);
    const actual = await inFloat64(
      grad((s: Record<keyof Sequence, Tensor>) => np.sum(np.square(read(s)))),
      wideTree(sequence as never),
    );
    expectClose(actual, oracle.centralGradientTree(loss, sequence, { richardson: true }) as never, 1e-8);
  });
});

describe("special cases of the linear recurrence", () => {
  const tokens = 6;
  const [keys, values] = [randomMatrix(146, tokens, inputs), randomMatrix(147, tokens, outputs)];
  const discounted = (a: number) =>
    keys.map((_, t) =>
      keys
        .slice(0, t + 1)
        .map((key, i) => oracle.scaleMatrix(a ** (t - i), oracle.outer(values[i]!, key)))
        .reduce(oracle.addMatrix),
    );
  const run = (a: number) =>
    linearRnn(
      np.zeros([outputs, inputs]),
      np.full([tokens], a, { dtype: "float32" }),
      toTensor(keys),
      toTensor(values),
      "scalar",
    );

  it("MIRAS Eq. 3: linearRnn with A = 1 sums the pairs, which is the step of the dot-product bias", () => {
    scope(() => {
      expectClose(run(1), discounted(1));
      let memory = np.zeros([outputs, inputs]);
      keys.forEach((key, t) => {
        const write = { key: toTensor(key), value: toTensor(values[t]!), stepSize: np.ones([1]) };
        memory = matrixMemoryStep(dotProductBias(), memory, write);
        expectClose(slice(run(1), t), memory);
      });
    });
  });

  it("MIRAS Eq. 3: linearRnn with a constant scalar discounts the pairs by their age", () => {
    scope(() => expectClose(run(0.8), discounted(0.8)));
  });

  it("MIRAS Eq. 3: linearRnn with A = 0 remembers only the last pair", () => {
    scope(() =>
      expectClose(
        run(0),
        keys.map((key, t) => oracle.outer(values[t]!, key)),
      ),
    );
  });

  it("MIRAS Eq. 3: linearRecurrence of one column is a vector memory", () => {
    scope(() => {
      const memory = linearRecurrence(
        toTensor([[2], [4]]),
        toTensor([0.5, 0.25]),
        toTensor([1]),
        toTensor([3, 5]),
        "row",
      );
      expectClose(memory, [[4], [6]]);
    });
  });

  it("MIRAS Eq. 3: linearRecurrence gives the reference's fixtures of gated models", () => {
    scope(() => {
      const memory = wide([
        [0.5, -0.2, 0.1],
        [0.3, 0.4, -0.6],
      ]);
      const [key, value] = [wide([0.6, 0, 0.8]), wide([1, -0.5])];
      const retention = [
        [1.05, -0.18, 0.89],
        [-0.03, 0.36, -0.94],
      ];
      expectClose(linearRecurrence(memory, wide(0.9), key, value, "scalar"), retention, 1e-12);
      const gatedLinearAttention = [
        [1.05, -0.1, 0.87],
        [-0.03, 0.2, -0.82],
      ];
      expectClose(linearRecurrence(memory, wide([0.9, 0.5, 0.7]), key, value, "column"), gatedLinearAttention, 1e-12);
      // DeltaNet: what the key read before is erased, then half of the value is written.
      const erase = [
        [1 - 0.5 * 0.36, 0, -0.5 * 0.48],
        [0, 1, 0],
        [-0.5 * 0.48, 0, 1 - 0.5 * 0.64],
      ];
      const deltaNet = [
        [0.686, -0.2, 0.348],
        [0.24, 0.4, -0.68],
      ];
      expectClose(linearRecurrence(memory, wide(erase), key, wide([0.5, -0.25]), "rightMatrix"), deltaNet, 1e-12);
    });
  });

  it("refuses transitions that are unknown or do not fit", () => {
    scope(() => {
      const [memory, k, v] = [np.zeros([outputs, inputs]), toTensor(keys[0]!), toTensor(values[0]!)];
      expect(() => linearRecurrence(memory, np.ones([outputs]), k, v, "column")).toThrow(
        "a column transition has shape [3]; for writes of shape [3,4] it must be [4]",
      );
      expect(() => linearRecurrence(memory, np.ones([outputs]), k, v, "left" as never)).toThrow(
        'a transition of kind "left" is unknown (valid: scalar, row, column, hadamard, rightMatrix)',
      );
      expect(() => linearRnn(memory, np.ones([5]), toTensor(keys), toTensor(values), "scalar")).toThrow(
        "it must be [6]",
      );
    });
  });
});
