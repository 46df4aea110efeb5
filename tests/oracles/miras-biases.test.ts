import { describe, expect, it } from "vitest";
import { centralGradient } from "./finite-differences.ts";
import { add, dot, matVec, norm, outer, scale, subtract, type Vector } from "./matrix.ts";
import {
  type MirasBias,
  mirasHuber,
  mirasHuberSlope,
  mirasLoss,
  mirasMatrixGradient,
  mirasOutputError,
  mirasWorstShift,
} from "./miras-biases.ts";
import { mirasTokenFixture as fixture } from "./miras-fixtures.ts";
import { ascendInBall } from "./miras-optimality.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(131);
const zero = (width: number): Vector => new Array<number>(width).fill(0);
const error = (bias: MirasBias, residual: Vector): Vector => mirasOutputError(bias, residual, zero(residual.length));
const gradient = (bias: MirasBias) => mirasMatrixGradient(bias, fixture.weights, fixture.key, fixture.value);
const printed = (bias: MirasBias) => ({
  gradient: gradient(bias),
  loss: mirasLoss(bias, matVec(fixture.weights, fixture.key), fixture.value),
});

describe("oracle: MIRAS biases, printed numbers", () => {
  it.each([1, 1.5, 3, 4] as const)("powers of the residual, p = %d", (p) => {
    expect(maxDifference(gradient({ kind: "lp", p }), fixture.lp[p])).toBeLessThan(1e-9);
  });

  it("smooth power, Huber of three kinds, value shift", () => {
    const smooth = { slope: 10, epsilon: 1e-6 };
    expect(maxDifference(gradient({ kind: "lp", p: 3, smooth }), fixture.lpSmooth)).toBeLessThan(1e-9);
    const threshold = 0.5;
    expect(maxDifference(gradient({ kind: "huber-coordinate", threshold }), fixture.huberCoordinate)).toBeLessThan(
      1e-9,
    );
    expect(maxDifference(gradient({ kind: "huber-norm", threshold }), fixture.huberNorm)).toBeLessThan(1e-9);
    expect(maxDifference(gradient({ kind: "huber-mixture", threshold, l1: "sign" }), fixture.mixtureSign)).toBeLessThan(
      1e-9,
    );
    const shift = printed({ kind: "value-shift", radius: 0.25 });
    expect(maxDifference(shift, fixture.valueShift)).toBeLessThan(1e-9);
    const residual = subtract(matVec(fixture.weights, fixture.key), fixture.value);
    expect(norm(residual)).toBeCloseTo(fixture.residualNorm, 9);
  });
});

describe("oracle: MIRAS biases, slopes", () => {
  const threshold = 0.9;
  const biases: MirasBias[] = [
    { kind: "dot", scale: "full" },
    { kind: "dot", scale: "half" },
    { kind: "l2", scale: "full" },
    { kind: "l2", scale: "half" },
    ...[1, 1.5, 2, 2.8, 3, 3.2, 4].map((p) => ({ kind: "lp" as const, p })),
    { kind: "huber-coordinate", threshold },
    { kind: "huber-coordinate", threshold: [0.2, 0.9, 3, 0.5] },
    { kind: "huber-norm", threshold },
    { kind: "huber-norm", threshold: 20 },
    { kind: "huber-mixture", threshold, l1: "sign" },
    { kind: "huber-mixture", threshold, l1: "direction" },
    { kind: "huber-mixture", threshold: 20, l1: "sign" },
    { kind: "value-shift", radius: 0.7 },
  ];

  it.each(biases)("the error is the slope of the loss by finite differences: %o", (bias) => {
    for (let i = 0; i < 5; i++) {
      // Away from 0, where powers below 2 have an unbounded second derivative.
      const prediction = random.uniformVector(4, 1, 2);
      const value = add(prediction, random.uniformVector(4, 0.3, 1.4));
      const slope = centralGradient((y) => mirasLoss(bias, y, value), prediction, { richardson: true });
      expect(maxDifference(mirasOutputError(bias, prediction, value), slope)).toBeLessThan(1e-9);
    }
  });

  it("p = 2 is the full squared error, p = 1 the sign; a zero residual loses nothing and pulls nothing", () => {
    const r = random.normalVector(6);
    expect(error({ kind: "lp", p: 2 }, r)).toEqual(error({ kind: "l2", scale: "full" }, r));
    expect(error({ kind: "lp", p: 1 }, r)).toEqual(r.map(Math.sign));
    for (const bias of biases) {
      if (bias.kind === "dot" || (bias.kind === "huber-coordinate" && typeof bias.threshold !== "number")) continue;
      expect(maxDifference(error(bias, zero(4)), zero(4))).toBe(0);
      expect(mirasLoss(bias, zero(4), zero(4))).toBe(bias.kind === "value-shift" ? 0.5 * 0.7 ** 2 : 0);
    }
  });

  it("surrogate errors of the smooth power stay below the stated bounds on |r| <= 3", () => {
    const worst = (p: number, slope: number): number => {
      const grid = Array.from({ length: 60001 }, (_, i) => -3 + i * 1e-4);
      const exact = error({ kind: "lp", p }, grid);
      const smooth = error({ kind: "lp", p, smooth: { slope, epsilon: 1e-6 } }, grid);
      return maxDifference(exact, smooth) / p;
    };
    const stated = [
      [3, 10, 2.4e-3],
      [3, 100, 2.3e-5],
      [1.5, 10, 1.2e-1],
      [1.5, 100, 3.9e-2],
      [2, 10, 2.8e-2],
      [2, 100, 2.7e-3],
    ] as const;
    for (const [p, slope, bound] of stated) {
      expect(Math.abs(worst(p, slope) / bound - 1), `p ${p} slope ${slope}`).toBeLessThan(0.05);
    }
  });
});

