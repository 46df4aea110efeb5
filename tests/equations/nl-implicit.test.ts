import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import { agreementLoss, gradientDescentStep, implicitObjective, implicitStep } from "../../src/nl/index.ts";
import { longhornUpdate } from "../../src/titans/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { exact, expectExact, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(98);
const factor = random.normalMatrix(3, 3, 0.6);
/** A positive definite matrix: curvature between 0.2 and about 2. */
const a = oracle.addMatrix(
  oracle.matMul(factor, oracle.transpose(factor)),
  oracle.scaleMatrix(0.2, oracle.identity(3)),
);
const [b, theta] = [random.normalVector(3), random.normalVector(3)];
const trace = a.reduce((sum, row, i) => sum + row[i]!, 0);

const plainLoss = (x: oracle.Vector) => oracle.dot(x, oracle.matVec(a, x)) / 2 - oracle.dot(b, x);
const loss = (x: Tensor) =>
  np.subtract(np.multiply(0.5, np.sum(np.multiply(x, np.matmul(exact(a), x)))), np.sum(np.multiply(exact(b), x)));

/** (I + eta A)^-1 (theta + eta b). */
function closedForm(eta: number): oracle.Vector {
  const matrix = oracle.addMatrix(oracle.identity(3), oracle.scaleMatrix(eta, a));
  return oracle.matVec(oracle.inverse(matrix), oracle.add(theta, oracle.scale(eta, b)));
}

/** The objective's curvature lies between 1 / eta and 1 / eta + trace A. */
const solver = (eta: number, iterations: number) => ({ iterations, innerStepSize: 2 / (2 / eta + trace) });

describe("the implicit step", () => {
  it("NL Eq. 98: implicitObjective is the loss and the way, and implicitStep its minimum: (I + eta A)^-1 (theta + eta b) on a quadratic", () => {
    scope(() => {
      const eta = 0.4;
      const at = random.normalVector(3);
      const objective = (x: oracle.Vector) => plainLoss(x) + oracle.norm(oracle.subtract(x, theta)) ** 2 / (2 * eta);
      expectExact(implicitObjective(exact(at), exact(theta), loss, eta), objective(at));
      const step = implicitStep(exact(theta), loss, eta, solver(eta, 40));
      expectExact(step, closedForm(eta), 1e-10);
      expectExact(step, oracle.quadraticMinimum(objective, theta), 1e-9);
    });
  });

  it("NL Eq. 98: implicitStep differs from gradient descent by a term of second order, and for linear losses not at all", () => {
    scope(() => {
      const gap = (eta: number) => {
        const explicit = gradientDescentStep(exact(theta), grad(loss)(exact(theta)), eta);
        const implicit = implicitStep(exact(theta), loss, eta, solver(eta, 10));
        return numberOf(np.max(np.absolute(np.subtract(explicit, implicit))));
      };
      // Halving eta quarters the difference, up to its third order.
      expect(gap(0.01) / gap(0.005)).toBeCloseTo(4, 1);
      expect(gap(0.01)).toBeGreaterThan(1e-5);
      const linear = (x: Tensor) => np.sum(np.multiply(exact(b), x));
      const step = implicitStep(exact(theta), linear, 0.5, { iterations: 1, innerStepSize: 0.5 });
      expectExact(step, oracle.subtract(theta, oracle.scale(0.5, b)));
    });
  });

  it("NL Eq. 99: longhornUpdate is the minimum of implicitObjective for a regression memory, as implicitStep finds it, and stable where gradient descent is not", () => {
    scope(() => {
      const [memory, key, value, eta] = [
        random.normalMatrix(3, 4),
        random.normalVector(4),
        random.normalVector(3),
        0.3,
      ];
      const squared = (m: oracle.Matrix) => oracle.norm(oracle.subtract(oracle.matVec(m, key), value)) ** 2 / 2;
      const objective = (m: oracle.Matrix) => squared(m) + squaredDistance(m, memory) / (2 * eta);
      const written = longhornUpdate(exact(memory), exact(key), exact(value), exact(eta));
      expectExact(written, oracle.quadraticMinimum(objective, memory), 1e-9);
      const regression = (m: Tensor) =>
        np.multiply(0.5, np.sum(np.square(np.subtract(np.matmul(m, exact(key)), exact(value)))));
      const innerStepSize = 2 / (2 / eta + oracle.dot(key, key));
      expectExact(
        implicitStep(exact(memory), regression, eta, { iterations: 60, innerStepSize }),
        matrixOf(written),
        1e-10,
      );
      expectExact(implicitObjective(exact(memory), exact(memory), regression, eta), squared(memory));
      const large = matrixOf(longhornUpdate(exact(memory), exact(key), exact(value), exact(1e4)));
      expect(squared(large)).toBeLessThan(squared(memory));
      const error = oracle.subtract(oracle.matVec(memory, key), value);
      const explicit = oracle.addMatrix(memory, oracle.scaleMatrix(-1e4, oracle.outer(error, key)));
      expect(squared(explicit)).toBeGreaterThan(squared(memory));
    });
  });

  it("NL Eq. 98-99: implicitStep takes trees, and asks for a number of iterations that exists", () => {
    scope(() => {
      const agreement = (p: { m: Tensor }) => np.sum(agreementLoss(np.matmul(p.m, exact([1, 0])), exact([2, -1])));
      const step = implicitStep(
        {
          m: exact([
            [1, 1],
            [1, 1],
          ]),
        },
        agreement,
        0.5,
        { iterations: 1, innerStepSize: 0.5 },
      );
      expectExact(step.m, [
        [2, 1],
        [0.5, 1],
      ]);
      for (const iterations of [0, 1.5]) {
        expect(() => implicitStep(exact(theta), loss, 1, { iterations, innerStepSize: 0.1 })).toThrow(ConfigError);
      }
    });
  });
});
