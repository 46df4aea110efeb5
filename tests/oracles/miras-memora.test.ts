import { describe, expect, it } from "vitest";
import { addMatrix, type Matrix, matVec, outer, scale, scaleMatrix, subtract } from "./matrix.ts";
import { mirasSequenceFixture, mirasTokenFixture } from "./miras-fixtures.ts";
import {
  type MirasMemoraOptions,
  mirasMemora,
  mirasMemoraInitialState,
  mirasMemoraLogits,
  mirasMemoraWeights,
} from "./miras-memora.ts";
import { mirasForward, mirasMatrixMemory, mirasMlpMemory, mirasPullBack } from "./miras-memory.ts";
import { type MirasSequence, mirasInitialState, sliceMirasSequence } from "./miras-models.ts";
import { mirasSoftmaxStep } from "./miras-retentions.ts";
import { randomSource } from "./random.ts";
import { flatten, maxDifference } from "./tree.ts";

const random = randomSource(191);
const width = 4;
const totals = [2.5, 1.5];
const deep: MirasMemoraOptions = { memory: mirasMlpMemory, totals, tail: "log", floor: 1e-8, chunk: 4 };
const logits = [random.normalMatrix(6, width), random.normalMatrix(width, 6)];
const length = 18;
const sequence: MirasSequence = {
  keys: Array.from({ length }, () => random.unitVector(width)),
  values: random.normalMatrix(length, width),
  queries: Array.from({ length }, () => random.unitVector(width)),
  retain: Array.from({ length }, () => random.uniformVector(width, 0.8, 1)),
  stepSize: Array.from({ length }, () => random.uniformVector(width, 0.05, 0.4)),
};
const start = mirasMemoraInitialState(logits, deep);
const rowSums = (layer: Matrix): number[] => layer.map((row) => row.reduce((sum, w) => sum + w, 0));

describe("oracle: Memora, printed numbers", () => {
  const options: MirasMemoraOptions = { memory: mirasMatrixMemory, totals: [1], tail: "log", floor: null, chunk: 1 };
  const { retain, stepSize } = mirasSequenceFixture;
  const tokens: MirasSequence = { ...mirasSequenceFixture.tokens, retain, stepSize };
  const fromLog = mirasInitialState(mirasMemoraLogits([mirasTokenFixture.positive], [1]));
  const fromWeights = mirasInitialState([mirasTokenFixture.positive]);

  it.each([1, 3] as const)("three tokens on a matrix, chunk %d", (chunk) => {
    const { trace } = mirasMemora(tokens, fromLog, { ...options, chunk });
    expect(maxDifference(trace[2]!.weights[0], mirasSequenceFixture.memora[chunk])).toBeLessThan(1e-9);
    expect(maxDifference(trace[0]!.weights[0], mirasSequenceFixture.memoraLag)).toBeLessThan(1e-9);
  });

  it("the tail in the weights leaves the simplex; the next lag token needs the floor", () => {
    const tail = { ...options, tail: "weights" as const, chunk: 3 };
    const { trace, state } = mirasMemora(tokens, fromWeights, tail);
    expect(maxDifference(trace[0]!.weights[0], mirasSequenceFixture.memoraLag)).toBeLessThan(1e-9);
    expect(maxDifference(trace[2]!.weights[0], mirasSequenceFixture.memoraWeightsTail)).toBeLessThan(1e-9);
    expect(mirasMemora(tokens, state, tail).outputs.flat().some(Number.isNaN)).toBe(true);
    const held = mirasMemora(tokens, state, { ...tail, floor: 1e-8 });
    expect(held.outputs.flat().every(Number.isFinite)).toBe(true);
    for (const sum of rowSums(held.trace[0]!.weights[0]!)) expect(sum).toBeCloseTo(1, 14);
  });
});

