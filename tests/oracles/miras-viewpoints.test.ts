import { describe, expect, it } from "vitest";
import { centralGradient } from "./finite-differences.ts";
import { inverse } from "./linear-solve.ts";
import { identity, type Matrix, matMul, matVec, scaleMatrix, subtract, type Vector, zeroMatrix } from "./matrix.ts";
import { mirasMatrixGradient } from "./miras-biases.ts";
import { mirasEmptyMemory, mirasScalarDecay } from "./miras-table.ts";
import { mirasDeltaNet } from "./miras-table-delta.ts";
import {
  mirasDiscountedSums,
  mirasFollowTheLeader,
  mirasFtrlObjective,
  mirasLearningRetaining,
  mirasMesa,
  mirasOnlineDescent,
  mirasRecursiveLeastSquares,
  mirasRidge,
} from "./miras-viewpoints.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(161);
const length = 30;
const keys = Array.from({ length }, () => random.unitVector(6));
const values = random.normalMatrix(length, 4);
const queries = random.normalMatrix(length, 6);
const nothing = zeroMatrix(4, 6);
const elsewhere = random.normalMatrix(4, 6);
const constant: Vector = new Array<number>(length).fill(0.3);
const varying = random.uniformVector(length, 0.05, 0.6);
const gradientAt = (weights: Matrix, t: number): Matrix =>
  mirasMatrixGradient({ kind: "l2", scale: "half" }, weights, keys[t]!, values[t]!);

describe("oracle: one gradient step and follow the regularised leader", () => {
  it("the step on the squared error is the delta rule", () => {
    const steps = mirasOnlineDescent(gradientAt, varying, elsewhere);
    const delta = mirasDeltaNet({ keys, values, queries }, varying, elsewhere);
    expect(maxDifference(steps.at(-1)!, delta.final)).toBeLessThan(1e-13);
  });

  it("printed leader: equal for one rate from zero, different for changing rates or another start", () => {
    const printed = { rates: "outside", anchor: "origin" } as const;
    const difference = (rates: Vector, start: Matrix, options: Parameters<typeof mirasFollowTheLeader>[3]): number =>
      maxDifference(
        mirasFollowTheLeader(gradientAt, rates, start, options),
        mirasOnlineDescent(gradientAt, rates, start),
      );
    expect(difference(constant, nothing, printed)).toBeLessThan(1e-14);
    expect(difference(varying, nothing, printed)).toBeGreaterThan(0.1);
    expect(difference(constant, elsewhere, printed)).toBeGreaterThan(0.1);
    expect(difference(varying, nothing, { ...printed, rates: "inside" })).toBeLessThan(1e-14);
    expect(difference(constant, elsewhere, { ...printed, anchor: "start" })).toBeLessThan(1e-14);
    expect(difference(varying, elsewhere, { rates: "inside", anchor: "start" })).toBeLessThan(1e-14);
  });

  it("the leader is stationary for its own objective", () => {
    const weights = mirasFollowTheLeader(gradientAt, constant, nothing, { rates: "outside", anchor: "origin" });
    const past = [nothing, ...weights].slice(0, 8);
    const gradients = past.map(gradientAt);
    const restored = (flat: Vector): Matrix => nothing.map((_, i) => flat.slice(6 * i, 6 * i + 6));
    const slope = centralGradient((w) => mirasFtrlObjective(restored(w), past, gradients, 0.3), weights[7]!.flat());
    expect(Math.max(...slope.map(Math.abs))).toBeLessThan(1e-8);
  });

  it("passes over fewer independent pairs than key channels drive the squared error to zero", () => {
    let weights = elsewhere;
    for (let pass = 0; pass < 4000; pass++) {
      for (let t = 0; t < 4; t++) weights = mirasOnlineDescent((w) => gradientAt(w, t), [0.9], weights)[0]!;
    }
    for (let t = 0; t < 4; t++) {
      expect(maxDifference(matVec(weights, keys[t]!), values[t]!)).toBeLessThan(1e-9);
    }
  });
});

describe("oracle: least squares in three forms", () => {
  it("the inverse is one, and refuses a singular matrix", () => {
    const a = random.normalMatrix(5, 5);
    expect(maxDifference(matMul(a, inverse(a)), identity(5))).toBeLessThan(1e-12);
    expect(() => inverse(zeroMatrix(2, 2))).toThrow(RangeError);
  });

  it("leader, learning-retaining and recursion agree from zero, and not from elsewhere", () => {
    const leader = mirasRidge(keys, values, 0.4);
    expect(maxDifference(mirasLearningRetaining(keys, values, 0.4, nothing), leader)).toBeLessThan(1e-13);
    expect(maxDifference(mirasRecursiveLeastSquares(keys, values, 0.4, nothing), leader)).toBeLessThan(1e-13);
    const moved = mirasLearningRetaining(keys, values, 0.4, elsewhere);
    expect(maxDifference(moved, leader)).toBeGreaterThan(0.01);
    expect(maxDifference(mirasRecursiveLeastSquares(keys, values, 0.4, elsewhere), moved)).toBeLessThan(1e-13);
  });

  it("the leader is stationary: residuals times keys balance the weights", () => {
    const weights = mirasRidge(keys, values, 0.4)[19]!;
    let slope = scaleMatrix(1 / 0.4, weights);
    for (let t = 0; t < 20; t++) {
      const residual = subtract(matVec(weights, keys[t]!), values[t]!);
      slope = slope.map((row, i) => row.map((s, j) => s + residual[i]! * keys[t]![j]!));
    }
    expect(maxDifference(slope, scaleMatrix(0, slope))).toBeLessThan(1e-13);
  });

  it("Mesa is the recursion with unit ridge, read after each write", () => {
    const { outputs, final } = mirasMesa(keys, values, queries);
    const weights = mirasRecursiveLeastSquares(keys, values, 1, nothing);
    expect(maxDifference(final, weights.at(-1)!)).toBeLessThan(1e-13);
    expect(
      maxDifference(
        outputs,
        queries.map((query, t) => matVec(weights[t]!, query)),
      ),
    ).toBeLessThan(1e-13);
  });
});

describe("oracle: linear recurrence", () => {
  it.each([1, 0.8])("decay %d gives the discounted sum of writes", (decay) => {
    const tokens = { keys, values, queries };
    const { outputs, final } = mirasScalarDecay(tokens, decay, mirasEmptyMemory(tokens));
    const sums = mirasDiscountedSums(keys, values, decay);
    expect(maxDifference(final, sums.at(-1)!)).toBeLessThan(1e-13);
    expect(
      maxDifference(
        outputs,
        queries.map((query, t) => matVec(sums[t]!, query)),
      ),
    ).toBeLessThan(1e-13);
  });
});
