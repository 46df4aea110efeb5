import { describe, expect, it } from "vitest";
import { addMatrix, dot, type Matrix, matVec, outer, scale, scaleMatrix, subtract, type Vector } from "./matrix.ts";
import { mirasMatrixGradient } from "./miras-biases.ts";
import { mirasTokenFixture as fixture } from "./miras-fixtures.ts";
import {
  goldenSection,
  minimiseByCoordinates,
  mirasBregmanDivergence,
  mirasElasticNetObjective,
  mirasSubgradientResidual,
} from "./miras-optimality.ts";
import {
  mirasArctanThreshold,
  mirasDivergenceStep,
  mirasDivergences,
  mirasElasticNetFtrlStep,
  mirasElasticNetStep,
  mirasEntropyStep,
  mirasLNorm,
  mirasLogitBregmanStep,
  mirasLqSlope,
  mirasLqView,
  mirasOnSlices,
  mirasQuadraticBregmanStep,
  mirasSoftmaxStep,
  mirasSoftThreshold,
} from "./miras-retentions.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(141);
const half: Matrix = mirasMatrixGradient({ kind: "l2", scale: "half" }, fixture.weights, fixture.key, fixture.value);
const onPositive = outer(subtract(matVec(fixture.positive, fixture.key), fixture.value), fixture.key);

describe("oracle: MIRAS retentions, printed numbers", () => {
  it("entropy on the whole matrix and on rows, squared ratio, logit", () => {
    const whole = mirasOnSlices("matrix", fixture.positive, onPositive, (w, g) =>
      mirasEntropyStep(w, g, { local: 0.5, global: 2 }, 2),
    );
    expect(maxDifference(whole, fixture.entropy)).toBeLessThan(1e-9);
    const byRow = mirasOnSlices("row", fixture.positive, onPositive, (w, g) => mirasSoftmaxStep(w, g, 0.9, 0.5, 1));
    expect(maxDifference(byRow, fixture.softmaxRows)).toBeLessThan(1e-9);
    const chi2 = mirasDivergenceStep(mirasDivergences.chi2, fixture.positive.flat(), onPositive.flat(), 0.5, 2);
    expect(maxDifference(chi2.weights, fixture.chi2.weights.flat())).toBeLessThan(1e-9);
    expect(chi2.multiplier).toBeCloseTo(fixture.chi2.multiplier, 9);
    const logit = mirasOnSlices("row", fixture.positive, onPositive, (w, g) => mirasLogitBregmanStep(w, g, 0.5));
    expect(maxDifference(logit, fixture.logitBregman)).toBeLessThan(1e-9);
  });

  it("elastic net of three kinds", () => {
    const inverses = { local: 0.5, l1: 4, l2: 2 };
    const rows = (rule: (w: Vector, g: Vector) => Vector) => mirasOnSlices("row", fixture.weights, half, rule);
    expect(
      maxDifference(
        rows((w, g) => mirasElasticNetStep(w, g, inverses)),
        fixture.elasticNet,
      ),
    ).toBeLessThan(1e-9);
    const smooth = rows((w, g) => mirasElasticNetStep(w, g, inverses, mirasArctanThreshold));
    expect(maxDifference(smooth, fixture.elasticNetArctan)).toBeLessThan(1e-9);
    const leader = rows((w, g) => mirasElasticNetFtrlStep(w, g, inverses).weights);
    expect(maxDifference(leader, fixture.elasticNetFtrl)).toBeLessThan(1e-9);
  });

  it("both views of the accumulator of Moneta", () => {
    const gradient = mirasMatrixGradient({ kind: "lp", p: 3 }, fixture.weights, fixture.key, fixture.value);
    const accumulator = addMatrix(scaleMatrix(0.9, fixture.weights), scaleMatrix(-0.1, gradient));
    expect(maxDifference(accumulator, fixture.moneta.accumulator)).toBeLessThan(1e-9);
    expect(mirasLNorm(accumulator.flat(), 4)).toBeCloseTo(fixture.moneta.accumulatorNorm, 9);
    for (const map of ["printed", "mirror"] as const) {
      expect(maxDifference(mirasLqView(accumulator.flat(), 4, map), fixture.moneta[map].flat())).toBeLessThan(1e-9);
    }
  });
});