describe("oracle: Memora token by token", () => {
  it("the logarithm as state equals the literal softmax of the decayed logarithm, row by row", () => {
    const { trace } = mirasMemora(sequence, start, { ...deep, chunk: 1 });
    let layers = mirasMemoraWeights(logits, totals);
    sequence.keys.forEach((key, t) => {
      const error = subtract(mirasForward(mirasMlpMemory, layers, key), sequence.values[t]!);
      const gradient = mirasPullBack(mirasMlpMemory, layers, key, error);
      const retain = sequence.retain[t] as number[];
      const rate = sequence.stepSize[t] as number[];
      const mean = (gate: number[]): number => gate.reduce((sum, g) => sum + g, 0) / width;
      layers = [
        layers[0]!.map((row, i) => mirasSoftmaxStep(row, gradient[0]![i]!, mean(retain), mean(rate), totals[0]!)),
        layers[1]!.map((row, i) => mirasSoftmaxStep(row, gradient[1]![i]!, retain[i]!, rate[i]!, totals[1]!)),
      ];
      expect(maxDifference(trace[t]!.weights, layers)).toBeLessThan(1e-12);
    });
  });

  it("rows keep their sums and stay positive at every read, for any input", () => {
    const loud = { ...sequence, values: sequence.values.map((value) => scale(50, value)) };
    for (const { weights } of mirasMemora(loud, start, deep).trace) {
      weights.forEach((layer, l) => {
        for (const sum of rowSums(layer)) expect(sum / totals[l]!).toBeCloseTo(1, 13);
      });
      expect(Math.min(...flatten(weights))).toBeGreaterThan(0);
    }
  });

  it("without a gradient it fades to uniform rows; without decay it is exponentiated gradient", () => {
    const many = 300;
    const repeated: MirasSequence = {
      keys: Array.from({ length: many }, () => sequence.keys[0]!),
      values: Array.from({ length: many }, () => sequence.values[0]!),
      queries: Array.from({ length: many }, () => sequence.queries[0]!),
      retain: new Array<number>(many).fill(0.9),
      stepSize: new Array<number>(many).fill(0),
    };
    const faded = mirasMemora(repeated, start, deep).trace.at(-1)!.weights;
    expect(maxDifference(faded[0]!.flat(), new Array(24).fill(totals[0]! / width))).toBeLessThan(1e-12);
    const matrix = { ...deep, memory: mirasMatrixMemory, totals: [2.5], chunk: 1 };
    const slate = mirasInitialState([logits[0]!.slice(0, width)]);
    const weights = mirasMemoraWeights(slate.accumulator, [2.5])[0]!;
    const single = { ...sliceMirasSequence(sequence, 0, 1), retain: [1], stepSize: [0.3] };
    const error = subtract(matVec(weights, single.keys[0]!), single.values[0]!);
    const raw = weights.map((row, i) => row.map((w, j) => w * Math.exp(-0.3 * error[i]! * single.keys[0]![j]!)));
    const expected = raw.map((row) => scale(2.5 / row.reduce((sum, w) => sum + w, 0), row));
    expect(maxDifference(mirasMemora(single, slate, matrix).trace[0]!.weights[0], expected)).toBeLessThan(1e-13);
  });
});

