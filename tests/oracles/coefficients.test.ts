import { describe, expect, it } from "vitest";
import { beforeCoefficients, chunkCoefficients, closedFormStates } from "./coefficients.ts";
import { addMatrix, identity, type Matrix, matMul, scaleMatrix, zeroMatrix } from "./matrix.ts";
import { memoryGradient, randomMemory } from "./memory-mlp.ts";
import { randomSource } from "./random.ts";
import { initialMemoryState, titansRecurrence } from "./titans.ts";
import { combine, maxDifference } from "./tree.ts";

const random = randomSource(5);
const lengths = [1, 2, 5, 16, 33];
const gatesOf = (length: number) => ({
  forget: random.uniformVector(length, 0, 0.9),
  momentum: random.uniformVector(length, 0, 1),
  stepSize: random.uniformVector(length, 0, 1),
});
const constant = (length: number, value: number): number[] => new Array<number>(length).fill(value);
const columnSums = (row: number[]): number => row.reduce((sum, value) => sum + value, 0);

describe("oracle: chunk coefficients, section 7.2", () => {
  it.each(lengths)("closed form equals the recurrence for every token, C = %i", (length) => {
    const gates = gatesOf(length);
    const gradients = Array.from({ length }, () => random.normalMatrix(3, 2));
    let weights = random.normalMatrix(3, 2);
    let momentum = random.normalMatrix(3, 2);
    const closed = closedFormStates(chunkCoefficients(gates), weights, momentum, gradients);
    for (let t = 0; t < length; t++) {
      momentum = combine(gates.momentum[t]!, momentum, -gates.stepSize[t]!, gradients[t]!);
      weights = combine(1 - gates.forget[t]!, weights, 1, momentum);
      expect(maxDifference(closed.weights[t], weights)).toBeLessThan(1e-12);
      expect(maxDifference(closed.momentum[t], momentum)).toBeLessThan(1e-12);
    }
  });

  it.each(lengths)("diagonal, bounds, row recurrence and inverse identity, C = %i", (length) => {
    const gates = gatesOf(length);
    const { H, L, P, R } = chunkCoefficients(gates);
    const largest = 1 / (1 - Math.max(...gates.momentum));
    for (let t = 0; t < length; t++) {
      expect(P[t]![t]).toBe(gates.stepSize[t]);
      for (let i = 0; i <= t; i++) {
        expect(L[t]![i]).toBeGreaterThanOrEqual(0);
        expect(L[t]![i]).toBeLessThanOrEqual(Math.min(t - i + 1, largest) * (1 + 1e-14));
        const carried = t > 0 ? (1 - gates.forget[t]!) * P[t - 1]![i]! : 0;
        expect(Math.abs(P[t]![i]! - carried - R[t]![i]!)).toBeLessThan(1e-13);
      }
      for (let i = t + 1; i < length; i++) expect([H[t]![i], L[t]![i], P[t]![i]]).toEqual([0, 0, 0]);
    }
    const below = (values: number[]): Matrix =>
      addMatrix(
        identity(length),
        zeroMatrix(length, length).map((row, t) => row.map((_, i) => (i === t - 1 ? -values[t]! : 0))),
      );
    const keep = gates.forget.map((alpha) => 1 - alpha);
    const product = matMul(matMul(below(gates.momentum), below(keep)), L);
    expect(maxDifference(product, identity(length))).toBeLessThan(1e-13);
  });

  it("L = A H, and H A is something else", () => {
    const { A, H, L } = chunkCoefficients(gatesOf(9));
    expect(maxDifference(L, matMul(A, H))).toBeLessThan(1e-14);
    expect(maxDifference(L, matMul(H, A))).toBeGreaterThan(1e-2);
  });

  it("without momentum L = A (Eq. 16); without forgetting and for constant gates the printed kernels", () => {
    const gates = gatesOf(12);
    const still = chunkCoefficients({ ...gates, momentum: constant(12, 0) });
    expect(still.L).toEqual(still.A);
    const kept = chunkCoefficients({ ...gates, forget: constant(12, 0), momentum: constant(12, 0.8) });
    const both = chunkCoefficients({ ...gates, forget: constant(12, 0.1), momentum: constant(12, 0.8) });
    for (let t = 0; t < 12; t++) {
      for (let i = 0; i <= t; i++) {
        const n = t - i;
        expect(kept.L[t]![i]).toBeCloseTo((1 - 0.8 ** (n + 1)) / (1 - 0.8), 13);
        expect(both.L[t]![i]).toBeCloseTo((0.9 ** (n + 1) - 0.8 ** (n + 1)) / (0.9 - 0.8), 13);
      }
    }
  });

  it("section 9.2: the printed row sums of P for forget 1e-3", () => {
    const rowSum = (length: number, stepSize: number, momentum: number): number => {
      // Only the last row is needed: the row recurrence avoids the cubic loop.
      let carried = 0;
      let total = 0;
      for (let t = 0; t < length; t++) {
        carried = momentum * carried + stepSize;
        total = 0.999 * total + carried;
      }
      return total;
    };
    const direct = chunkCoefficients({
      forget: constant(16, 1e-3),
      momentum: constant(16, 0.9),
      stepSize: constant(16, 0.1),
    });
    expect(rowSum(16, 0.1, 0.9)).toBeCloseTo(columnSums(direct.P.at(-1)!), 13);
    const printed = [
      [16, 15.9, 86, 1.6, 8.6, 0.16, 0.86],
      [64, 62, 535, 6.2, 53, 0.62, 5.3],
      [256, 226, 2190, 23, 219, 2.3, 22],
    ];
    for (const [length, ...sums] of printed) {
      [
        [1, 0],
        [1, 0.9],
        [0.1, 0],
        [0.1, 0.9],
        [0.01, 0],
        [0.01, 0.9],
      ].forEach(([stepSize, momentum], column) => {
        const sum = rowSum(length!, stepSize!, momentum!);
        // Printed to two or three digits.
        expect(Math.abs(sum / sums[column]! - 1)).toBeLessThan(0.03);
      });
    }
  });

  it("section 7.9: masked tokens are removed exactly, also with running momentum", () => {
    const length = 10;
    const mask = Array.from({ length }, (_, t) => ![0, 3, 4, 9].includes(t));
    const gates = gatesOf(length);
    const gradients = Array.from({ length }, () => random.normalMatrix(2, 2));
    const start = [random.normalMatrix(2, 2), random.normalMatrix(2, 2)] as const;
    const masked = closedFormStates(chunkCoefficients({ ...gates, mask }), ...start, gradients);
    const valid = <T>(items: T[]): T[] => items.filter((_, t) => mask[t]);
    const removed = closedFormStates(
      chunkCoefficients({
        forget: valid(gates.forget),
        momentum: valid(gates.momentum),
        stepSize: valid(gates.stepSize),
      }),
      ...start,
      valid(gradients),
    );
    expect(maxDifference(valid(masked.weights), removed.weights)).toBeLessThan(1e-14);
    expect(maxDifference(valid(masked.momentum), removed.momentum)).toBeLessThan(1e-14);
    expect(maxDifference(masked.weights[4], masked.weights[2])).toBeLessThan(1e-14);
    expect(maxDifference(masked.momentum[4], masked.momentum[2])).toBeLessThan(1e-14);
    expect(masked.weights[0]).toEqual(start[0]);
  });

  it("section 7.8: shifted coefficients give the weights before each token", () => {
    const gates = gatesOf(6);
    const gradients = Array.from({ length: 6 }, () => random.normalMatrix(2, 2));
    const [weights, momentum] = [random.normalMatrix(2, 2), random.normalMatrix(2, 2)];
    const coefficients = chunkCoefficients(gates);
    const after = closedFormStates(coefficients, weights, momentum, gradients).weights;
    const shifted = { ...coefficients, ...beforeCoefficients(coefficients) };
    const before = closedFormStates(shifted, weights, momentum, gradients).weights;
    expect(before).toEqual([weights, ...after.slice(0, -1)]);
  });

  it.each([1, 2, 3, 4])("closed form equals the memory recurrence inside one chunk, depth %i", (depth) => {
    const widths = [4, ...constant(depth - 1, 5), 4];
    const network = { activation: "silu" as const, residual: false, normEpsilon: 1e-3 };
    const memory = randomMemory(random, widths, false);
    const gates = gatesOf(7);
    const keys = Array.from({ length: 7 }, () => random.unitVector(4));
    const values = random.normalMatrix(7, 4);
    const start = initialMemoryState(memory, randomMemory(random, widths, false, 0.3));
    const options = { network, kappa: 1, chunk: 7, read: "after" as const };
    const { trace } = titansRecurrence({ keys, values, queries: keys, ...gates }, start, options);
    for (let l = 0; l < depth; l++) {
      const gradients = keys.map((key, t) => memoryGradient(network, memory, key, values[t]!, 1).layers[l]!);
      const closed = closedFormStates(
        chunkCoefficients(gates),
        memory.layers[l]!,
        start.momentum.layers[l]!,
        gradients,
      );
      expect(
        maxDifference(
          closed.weights,
          trace.map(({ weights }) => weights.layers[l]!),
        ),
      ).toBeLessThan(1e-12);
      expect(
        maxDifference(
          closed.momentum,
          trace.map(({ momentum }) => momentum.layers[l]!),
        ),
      ).toBeLessThan(1e-12);
    }
  });

  it("Eq. 17: the weighted sum of gradients is one product with the weights on the tokens", () => {
    const length = 7;
    const { forget, stepSize } = gatesOf(length);
    const { P } = chunkCoefficients({ forget, stepSize, momentum: constant(length, 0) });
    const memory = random.normalMatrix(3, 3);
    const keys = random.normalMatrix(length, 3);
    const values = random.normalMatrix(length, 3);
    const residual = matMul(keys, transposed(memory)).map((row, t) => row.map((entry, c) => entry - values[t]![c]!));
    const weighted = residual.map((row, t) => row.map((entry) => entry * P.at(-1)![t]!));
    const product = matMul(transposed(weighted), keys);
    const network = { activation: "identity" as const, residual: false, normEpsilon: 0 };
    const explicit = keys
      .map((key, t) => memoryGradient(network, { layers: [memory], norm: null }, key, values[t]!, 1).layers[0]!)
      .map((gradient, t) =>
        scaleMatrix(stepSize[t]! * forget.slice(t + 1).reduce((all, alpha) => all * (1 - alpha), 1), gradient),
      )
      .reduce(addMatrix);
    expect(maxDifference(product, explicit)).toBeLessThan(1e-13);
  });
});

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));
}