describe("oracle: elastic net", () => {
  const previous = random.normalVector(8);
  const gradient = random.normalVector(8);
  const inverses = { local: 0.5, l1: 1.5, l2: 2 };

  it("learning and retaining: subgradient residual, golden sections, and zeros exactly below the threshold", () => {
    const weights = mirasElasticNetStep(previous, gradient, inverses);
    const smooth = weights.map((w, j) => gradient[j]! + (w - previous[j]!) / 0.5 + w / 2);
    expect(mirasSubgradientResidual(weights, smooth, 1 / 1.5)).toBeLessThan(1e-14);
    const found = minimiseByCoordinates(
      (w) => mirasElasticNetObjective(w, previous, gradient, inverses),
      previous,
      4,
      2,
    );
    expect(maxDifference(found, weights)).toBeLessThan(1e-7);
    const small = previous.map((w, j) => Math.abs(0.8 * w - 0.4 * gradient[j]!) <= 0.4 / 1.5);
    expect(weights.map((w) => w === 0)).toEqual(small);
    expect(small).toContain(true);
    expect(small).toContain(false);
    expect(mirasSubgradientResidual(previous, smooth, 1 / 1.5)).toBeGreaterThan(1e-2);
  });

  it("without both global weights it is one gradient step", () => {
    const plain = mirasElasticNetStep(previous, gradient, { local: 0.5, l1: 1e18, l2: 1e18 });
    expect(maxDifference(plain, mirasQuadraticBregmanStep(previous, gradient, 0.5))).toBeLessThan(1e-14);
  });

  it("FTRL: subgradient residual over the history; the other form thresholds every token and differs", () => {
    let accumulator: Vector = new Array<number>(8).fill(0);
    let weights = accumulator;
    let repeated = accumulator;
    const sum: Vector = new Array<number>(8).fill(0);
    for (let t = 0; t < 6; t++) {
      const g = random.normalVector(8);
      for (const j of sum.keys()) sum[j]! += g[j]!;
      ({ accumulator, weights } = mirasElasticNetFtrlStep(accumulator, g, { local: 0.5, l1: 1.5 }));
      repeated = mirasElasticNetStep(repeated, g, { local: 0.5, l1: 1.5, l2: 1e18 });
      const smooth = weights.map((w, j) => sum[j]! + w / 0.5);
      expect(mirasSubgradientResidual(weights, smooth, 1 / 1.5)).toBeLessThan(1e-14);
      if (t === 0) expect(maxDifference(weights, repeated)).toBeLessThan(1e-14);
    }
    expect(maxDifference(weights, repeated)).toBeGreaterThan(0.1);
  });

  it("arctan surrogate: the error is γ/2 at γ, 0.363 γ far out, never larger, and it makes no zero", () => {
    const gamma = 0.3;
    const gap = (z: number): number => Math.abs(mirasArctanThreshold(z, gamma) - mirasSoftThreshold(z, gamma));
    expect(gap(gamma)).toBeCloseTo(gamma / 2, 14);
    expect(gap(1e6)).toBeCloseTo((1 - 2 / Math.PI) * gamma, 6);
    for (let z = -4; z < 4; z += 1e-3) expect(gap(z)).toBeLessThanOrEqual(gamma / 2 + 1e-15);
    expect(mirasArctanThreshold(0.01, gamma)).toBeGreaterThan(0);
  });
});