describe("oracle: chunks and masks of Memora", () => {
  it("chunks of two are the same as single tokens: after the lag token no gradient is stale", () => {
    const single = mirasMemora(sequence, start, { ...deep, chunk: 1 });
    const pairs = mirasMemora(sequence, start, { ...deep, chunk: 2 });
    expect(maxDifference(pairs.outputs, single.outputs)).toBeLessThan(1e-13);
    const triples = mirasMemora(sequence, start, { ...deep, chunk: 3 });
    expect(maxDifference(triples.outputs, single.outputs)).toBeGreaterThan(1e-4);
  });

  it("the log tail is the softmax step with the gradient at the lag token's weights", () => {
    const { trace } = mirasMemora(sequence, start, deep);
    const base = trace[0]!.weights;
    let weights = base;
    for (let t = 1; t < 4; t++) {
      const key = sequence.keys[t]!;
      const error = subtract(mirasForward(mirasMlpMemory, base, key), sequence.values[t]!);
      const gradient = mirasPullBack(mirasMlpMemory, base, key, error)[1]!;
      const [retain, rate] = [sequence.retain[t] as number[], sequence.stepSize[t] as number[]];
      weights = [
        trace[t]!.weights[0]!,
        weights[1]!.map((row, i) => mirasSoftmaxStep(row, gradient[i]!, retain[i]!, rate[i]!, totals[1]!)),
      ];
      expect(maxDifference(trace[t]!.weights, weights)).toBeLessThan(1e-13);
    }
  });

  it("the tail in the weights is the decayed sum of frozen gradients", () => {
    const options: MirasMemoraOptions = { ...deep, memory: mirasMatrixMemory, totals: [1.5], tail: "weights" };
    const square = mirasMemoraInitialState([logits[1]!.map((row) => row.slice(0, width))], options);
    const gates = { retain: [0.9, 0.8, 0.95, 0.85], stepSize: [0.1, 0.2, 0.3, 0.05] };
    const chunk = { ...sliceMirasSequence(sequence, 0, 4), ...gates };
    const { trace } = mirasMemora(chunk, square, options);
    const lag = trace[0]!.weights[0]!;
    let weights = lag;
    for (let t = 1; t < 4; t++) {
      const gradient = outer(subtract(matVec(lag, chunk.keys[t]!), chunk.values[t]!), chunk.keys[t]!);
      weights = addMatrix(scaleMatrix(gates.retain[t]!, weights), scaleMatrix(-gates.stepSize[t]!, gradient));
      expect(maxDifference(trace[t]!.weights[0], weights)).toBeLessThan(1e-14);
    }
  });

  it.each(["log", "weights"] as const)("%s tail: a stream cut anywhere goes on as if it were whole", (tail) => {
    const options = { ...deep, tail };
    const whole = mirasMemora(sequence, mirasMemoraInitialState(logits, options), options);
    for (const cut of [1, 4, 7]) {
      const first = mirasMemora(
        sliceMirasSequence(sequence, 0, cut),
        mirasMemoraInitialState(logits, options),
        options,
      );
      const rest = mirasMemora(sliceMirasSequence(sequence, cut, length), first.state, options);
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
    }
  });

  it("a masked slot is a slot with retention 1 and rate 0, also in the place of the lag token", () => {
    const mask = sequence.keys.map((_, t) => t % 5 !== 2 && t !== 4);
    const masked = mirasMemora({ ...sequence, mask }, start, deep);
    const idle = {
      ...sequence,
      retain: sequence.retain.map((gate, t) => (mask[t] ? gate : 1)),
      stepSize: sequence.stepSize.map((gate, t) => (mask[t] ? gate : 0)),
    };
    expect(maxDifference(masked.outputs, mirasMemora(idle, start, deep).outputs)).toBeLessThan(1e-13);
    expect(masked.trace[4]!.accumulator).toEqual(masked.trace[3]!.accumulator);
    expect(maxDifference(masked.outputs, mirasMemora(sequence, start, deep).outputs)).toBeGreaterThan(1e-3);
    const ends = mirasMemora({ ...sequence, mask: mask.map(() => false) }, start, { ...deep, tail: "weights" });
    expect(ends.state.accumulator).toEqual(start.accumulator);
  });

  it("chunks differ from single tokens by second order in the rate", () => {
    for (const chunk of [4, 16]) {
      const gap = (s: number): number => {
        const small = {
          ...sequence,
          retain: sequence.retain.map(() => 1),
          stepSize: sequence.stepSize.map((gate) => scale(s, gate as number[])),
        };
        const one = mirasMemora(small, start, { ...deep, chunk: 1 }).outputs;
        return maxDifference(mirasMemora(small, start, { ...deep, chunk }).outputs, one);
      };
      for (const s of [1e-2, 1e-3]) expect(Math.abs(Math.log10(gap(s) / gap(s / 10)) - 2)).toBeLessThan(0.05);
    }
  });

  it("equal rows are degenerate: the first matrix receives next to no gradient and the second a huge one", () => {
    const uniform = mirasMemoraWeights(
      [new Array<number[]>(6).fill([0, 0, 0, 0]), new Array<number[]>(4).fill([0, 0, 0, 0, 0, 0])],
      totals,
    );
    const key = sequence.keys[0]!;
    const error = subtract(mirasForward(mirasMlpMemory, uniform, key), sequence.values[0]!);
    const gradient = mirasPullBack(mirasMlpMemory, uniform, key, error);
    expect(Math.max(...flatten(gradient[0]).map(Math.abs))).toBeLessThan(1e-12);
    expect(Math.max(...flatten(gradient[1]).map(Math.abs))).toBeGreaterThan(10);
  });
});