describe("oracle: Huber of a coordinate, of the norm, and the mixture", () => {
  it("value and slope are continuous at the threshold, and both limits hold", () => {
    for (const sign of [-1, 1]) {
      const inside = 0.7 * (1 - 1e-12) * sign;
      const outside = 0.7 * (1 + 1e-12) * sign;
      expect(Math.abs(mirasHuber(inside, 0.7) - mirasHuber(outside, 0.7))).toBeLessThan(1e-11);
      expect(Math.abs(mirasHuberSlope(inside, 0.7) - mirasHuberSlope(outside, 0.7))).toBeLessThan(1e-11);
    }
    expect(mirasHuber(1.3, 1e9)).toBe(0.5 * 1.3 ** 2);
    expect(mirasHuber(1.3, 1e-9) / 1e-9).toBeCloseTo(1.3, 8);
  });

  it("the clipped error equals the form with two masks", () => {
    const r = random.normalVector(50, 2);
    const masked = r.map((a) => (Math.abs(a) <= 0.8 ? a : 0.8 * Math.sign(a)));
    expect(error({ kind: "huber-coordinate", threshold: 0.8 }, r)).toEqual(masked);
  });

  it("the mixture jumps at the threshold with the sign, and is the Huber of the norm with the direction", () => {
    const direction = random.unitVector(64);
    const threshold = 0.8;
    const at = (size: number, l1: "sign" | "direction") =>
      error({ kind: "huber-mixture", threshold, l1 }, scale(size, direction));
    const above = threshold * (1 + 1e-13);
    const below = threshold * (1 - 1e-13);
    const jump = norm(subtract(at(above, "sign"), at(below, "sign")));
    const stated = norm(subtract(scale(threshold, direction.map(Math.sign)), scale(threshold, direction)));
    expect(jump).toBeCloseTo(stated, 10);
    expect(norm(at(above, "sign"))).toBeCloseTo(threshold * 8, 10);
    expect(norm(subtract(at(above, "direction"), at(below, "direction")))).toBeLessThan(1e-12);
    for (let i = 0; i < 20; i++) {
      const r = random.normalVector(5);
      const mixed = error({ kind: "huber-mixture", threshold, l1: "direction" }, r);
      expect(mixed).toEqual(error({ kind: "huber-norm", threshold }, r));
      expect(norm(mixed)).toBeLessThanOrEqual(threshold * (1 + 1e-15));
    }
  });

  it("the branch is chosen by the norm of the token, not by coordinate", () => {
    const r = [0.55, 0.55, 0.1];
    expect(error({ kind: "huber-mixture", threshold: 0.7, l1: "sign" }, r)).toEqual([0.7, 0.7, 0.7]);
    expect(error({ kind: "huber-mixture", threshold: 0.8, l1: "sign" }, r)).toEqual(r);
    const steep = error({ kind: "huber-mixture", threshold: 0.7, l1: "sign", slope: 10 }, r);
    expect(steep).toEqual(r.map((a) => 0.7 * Math.tanh(10 * a)));
  });
});

describe("oracle: bias robust to shifts of the value", () => {
  const residual = random.normalVector(5);
  const radius = 0.6;
  const robust = mirasLoss({ kind: "value-shift", radius }, residual, zero(5));
  const shifted = (shift: Vector): number => 0.5 * norm(subtract(residual, shift)) ** 2;

  it("the closed form is the largest loss in the ball: ascent reaches it, random shifts never exceed it", () => {
    const start = scale(0.3, random.unitVector(5));
    const found = ascendInBall(residual, radius, start, 200);
    expect(maxDifference(found, mirasWorstShift(residual, radius))).toBeLessThan(1e-12);
    expect(shifted(found)).toBeCloseTo(robust, 12);
    for (let i = 0; i < 20000; i++) {
      const shift = scale(radius * random.uniform() ** 0.2, random.unitVector(5));
      expect(shifted(shift)).toBeLessThanOrEqual(robust * (1 + 1e-14));
    }
  });

  it("without a radius it is the squared error; the added pull has the size of the radius", () => {
    expect(error({ kind: "value-shift", radius: 0 }, residual)).toEqual(residual);
    const pull = subtract(error({ kind: "value-shift", radius }, residual), residual);
    expect(norm(pull)).toBeCloseTo(radius, 14);
    expect(dot(pull, residual)).toBeCloseTo(radius * norm(residual), 13);
  });
});

describe("oracle: gradient of a matrix memory", () => {
  it("equals finite differences in the weights and is the outer product of error and key", () => {
    const weights = random.normalMatrix(3, 4);
    const key = random.unitVector(4);
    const value = random.normalVector(3);
    const bias: MirasBias = { kind: "lp", p: 3 };
    const flat = centralGradient(
      (w) =>
        mirasLoss(
          bias,
          [0, 4, 8].map((from) => dot(w.slice(from, from + 4), key)),
          value,
        ),
      weights.flat(),
      { richardson: true },
    );
    const expected = mirasMatrixGradient(bias, weights, key, value);
    expect(maxDifference(expected.flat(), flat)).toBeLessThan(1e-9);
    expect(expected).toEqual(outer(mirasOutputError(bias, matVec(weights, key), value), key));
  });
});