describe("oracle: memory stability in another norm", () => {
  it.each([2, 1.8, 1.5, 4 / 3, 1.2])("primal exponent %d: the mirror map minimises, with its norm identity", (q) => {
    const dual = q / (q - 1);
    const accumulator = random.normalVector(5);
    const weights = mirasLqView(accumulator, dual, "mirror");
    expect(maxDifference(mirasLqSlope(weights, q), accumulator)).toBeLessThan(1e-13);
    expect(mirasLNorm(weights, q)).toBeCloseTo((q - 1) * mirasLNorm(accumulator, dual), 13);
    const objective = (w: Vector): number => mirasLNorm(w, q) ** 2 / (2 * (q - 1)) - dot(w, accumulator);
    const found = minimiseByCoordinates(objective, scale(0.5, weights), 3, 300);
    expect(maxDifference(found, weights)).toBeLessThan(2e-6);
    const printed = mirasLqView(accumulator, dual, "printed");
    if (q === 2) expect(maxDifference(printed, weights)).toBeLessThan(1e-15);
    else expect(objective(printed)).toBeGreaterThan(objective(weights) + 1e-3);
  });

  it("printed map: degree 3 - q, its own inverse at 4, the identity at 2; the mirror map has degree 1", () => {
    const accumulator = random.normalVector(6);
    for (const q of [2, 3, 4, 5]) {
      const once = mirasLqView(accumulator, q, "printed");
      const twice = mirasLqView(scale(2, accumulator), q, "printed");
      expect(maxDifference(twice, scale(2 ** (3 - q), once))).toBeLessThan(1e-14);
      expect(mirasLNorm(once, q)).toBeCloseTo(mirasLNorm(accumulator, q) ** (3 - q), 13);
      const mirror = mirasLqView(scale(2, accumulator), q, "mirror");
      expect(maxDifference(mirror, scale(2, mirasLqView(accumulator, q, "mirror")))).toBeLessThan(1e-14);
    }
    const back = mirasLqView(mirasLqView(accumulator, 4, "printed"), 4, "printed");
    expect(maxDifference(back, accumulator)).toBeLessThan(1e-14);
    expect(maxDifference(mirasLqView(accumulator, 2, "printed"), accumulator)).toBeLessThan(1e-15);
  });

  it("the discounted accumulator is the exact step with a Bregman local and the same global retention", () => {
    const q = 1.5;
    const [before, gradient] = [random.normalVector(5), random.normalVector(5)];
    const [local, global] = [0.4, 1.3];
    const lambda = global / (global + local);
    const after = before.map((a, j) => lambda * (a - local * gradient[j]!));
    const slope = mirasLqSlope(mirasLqView(after, 3, "mirror"), q);
    const stationary = slope.map((s, j) => gradient[j]! + (s - before[j]!) / local + s / global);
    expect(Math.max(...stationary.map(Math.abs))).toBeLessThan(1e-14);
  });
});

describe("oracle: Bregman and quadratic retention", () => {
  it("logit: golden sections, slope 0, entries stay between 0 and 1", () => {
    const previous = random.uniformVector(6, 0.1, 0.9);
    const gradient = random.normalVector(6);
    const f = (w: number): number => w * Math.log(w) + (1 - w) * Math.log(1 - w);
    const slope = (w: number): number => Math.log(w / (1 - w));
    const weights = mirasLogitBregmanStep(previous, gradient, 0.7);
    weights.forEach((w, j) => {
      const objective = (x: number): number =>
        x * gradient[j]! + mirasBregmanDivergence(f, slope, [x], [previous[j]!]) / 0.7;
      expect(goldenSection(objective, 1e-9, 1 - 1e-9)).toBeCloseTo(w, 7);
      expect(gradient[j]! + (slope(w) - slope(previous[j]!)) / 0.7).toBeCloseTo(0, 12);
    });
    const extreme = mirasLogitBregmanStep([0.5, 0.5], [20, -20], 1);
    expect(Math.min(...extreme)).toBeGreaterThan(0);
    expect(Math.max(...extreme)).toBeLessThan(1);
  });

  it("local 1/(2θ) with global 1/(2β) keeps β/(β+θ); a global 1/β keeps β/(β+2θ)", () => {
    const [previous, gradient, theta, beta] = [0.8, -0.3, 0.4, 1.1];
    const minimum = (weight: number): number =>
      goldenSection((w) => gradient * w + (w - previous) ** 2 / (2 * theta) + weight * w * w, -5, 5);
    const keep = beta / (beta + theta);
    expect(minimum(1 / (2 * beta))).toBeCloseTo(keep * previous - theta * keep * gradient, 7);
    const keepFull = beta / (beta + 2 * theta);
    expect(minimum(1 / beta)).toBeCloseTo(keepFull * previous - theta * keepFull * gradient, 7);
  });

  it("dot bias with squared retention: stationary where the decayed memory plus the write stands", () => {
    const [weights, key, value] = [random.normalMatrix(3, 4), random.normalVector(4), random.normalVector(3)];
    const next = addMatrix(scaleMatrix(0.9, weights), outer(value, key));
    const slope = next.map((row, i) => row.map((w, j) => -2 * value[i]! * key[j]! + 2 * (w - 0.9 * weights[i]![j]!)));
    expect(maxDifference(slope, scaleMatrix(0, slope))).toBeLessThan(1e-14);
  });
});
