import { describe, expect, it } from "vitest";
import { dot, scale, zeroMatrix } from "./matrix.ts";
import { mirasSequenceFixture, mirasTokenFixture } from "./miras-fixtures.ts";
import { type MirasLayers, mirasForward, mirasMatrixMemory, mirasMlpMemory } from "./miras-memory.ts";
import {
  type MirasMonetaOptions,
  type MirasRun,
  type MirasSequence,
  mirasDelta,
  mirasInitialState,
  mirasMoneta,
  mirasMonetaAccumulatorOf,
  mirasYaad,
  sliceMirasSequence,
} from "./miras-models.ts";
import { mirasLNorm } from "./miras-retentions.ts";
import { mirasDeltaBeforeDecay, mirasTtt } from "./miras-table-delta.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(181);
const width = 4;
const fixtureSequence = {
  ...mirasSequenceFixture.tokens,
  retain: mirasSequenceFixture.retain,
  stepSize: mirasSequenceFixture.stepSize,
  threshold: mirasSequenceFixture.threshold,
};
const fixtureState = mirasInitialState([mirasTokenFixture.weights]);
const matrix: MirasMonetaOptions = { memory: mirasMatrixMemory, p: 3, q: 4, map: "printed", read: "exact", chunk: 1 };
const deep: MirasMonetaOptions = { ...matrix, memory: mirasMlpMemory, smooth: { slope: 10, epsilon: 1e-6 } };

const mlp = (): MirasLayers => [random.normalMatrix(6, width, 0.5), random.normalMatrix(width, 6, 0.5)];
const sequenceOf = (length: number): MirasSequence & { threshold: number[] } => ({
  keys: Array.from({ length }, () => random.unitVector(width)),
  values: random.normalMatrix(length, width),
  queries: Array.from({ length }, () => random.unitVector(width)),
  retain: Array.from({ length }, () => random.uniformVector(width, 0.8, 1)),
  stepSize: Array.from({ length }, () => random.uniformVector(width, 0.01, 0.2)),
  threshold: random.uniformVector(length, 0.5, 2.5),
});

describe("oracle: Moneta and Yaad, printed numbers", () => {
  it.each([1, 3] as const)("three tokens on a matrix, chunk %d", (chunk) => {
    const state = ({ trace }: MirasRun) => trace[2]!.accumulator[0];
    const plain = { memory: mirasMatrixMemory, chunk };
    const expected = mirasSequenceFixture;
    expect(maxDifference(state(mirasDelta(fixtureSequence, fixtureState, plain)), expected.delta[chunk])).toBeLessThan(
      1e-9,
    );
    const sign = mirasYaad(fixtureSequence, fixtureState, { ...plain, l1: "sign" });
    expect(maxDifference(state(sign), expected.yaadSign[chunk])).toBeLessThan(1e-9);
    const direction = mirasYaad(fixtureSequence, fixtureState, { ...plain, l1: "direction" });
    expect(maxDifference(state(direction), expected.yaadDirection[chunk])).toBeLessThan(1e-9);
    const run = mirasMoneta(fixtureSequence, fixtureState, { ...matrix, chunk });
    expect(maxDifference(state(run), expected.monetaAccumulator[chunk])).toBeLessThan(1e-9);
    expect(maxDifference(run.trace[2]!.weights[0], expected.monetaWeights[chunk])).toBeLessThan(1e-9);
  });
});

