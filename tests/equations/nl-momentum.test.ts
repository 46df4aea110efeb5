import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import {
  associativeMomentum,
  decayedMomentum,
  dotProductInnerLoss,
  inputKeyedDeltaMomentum,
  momentumHorizon,
  momentumObjective,
  regressionInnerLoss,
} from "../../src/nl/index.ts";
import { momentum } from "../../src/optim/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { exact, expectExact, inner, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(33);
const [m, x, delta] = [random.normalMatrix(3, 4), random.normalMatrix(2, 4), random.normalMatrix(2, 3)];
const pair = () => ({ input: exact(x), error: exact(delta) });
const gates = { retain: 0.7, stepSize: 0.3 };

/** The objective of momentum in plain numbers, and that of the delta rule. */
const dotProduct = (at: oracle.Matrix, retain: number) =>
  x.reduce((sum, input, n) => sum + inner(oracle.matVec(at, input), delta[n]!), 0) +
  ((1 - retain) / (2 * 0.3)) * oracle.treeNorm(at) ** 2;
const regression = (at: oracle.Matrix) =>
  x.reduce((sum, input, n) => sum + oracle.norm(oracle.add(oracle.matVec(at, input), delta[n]!)) ** 2 / 2, 0);

/** A gradient step on a plain objective, by differences that are exact for quadratics. */
function descended(objective: (at: oracle.Matrix) => number, at: oracle.Matrix, step: number): oracle.Matrix {
  const slope = oracle.centralGradientTree(objective, at, { step: 1 });
  return oracle.addMatrix(at, oracle.scaleMatrix(-step, slope));
}

/** 0.3 times the sum of error times input, which momentum subtracts. */
const gradient = x.map((input, n) => oracle.outer(delta[n]!, input)).reduce((sum, term) => oracle.addMatrix(sum, term));

describe("momentum as a memory", () => {
  it.each([1, 0.7, 0])(
    "NL Eq. 33-34, 100: decayedMomentum is one gradient step on momentumObjective, retaining %f",
    (retain) => {
      scope(() => {
        const expected = descended((at) => dotProduct(at, retain), m, 0.3);
        expectExact(decayedMomentum(exact(m), exact(gradient), { ...gates, retain }), expected);
        const value = numberOf(momentumObjective(exact(m), pair(), { ...gates, retain }));
        expect(value).toBeCloseTo(dotProduct(m, retain), 12);
        const slope = grad((at: Tensor) => momentumObjective(at, pair(), { ...gates, retain }))(exact(m));
        expectExact(np.subtract(exact(m), np.multiply(0.3, slope)), expected);
      });
    },
  );

  it("NL Eq. 33, 100: decayedMomentum grows to the gradient over one minus alpha, and is plain descent at alpha zero", () => {
    scope(() => {
      let now = np.zerosLike(exact(m));
      for (let step = 0; step < 100; step++) now = decayedMomentum(now, exact(gradient), gates);
      expectExact(now, oracle.scaleMatrix(-0.3 / (1 - 0.7), gradient));
      const plain = decayedMomentum(exact(m), exact(gradient), { ...gates, retain: 0 });
      expectExact(plain, oracle.scaleMatrix(-0.3, gradient));
    });
  });

  it("NL Eq. 33, 100: decayedMomentum equals the heavy-ball optimiser at a constant learning rate, and not at a changing one", () => {
    scope(() => {
      const run = (rates: number[]) => {
        const optimizer = momentum({ momentum: 0.7 });
        let [params, buffer, weights] = [exact(m), np.zerosLike(exact(m)), exact(m)];
        let state = optimizer.init(params);
        for (const rate of rates) {
          [params, state] = optimizer.update(params, params, state, exact(rate));
          buffer = decayedMomentum(buffer, weights, { retain: 0.7, stepSize: rate });
          weights = np.add(weights, buffer);
        }
        return oracle.maxDifference(matrixOf(params), matrixOf(weights));
      };
      expect(run([0.1, 0.1, 0.1, 0.1])).toBeLessThan(1e-14);
      expect(run([0.1, 0.1, 0.01, 0.01])).toBeGreaterThan(0.01);
    });
  });

  it("NL Eq. 35, 37: associativeMomentum with the dot product is plain momentum", () => {
    scope(() => {
      const expected = oracle.addMatrix(oracle.scaleMatrix(0.7, m), oracle.scaleMatrix(-0.3, gradient));
      expectExact(associativeMomentum(exact(m), pair(), dotProductInnerLoss, gates), expected);
    });
  });

  it("NL Eq. 35, 37: associativeMomentum with the squared loss is inputKeyedDeltaMomentum, by differences of the loss", () => {
    scope(() => {
      const slope = oracle.centralGradientTree(regression, m, { step: 1 });
      const expected = oracle.addMatrix(oracle.scaleMatrix(0.7, m), oracle.scaleMatrix(-0.3, slope));
      expectExact(associativeMomentum(exact(m), pair(), regressionInnerLoss, gates), expected);
      expectExact(inputKeyedDeltaMomentum(exact(m), pair(), gates), expected);
    });
  });

  it("NL Eq. 37: inputKeyedDeltaMomentum is plain momentum for an input orthogonal to all earlier ones", () => {
    scope(() => {
      const written = oracle.outer([1, -2, 3], [0, 1, 0, 2]);
      const run = (input: oracle.Vector) => {
        const one = { input: exact(input), error: exact([0.5, 1, -1]) };
        const plain = decayedMomentum(exact(written), exact(oracle.outer([0.5, 1, -1], input)), gates);
        return oracle.maxDifference(matrixOf(inputKeyedDeltaMomentum(exact(written), one, gates)), matrixOf(plain));
      };
      expect(run([3, 0, 1, 0])).toBeLessThan(1e-15);
      expect(run([3, 1, 1, 0])).toBeGreaterThan(0.1);
    });
  });
});

describe("momentumHorizon", () => {
  it("counts seven and 44 gradients for half and for 99 % of a momentum of 0.9, one more than indices from zero", () => {
    expect([momentumHorizon(0.9, 0.5), momentumHorizon(0.9, 0.99), momentumHorizon(0.5, 0.5)]).toEqual([7, 44, 1]);
    for (const [beta, share] of [
      [0.9, 0.5],
      [0.9, 0.99],
      [0.99, 0.3],
    ] as const)
      expect(momentumHorizon(beta, share)).toBe(Math.ceil(Math.log(1 - share) / Math.log(beta)));
  });

  it("refuses shares that are never reached", () => {
    expect(() => momentumHorizon(1, 0.5)).toThrow(ConfigError);
    expect(() => momentumHorizon(0.9, 1)).toThrow("share must be at least 0 and less than 1, not 1");
  });
});
