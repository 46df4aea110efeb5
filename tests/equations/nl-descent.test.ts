import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import { gradientDescentStep, leaderStep, proximalObjective } from "../../src/nl/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { exact, expectExact, inner, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(1);
const [start, g] = [random.normalMatrix(3, 4), random.normalMatrix(3, 4)];
const samples = Array.from({ length: 5 }, () => ({ x: random.normalVector(4), y: random.normalVector(3) }));
const eta = 0.07;

/** The gradient of half the squared error at W, in plain numbers. */
function errorGradient(w: oracle.Matrix, { x, y }: (typeof samples)[0]): oracle.Matrix {
  return oracle.outer(oracle.subtract(oracle.matVec(w, x), y), x);
}

function descended(w: oracle.Matrix, gradient: oracle.Matrix, step = eta): oracle.Matrix {
  return oracle.addMatrix(w, oracle.scaleMatrix(-step, gradient));
}

describe("gradient descent", () => {
  it("NL Eq. 1: gradientDescentStep on a squared error is W - eta (W x - y) x^T, and lowers the sample's loss below eta = 2 / |x|^2", () => {
    scope(() => {
      const sample = samples[0]!;
      const { x, y } = sample;
      const loss = (w: Tensor) => {
        const error = np.subtract(np.matmul(w, exact(x)), exact(y));
        return np.multiply(0.5, np.sum(np.square(error)));
      };
      const slope = grad(loss)(exact(start));
      expectExact(gradientDescentStep(exact(start), slope, eta), descended(start, errorGradient(start, sample)));
      for (const share of [0.01, 0.5, 0.99]) {
        const step = (2 * share) / oracle.dot(x, x);
        const after = gradientDescentStep(exact(start), slope, step);
        expect(numberOf(loss(after))).toBeLessThan(numberOf(loss(exact(start))));
      }
    });
  });

  it("NL Eq. 1-2: gradientDescentStep and proximalObjective take any tree, and refuse trees that differ", () => {
    scope(() => {
      const params = { a: exact(start), list: [exact([1, -2])] };
      const gradient = { a: exact(g), list: [exact([0.5, 4])] };
      const step = gradientDescentStep(params, gradient, exact(0.1));
      expectExact(step.a, descended(start, g, 0.1));
      expectExact(step.list[0]!, [0.95, -2.4]);
      const moved = 0.5 * 0.1 * (inner(g, g) + 0.25 + 16);
      const value = inner(g, matrixOf(step.a)) + 0.5 * 0.95 - 4 * 2.4 + moved;
      expectExact(proximalObjective(step, params, gradient, 0.1), value);
      expect(() => gradientDescentStep(params, { a: exact(g) } as never, 0.1)).toThrow(ShapeError);
    });
  });

  it("NL Eq. 2: proximalObjective has its minimum, found from plain values, where gradientDescentStep goes", () => {
    scope(() => {
      const plain = (w: oracle.Matrix) => inner(g, w) + squaredDistance(w, start) / (2 * eta);
      const minimum = oracle.quadraticMinimum(plain, start);
      const step = gradientDescentStep(exact(start), exact(g), eta);
      expectExact(step, minimum, 1e-10);
      const at = (w: oracle.Matrix) => numberOf(proximalObjective(exact(w), exact(start), exact(g), eta));
      expect(at(g)).toBeCloseTo(plain(g), 10);
      const least = at(matrixOf(step));
      for (let i = 0; i < 100; i++)
        expect(at(oracle.addMatrix(minimum, random.normalMatrix(3, 4, 0.1)))).toBeGreaterThan(least);
    });
  });
});

describe("the regularised leader", () => {
  function follow(steps: readonly number[], fold: boolean): oracle.Matrix {
    let params = start;
    let sum = oracle.zeroMatrix(3, 4);
    samples.forEach((sample, t) => {
      const gradient = oracle.scaleMatrix(fold ? steps[t]! : 1, errorGradient(params, sample));
      const next = leaderStep(exact(start), exact(sum), exact(gradient), fold ? 1 : steps[t]!);
      [params, sum] = [matrixOf(next.params), matrixOf(next.gradientSum)];
    });
    return params;
  }

  function descend(steps: readonly number[]): oracle.Matrix {
    return samples.reduce((w, sample, t) => descended(w, errorGradient(w, sample), steps[t]!), start);
  }

  it("NL Eq. 3: leaderStep equals gradient descent with the same constant step size", () => {
    scope(() => {
      const constant = samples.map(() => eta);
      expectExact(exact(follow(constant, false)), descend(constant));
    });
  });

  it("NL Eq. 3: leaderStep differs from gradient descent where the step size varies, unless the gradients are multiplied by it", () => {
    scope(() => {
      const varying = samples.map((_, t) => eta / (1 + t));
      expect(oracle.maxDifference(follow(varying, false), descend(varying))).toBeGreaterThan(1e-3);
      expectExact(exact(follow(varying, true)), descend(varying));
    });
  });

  it("NL Eq. 3: leaderStep minimises proximalObjective of all gradients, from the initial weights", () => {
    scope(() => {
      const gradients = samples.map((sample) => errorGradient(start, sample));
      const total = gradients.reduce((sum, one) => oracle.addMatrix(sum, one));
      const plain = (w: oracle.Matrix) =>
        gradients.reduce((sum, one) => sum + inner(one, w), 0) + squaredDistance(w, start) / (2 * eta);
      const before = gradients.slice(0, -1).reduce((sum, one) => oracle.addMatrix(sum, one));
      const { params, gradientSum } = leaderStep(exact(start), exact(before), exact(gradients.at(-1)!), eta);
      expectExact(params, oracle.quadraticMinimum(plain, start), 1e-10);
      expectExact(gradientSum, total);
      expectExact(proximalObjective(exact(g), exact(start), gradientSum, eta), plain(g));
    });
  });
});