describe("oracle: limits of Moneta and Yaad", () => {
  const sequence = sequenceOf(12);
  const scalar = {
    ...sequence,
    retain: random.uniformVector(12, 0.8, 1),
    stepSize: random.uniformVector(12, 0.1, 0.4),
  };
  const start = mirasInitialState([random.normalMatrix(width, width)]);

  it("Moneta with both exponents 2 is the decayed delta rule with twice the rate, also from zero", () => {
    const gates = { retain: scalar.retain, stepSize: scale(2, scalar.stepSize) };
    const empty = mirasInitialState([zeroMatrix(width, width)]);
    for (const initial of [start, empty]) {
      const run = mirasMoneta(scalar, initial, { ...matrix, p: 2, q: 2 });
      const delta = mirasDeltaBeforeDecay(scalar, gates, initial.accumulator[0]!);
      expect(maxDifference(run.outputs, delta.outputs)).toBeLessThan(1e-13);
    }
  });

  it("Yaad with a far threshold is the delta rule; without decay on an MLP it is TTT", () => {
    const far = { ...scalar, threshold: new Array<number>(12).fill(1e9) };
    const run = mirasYaad(far, start, { memory: mirasMatrixMemory, l1: "sign", chunk: 1 });
    const delta = mirasDeltaBeforeDecay(scalar, scalar, start.accumulator[0]!);
    expect(maxDifference(run.outputs, delta.outputs)).toBeLessThan(1e-13);
    const layers = mlp();
    const still = { ...far, retain: new Array<number>(12).fill(1) };
    const options = { memory: mirasMlpMemory, l1: "sign", chunk: 1 } as const;
    const ttt = mirasTtt(mirasMlpMemory, scalar, scalar.stepSize, "half", layers);
    expect(maxDifference(mirasYaad(still, mirasInitialState(layers), options).outputs, ttt.outputs)).toBeLessThan(
      1e-12,
    );
  });

  it("printed view: the norm of the weights is the norm of the accumulator to the power 3 - q", () => {
    for (const q of [2, 3, 4, 5]) {
      const run = mirasMoneta(sequence, mirasInitialState(mlp()), { ...deep, q });
      for (const { accumulator, weights } of run.trace) {
        weights.forEach((layer, l) => {
          const expected = mirasLNorm(accumulator[l]!.flat(), q) ** (3 - q);
          expect(mirasLNorm(layer.flat(), q) / expected).toBeCloseTo(1, 12);
        });
      }
    }
    const wanted = mlp();
    const still = { ...sequence, stepSize: new Array<number>(12).fill(0), retain: new Array<number>(12).fill(1) };
    const held = mirasMoneta(still, mirasInitialState(mirasMonetaAccumulatorOf(wanted, 4)), deep);
    expect(maxDifference(held.trace[0]!.weights, wanted)).toBeLessThan(1e-14);
  });

  it("a carried view instead of the accumulator is another model", () => {
    const initial = mirasInitialState(mlp());
    const first = mirasMoneta(sliceMirasSequence(sequence, 0, 6), initial, { ...deep, chunk: 3 });
    const rest = sliceMirasSequence(sequence, 6, 12);
    const right = mirasMoneta(rest, first.state, { ...deep, chunk: 3 });
    const wrong = mirasMoneta(rest, mirasInitialState(first.trace.at(-1)!.weights), { ...deep, chunk: 3 });
    expect(maxDifference(right.outputs, wrong.outputs)).toBeGreaterThan(1e-2);
    expect(maxDifference(mirasMoneta(sequence, initial, { ...deep, chunk: 3 }).outputs.slice(6), right.outputs)).toBe(
      0,
    );
  });

  it("an outlier of any size writes the same with the hard sign, and nearly the same with the direction", () => {
    const outlier = (size: number, l1: "sign" | "direction") => {
      const loud = {
        ...scalar,
        values: scalar.values.with(0, [size, -size, 2 * size, size]),
        threshold: new Array<number>(12).fill(1),
      };
      const run = mirasYaad(loud, start, { memory: mirasMatrixMemory, l1, chunk: 1 });
      return run.trace[0]!.accumulator;
    };
    expect(maxDifference(outlier(100, "sign"), outlier(1000, "sign"))).toBe(0);
    expect(maxDifference(outlier(100, "direction"), outlier(1000, "direction"))).toBeLessThan(1e-2);
    expect(maxDifference(outlier(100, "direction"), outlier(1000, "direction"))).toBeGreaterThan(0);
  });

  it("the exponents, the map, the threshold, the branch and the decay all matter", () => {
    const initial = mirasInitialState(mlp());
    const base = mirasMoneta(sequence, initial, deep).outputs;
    for (const change of [{ p: 2 }, { q: 3 }, { map: "mirror" as const }]) {
      expect(maxDifference(mirasMoneta(sequence, initial, { ...deep, ...change }).outputs, base)).toBeGreaterThan(1e-3);
    }
    const options = { memory: mirasMlpMemory, l1: "sign" as const, chunk: 1 };
    const plain = mirasYaad(sequence, initial, options).outputs;
    const others = [
      mirasYaad({ ...sequence, threshold: scale(0.5, sequence.threshold) }, initial, options),
      mirasYaad(sequence, initial, { ...options, l1: "direction" }),
      mirasYaad({ ...sequence, retain: new Array<number>(12).fill(1) }, initial, options),
    ];
    for (const { outputs } of others) expect(maxDifference(outputs, plain)).toBeGreaterThan(1e-3);
  });
});

