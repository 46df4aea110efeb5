import { describe, expect, it } from "vitest";
import { jit, np, scope, type Tensor } from "../../src/array/index.ts";
import {
  matrixPreconditionedDescent,
  preconditionedDescent,
  preconditionerObjective,
  preconditionerStep,
} from "../../src/nl/index.ts";
import { exact, expectExact, inner, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(38);
const root = random.normalMatrix(6, 6);
const hessian = oracle.addMatrix(oracle.matMul(root, oracle.transpose(root)), oracle.identity(6));
const [w, minimum, g] = [random.normalMatrix(2, 3), random.normalVector(6), random.normalMatrix(2, 3)];

describe("preconditioned descent", () => {
  it("NL Eq. 38: matrixPreconditionedDescent equals the product with an inverse by elimination, P being any positive matrix", () => {
    scope(() => {
      const step = oracle.matVec(oracle.inverse(hessian), g.flat());
      const expected = w.map((row, i) => row.map((value, j) => value - 0.4 * step[3 * i + j]!));
      expectExact(matrixPreconditionedDescent(exact(w), exact(g), exact(hessian), 0.4), expected);
    });
  });

  it("NL Eq. 38: matrixPreconditionedDescent with the Hessian solves a quadratic in one step, and is descent for the identity", () => {
    scope(() => {
      const slope = oracle.matVec(hessian, oracle.subtract(w.flat(), minimum));
      const at = exact(slope);
      expectExact(matrixPreconditionedDescent(exact(w.flat()), at, exact(hessian), 1), minimum);
      const plain = oracle.subtract(w.flat(), oracle.scale(0.4, slope));
      expectExact(matrixPreconditionedDescent(exact(w.flat()), at, exact(oracle.identity(6)), 0.4), plain);
    });
  });

  it("NL Eq. 38-39: preconditionedDescent with any inverse equals matrixPreconditionedDescent, which does not see P and eta scaled alike", () => {
    scope(() => {
      const inverse = exact(oracle.inverse(hessian));
      const apply = (gradient: Tensor) => np.reshape(np.matmul(inverse, np.reshape(gradient, [6])), [2, 3]);
      const byMap = preconditionedDescent(exact(w), exact(g), apply, 0.4);
      const scaled = matrixPreconditionedDescent(exact(w), exact(g), exact(oracle.scaleMatrix(7, hessian)), 2.8);
      expectExact(scaled, matrixOf(byMap));
      const nonLinear = preconditionedDescent(exact(w), exact(g), (x) => np.divide(x, np.abs(x)), 0.4);
      expectExact(
        nonLinear,
        w.map((row, i) => row.map((value, j) => value - 0.4 * Math.sign(g[i]![j]!))),
      );
    });
  });
});

describe("the preconditioner as a memory", () => {
  const [p, key, value] = [random.normalMatrix(3, 3), random.normalMatrix(2, 3), random.normalMatrix(2, 3)];
  const objective = (at: oracle.Matrix) =>
    key.reduce((sum, k, n) => sum + oracle.norm(oracle.subtract(oracle.matVec(at, k), value[n]!)) ** 2 / 2, 0);

  it("NL Eq. 40-41: preconditionerStep is a gradient step on preconditionerObjective, by differences", () => {
    scope(() => {
      expect(numberOf(preconditionerObjective(exact(p), exact(key), exact(value)))).toBeCloseTo(objective(p), 12);
      const slope = oracle.centralGradientTree(objective, p, { step: 1 });
      const expected = oracle.addMatrix(p, oracle.scaleMatrix(-0.2, slope));
      expectExact(preconditionerStep(exact(p), exact(key), exact(value), 0.2), expected);
      const fourth = (answer: Tensor, gradient: Tensor) => np.sum(np.square(np.square(np.subtract(answer, gradient))));
      const plainFourth = (at: oracle.Matrix) =>
        key.reduce(
          (sum, k, n) =>
            sum +
            inner(
              oracle.subtract(oracle.matVec(at, k), value[n]!).map((e) => e ** 2),
              oracle.subtract(oracle.matVec(at, k), value[n]!).map((e) => e ** 2),
            ),
          0,
        );
      const other = oracle.addMatrix(
        p,
        oracle.scaleMatrix(-0.01, oracle.centralGradientTree(plainFourth, p, { richardson: true })),
      );
      expectExact(preconditionerStep(exact(p), exact(key), exact(value), 0.01, fourth), other, 1e-9);
    });
  });

  it("NL Eq. 41: preconditionerStep leaves the identity alone where keys and values agree, and lowers the loss below 2 over the key's squared norm", () => {
    scope(() => {
      expectExact(preconditionerStep(exact(oracle.identity(3)), exact(key), exact(key), 0.5), oracle.identity(3), 0);
      const one: [oracle.Matrix, oracle.Matrix] = [[key[0]!], [value[0]!]];
      const before = numberOf(preconditionerObjective(exact(p), exact(one[0]), exact(one[1])));
      const size = oracle.norm(key[0]!) ** 2;
      const after = [1.9, 2.1].map((share) => {
        const next = preconditionerStep(exact(p), exact(one[0]), exact(one[1]), share / size);
        return numberOf(preconditionerObjective(next, exact(one[0]), exact(one[1])));
      });
      expect(after[0]).toBeLessThan(before);
      expect(after[1]).toBeGreaterThan(before);
    });
  });

  it("NL Eq. 41: preconditionerStep with transformed gradients as keys learns the map back to the raw ones; the printed order learns its inverse", () => {
    scope(() => {
      const map = [
        [2, 0.3, 0],
        [0, 1, 0.2],
        [0.1, 0, 0.5],
      ];
      const keys = random.normalMatrix(50, 3);
      const raw = keys.map((k) => oracle.matVec(map, k));
      const learn = (from: oracle.Matrix, to: oracle.Matrix, step: number) => {
        const [keys, values] = [exact(from), exact(to)];
        const learnt = jit((p: Tensor) => preconditionerStep(p, keys, values, step));
        let now = exact(oracle.identity(3));
        for (let i = 0; i < 250; i++) now = learnt(now);
        return now;
      };
      // The stationary point E[g ĝᵀ] E[ĝ ĝᵀ]⁻¹, here of a stream without noise: the map itself.
      const gram = oracle.matMul(oracle.transpose(keys), keys);
      const stationary = oracle.matMul(oracle.matMul(oracle.transpose(raw), keys), oracle.inverse(gram));
      expectExact(learn(keys, raw, 0.02), stationary, 1e-9);
      expectExact(learn(keys, raw, 0.02), map, 1e-9);
      expectExact(learn(raw, keys, 0.008), oracle.inverse(map), 1e-6);
    });
  });
});
