import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import {
  decayedMomentum,
  deltaMomentumObjective,
  deltaMomentumStep,
  featureMomentumStep,
  valueMomentumObjective,
  valueMomentumStep,
} from "../../src/nl/index.ts";
import { deltaMomentum } from "../../src/optim/index.ts";
import { exact, expectExact, inner, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(46);
const [m, g, p] = [random.normalMatrix(3, 4), random.normalMatrix(3, 4, 0.4), random.normalMatrix(3, 3)];
const gates = { retain: 0.7, stepSize: 0.3 };
const identity = oracle.identity(3);

const agreement = (at: oracle.Matrix) => inner(oracle.matMul(at, oracle.transpose(g)), p);
const distance = (at: oracle.Matrix, sign: number) =>
  oracle.treeNorm(oracle.addMatrix(oracle.matMul(at, oracle.transpose(g)), oracle.scaleMatrix(sign, p))) ** 2 / 2;

/** alpha m minus eta times the slope of a plain objective, by differences that are exact for quadratics. */
function stepOn(objective: (at: oracle.Matrix) => number, retain = 0.7): oracle.Matrix {
  const slope = oracle.centralGradientTree(objective, m, { step: 1 });
  return oracle.addMatrix(oracle.scaleMatrix(retain, m), oracle.scaleMatrix(-0.3, slope));
}

describe("momentum with an explicit value", () => {
  it("NL Eq. 46-47: valueMomentumStep is a step on valueMomentumObjective, by differences", () => {
    scope(() => {
      expect(numberOf(valueMomentumObjective(exact(m), exact(g), exact(p)))).toBeCloseTo(agreement(m), 12);
      expect(agreement(m)).toBeCloseTo(inner(m, oracle.matMul(p, g)), 12);
      expectExact(valueMomentumStep(exact(m), exact(g), exact(p), gates), stepOn(agreement));
    });
  });

  it("NL Eq. 47: valueMomentumStep is plain momentum for the identity, and for a fixed P momentum in the metric of its inverse", () => {
    scope(() => {
      const plain = matrixOf(decayedMomentum(exact(m), exact(g), gates));
      expectExact(valueMomentumStep(exact(m), exact(g), exact(identity), gates), plain);
      // With P = R Rᵀ: coordinates W = R V have the gradient Rᵀ G, and plain momentum there is this one here.
      const metric = oracle.matMul(p, oracle.transpose(p));
      const inner = matrixOf(decayedMomentum(exact(m), exact(oracle.matMul(oracle.transpose(p), g)), gates));
      const outer = valueMomentumStep(exact(oracle.matMul(p, m)), exact(g), exact(metric), gates);
      expectExact(outer, oracle.matMul(p, inner));
    });
  });

  it("NL Eq. 51: featureMomentumStep is valueMomentumStep for the identity, and sign descent for the sign", () => {
    scope(() => {
      const same = featureMomentumStep(exact(m), exact(g), exact(p), (x) => x, gates);
      expectExact(same, matrixOf(valueMomentumStep(exact(m), exact(g), exact(p), gates)), 0);
      const sign = (x: Tensor) => np.divide(x, np.abs(x));
      const signs = featureMomentumStep(exact(m), exact(g), exact(identity), sign, { retain: 0, stepSize: 0.3 });
      expectExact(
        signs,
        g.map((row) => row.map((value) => -0.3 * Math.sign(value))),
      );
      // Features that widen the gradient: its rows and their squares, brought back by a wide P.
      const wide = p.map((row, i) => [...row, ...oracle.scale(2, row).map((x) => x + i)]);
      const features = g.concat(g.map((row) => row.map((x) => x * x)));
      const expected = oracle.addMatrix(
        oracle.scaleMatrix(0.7, m),
        oracle.scaleMatrix(-0.3, oracle.matMul(wide, features)),
      );
      const widened = (x: Tensor) => np.concatenate([x, np.square(x)], 0);
      expectExact(featureMomentumStep(exact(m), exact(g), exact(wide), widened, gates), expected);
    });
  });
});

describe("delta momentum", () => {
  it("NL Eq. 48-49: deltaMomentumStep is a step on deltaMomentumObjective, by differences, and equals the product with the erase matrix", () => {
    scope(() => {
      expect(numberOf(deltaMomentumObjective(exact(m), exact(g), exact(p)))).toBeCloseTo(distance(m, 1), 12);
      const found = deltaMomentumStep(exact(m), exact(g), exact(p), gates);
      expectExact(
        found,
        stepOn((at) => distance(at, 1)),
      );
      const square = oracle.matMul(oracle.transpose(g), g);
      const erase = square.map((row, i) => row.map((x, j) => (i === j ? 0.7 : 0) - 0.3 * x));
      const expected = oracle.addMatrix(oracle.matMul(m, erase), oracle.scaleMatrix(-0.3, oracle.matMul(p, g)));
      expectExact(found, expected);
    });
  });

  it("NL Eq. 49: deltaMomentumStep as printed, its erasure of size one, is a step on neither sign of the target; the stated target ascends", () => {
    scope(() => {
      const printed = matrixOf(deltaMomentumStep(exact(m), exact(g), exact(p), { ...gates, eraseStepSize: 1 }));
      const stated = stepOn((at) => distance(at, -1));
      for (const expected of [stepOn((at) => distance(at, 1)), stated])
        expect(oracle.maxDifference(printed, expected)).toBeGreaterThan(0.01);
      // From no momentum, with P = I, the stated target writes +eta G.
      const zero = oracle.zeroMatrix(3, 4);
      const towardsPlus = oracle.centralGradientTree(
        (at: oracle.Matrix) =>
          oracle.treeNorm(oracle.addMatrix(oracle.matMul(at, oracle.transpose(g)), oracle.scaleMatrix(-1, identity))) **
            2 /
          2,
        zero,
        { step: 1 },
      );
      expect(oracle.maxDifference(oracle.scaleMatrix(-1, towardsPlus), g)).toBeLessThan(1e-12);
      expectExact(deltaMomentumStep(exact(zero), exact(g), exact(identity), gates), oracle.scaleMatrix(-0.3, g));
    });
  });

  it("NL Eq. 49: deltaMomentumStep differs from valueMomentumStep by the square of a small gradient", () => {
    scope(() => {
      const differenceAt = (size: number) => {
        const small = exact(oracle.scaleMatrix(size, g));
        const plain = matrixOf(valueMomentumStep(exact(m), small, exact(p), gates));
        return oracle.maxDifference(matrixOf(deltaMomentumStep(exact(m), small, exact(p), gates)), plain);
      };
      expect(differenceAt(1e-2) / differenceAt(1e-3)).toBeCloseTo(100, 6);
    });
  });

  it("NL Eq. 49: deltaMomentumStep answers a gradient that is repeated with the negative value, where plain momentum grows without bound", () => {
    scope(() => {
      const keep = { retain: 1, stepSize: 0.8 };
      let [delta, plain] = [m, m];
      for (let step = 0; step < 500; step++) {
        delta = matrixOf(deltaMomentumStep(exact(delta), exact(g), exact(p), keep));
        plain = matrixOf(valueMomentumStep(exact(plain), exact(g), exact(p), keep));
      }
      // G has full row rank, so that every value can be answered.
      expect(oracle.maxDifference(oracle.matMul(delta, oracle.transpose(g)), oracle.scaleMatrix(-1, p))).toBeLessThan(
        1e-6,
      );
      expect(oracle.treeNorm(plain)).toBeGreaterThan(50 * oracle.treeNorm(delta));
    });
  });

  it("NL Eq. 48-49: deltaMomentum, the optimiser, is deltaMomentumStep at learning rate one", () => {
    scope(() => {
      const optimizer = deltaMomentum({ retain: 0.7, innerStepSize: 0.3, maxNorm: 1e9, inputs: "columns" });
      let [params, momentum, weights] = [exact(m), exact(oracle.zeroMatrix(3, 4)), exact(m)];
      let state = optimizer.init(params);
      for (let step = 0; step < 4; step++) {
        const gradient = exact(random.normalMatrix(3, 4));
        [params, state] = optimizer.update(params, gradient, state, exact(1));
        momentum = deltaMomentumStep(momentum, gradient, exact(identity), gates);
        weights = np.add(weights, momentum);
      }
      expectExact(params, matrixOf(weights));
    });
  });
});