describe("oracle: chunks, reads and masks of Moneta and Yaad", () => {
  const sequence = sequenceOf(19);
  const initial = mirasInitialState(mlp());
  const models: [string, (s: typeof sequence, chunk: number, state?: typeof initial) => MirasRun][] = [
    ["Moneta", (s, chunk, state = initial) => mirasMoneta(s, state, { ...deep, chunk })],
    ["Moneta, frozen reads", (s, chunk, state = initial) => mirasMoneta(s, state, { ...deep, read: "frozen", chunk })],
    ["Moneta, mirror map", (s, chunk, state = initial) => mirasMoneta(s, state, { ...deep, map: "mirror", chunk })],
    [
      "Yaad",
      (s, chunk, state = initial) => mirasYaad(s, state, { memory: mirasMlpMemory, l1: "sign", slope: 10, chunk }),
    ],
  ];

  it.each(models)("%s: a stream cut anywhere goes on as if it were whole", (_, model) => {
    const whole = model(sequence, 4);
    for (const cut of [1, 4, 6, 15]) {
      const first = model(sliceMirasSequence(sequence, 0, cut), 4);
      const rest = model(sliceMirasSequence(sequence, cut, 19), 4, first.state);
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
    }
  });

  it.each(models)(
    "%s: a masked slot is a slot with retention 1 and rate 0, and its content does not matter",
    (_, model) => {
      const masked = sequence.keys.map((__, t) => t % 5 === 2 || t === 4 || t > 16);
      const withMask = model({ ...sequence, mask: masked.map((hidden) => !hidden) }, 4);
      const idle = {
        ...sequence,
        retain: sequence.retain.map((gate, t) => (masked[t] ? 1 : gate)),
        stepSize: sequence.stepSize.map((gate, t) => (masked[t] ? 0 : gate)),
      };
      expect(withMask.outputs).toEqual(model(idle, 4).outputs);
      const noise = { ...sequence, values: sequence.values.map((v, t) => (masked[t] ? scale(1e3, v) : v)) };
      expect(model({ ...noise, mask: masked.map((hidden) => !hidden) }, 4)).toEqual(withMask);
      expect(maxDifference(withMask.outputs, model(sequence, 4).outputs)).toBeGreaterThan(1e-3);
      expect(withMask.losses.filter((loss) => loss === 0)).toHaveLength(masked.filter(Boolean).length);
    },
  );

  it.each(models)("%s: an output depends on its own and earlier tokens only", (_, model) => {
    const before = model(sequence, 4).outputs;
    const after = model({ ...sequence, values: sequence.values.with(9, [9, 9, -9, 9]) }, 4).outputs;
    expect(after.slice(0, 9)).toEqual(before.slice(0, 9));
    expect(maxDifference(after[9], before[9])).toBeGreaterThan(1e-6);
  });

  it.each(models)("%s: the outputs are reads of the weights after each token", (_, model) => {
    const { outputs, trace } = model(sequence, 4);
    const reads = trace.map(({ weights }, t) => mirasForward(mirasMlpMemory, weights, sequence.queries[t]!));
    expect(outputs).toEqual(reads);
  });

  it("frozen reads: the scale of the chunk's start inside, the exact one at its last token and with chunks of one", () => {
    const exact = mirasMoneta(sequence, initial, { ...deep, chunk: 4 });
    const frozen = mirasMoneta(sequence, initial, { ...deep, chunk: 4, read: "frozen" });
    expect(frozen.trace.map(({ accumulator }) => accumulator)).toEqual(
      exact.trace.map(({ accumulator }) => accumulator),
    );
    exact.outputs.forEach((output, t) => {
      if (t % 4 === 3) expect(frozen.outputs[t]).toEqual(output);
      else expect(maxDifference(frozen.outputs[t], output)).toBeGreaterThan(0);
    });
    const opening = exact.trace[3]!;
    const size =
      dot(opening.accumulator[0]!.flat(), opening.weights[0]!.flat()) /
      dot(opening.weights[0]!.flat(), opening.weights[0]!.flat());
    const expected = exact.trace[5]!.accumulator[0]!.map((row) => scale(1 / size, row));
    expect(maxDifference(frozen.trace[5]!.weights[0], expected)).toBeLessThan(1e-12);
    const single = mirasMoneta(sequence, initial, { ...deep, read: "frozen" });
    expect(single.outputs).toEqual(mirasMoneta(sequence, initial, deep).outputs);
  });

  it.each(models)("%s: the order in the rate at which chunks differ from single tokens", (name, model) => {
    // A scale that is one chunk old is wrong to first order; stale gradients are wrong to second order.
    const [order, scales] = name === "Moneta, frozen reads" ? [1, [1e-5, 1e-6]] : [2, [1e-3, 1e-4]];
    for (const chunk of [4, 16]) {
      const gap = (s: number): number => {
        const small = {
          ...sequence,
          retain: sequence.retain.map(() => 1),
          stepSize: sequence.stepSize.map((gate) => scale(s, gate as number[])),
        };
        return maxDifference(model(small, chunk).outputs, model(small, 1).outputs);
      };
      for (const s of scales) {
        const slope = Math.log10(gap(s) / gap(s / 10));
        expect(Math.abs(slope - order), `chunk ${chunk}, scale ${s}`).toBeLessThan(0.1);
      }
    }
  });
});
