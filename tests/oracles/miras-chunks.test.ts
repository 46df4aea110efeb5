import { describe, expect, it } from "vitest";
import { addMatrix, hadamard, type Matrix, matVec, outer, scaleMatrix, scaleRows, type Vector } from "./matrix.ts";
import { type MirasBias, mirasMatrixGradient, mirasOutputError } from "./miras-biases.ts";
import {
  mirasBatchedSum,
  mirasCumulative,
  mirasExpandedStates,
  mirasFrozenErrors,
  mirasMatrixReads,
  mirasMlpReads,
} from "./miras-chunks.ts";
import { mirasMatrixMemory, mirasMlpMemory } from "./miras-memory.ts";
import { mirasInitialState, mirasYaad } from "./miras-models.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(201);
const length = 8;
const width = 4;
const keys = Array.from({ length }, () => random.unitVector(width));
const values = random.normalMatrix(length, width);
const queries = Array.from({ length }, () => random.unitVector(width));
const channelGates = {
  retain: Array.from({ length }, () => random.uniformVector(width, 0.6, 1)),
  stepSize: Array.from({ length }, () => random.uniformVector(width, 0.05, 0.4)),
};
const scalarGates = {
  retain: channelGates.retain.map((gate) => gate.map(() => gate[0]!)),
  stepSize: channelGates.stepSize.map((gate) => gate.map(() => gate[0]!)),
};
const start = random.normalMatrix(width, width);
const biases: MirasBias[] = [
  { kind: "l2", scale: "half" },
  { kind: "lp", p: 3 },
  { kind: "huber-coordinate", threshold: 0.8 },
  { kind: "huber-mixture", threshold: 1.5, l1: "sign" },
];

describe("oracle: one chunk without its token loop", () => {
  it.each([
    ["scalar", scalarGates],
    ["channel", channelGates],
  ])("%s gates: the expanded recurrence and the batched sum equal the loop with frozen gradients", (_, gates) => {
    for (const bias of biases) {
      const gradients = keys.map((key, t) => mirasMatrixGradient(bias, start, key, values[t]!));
      const states: Matrix[] = [];
      let weights = start;
      gradients.forEach((gradient, t) => {
        const step = gates.stepSize[t]!.map((eta) => -eta);
        weights = addMatrix(scaleRows(gates.retain[t]!, weights), scaleRows(step, gradient));
        states.push(weights);
      });
      expect(maxDifference(mirasExpandedStates(start, gradients, gates), states)).toBeLessThan(1e-14);
      const error = (y: Vector, v: Vector): Vector => mirasOutputError(bias, y, v);
      const errors = mirasFrozenErrors(mirasMatrixMemory, [start], keys, values, error);
      const end = scaleRows(mirasCumulative(gates.retain).at(-1)!, start);
      const batched = mirasBatchedSum(errors, keys, gates);
      expect(maxDifference(addMatrix(end, scaleMatrix(-1, batched)), weights)).toBeLessThan(1e-14);
      const reads = states.map((state, t) => matVec(state, queries[t]!));
      expect(maxDifference(mirasMatrixReads(start, errors, keys, queries, gates), reads)).toBeLessThan(1e-13);
    }
  });

  it("one token's share of the batched sum is its outer product with the decay that follows it", () => {
    const silent = {
      ...channelGates,
      stepSize: channelGates.stepSize.map((gate, i) => (i === 2 ? gate : gate.map(() => 0))),
    };
    const after = channelGates.retain.slice(3).reduce(hadamard);
    const expected = scaleRows(hadamard(after, channelGates.stepSize[2]!), outer(values[2]!, keys[2]!));
    expect(maxDifference(mirasBatchedSum(values, keys, silent), expected)).toBeLessThan(1e-14);
  });

  it("reads and end of the two-layer memory equal the token loop", () => {
    const layers = [random.normalMatrix(6, width, 0.5), random.normalMatrix(width, 6, 0.5)];
    const affine = { epsilon: 1e-5, gamma: random.uniformVector(width, 0.5, 1.5), beta: random.normalVector(width) };
    for (const memory of [mirasMlpMemory, { ...mirasMlpMemory, norm: affine }]) {
      const threshold = new Array<number>(length).fill(1.5);
      const sequence = { keys, values, queries, ...channelGates, threshold };
      const loop = mirasYaad(sequence, mirasInitialState(layers), { memory, l1: "sign", chunk: length });
      const error = (y: Vector, v: Vector): Vector => mirasOutputError(biases[3]!, y, v);
      const errors = mirasFrozenErrors(memory, layers, keys, values, error);
      const chunk = mirasMlpReads(memory, layers, errors, keys, queries, channelGates);
      expect(maxDifference(chunk.outputs, loop.outputs)).toBeLessThan(1e-12);
      expect(maxDifference(chunk.final, loop.state.accumulator)).toBeLessThan(1e-13);
    }
  });
});
