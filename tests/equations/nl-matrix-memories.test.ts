import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import { linearAttention } from "../../src/common/index.ts";
import {
  agreementLoss,
  hebbianLoss,
  hebbianObjective,
  hebbianWrite,
  matrixDesign,
  ojaLoss,
  ojaWrite,
  omegaRecurrence,
  omegaStep,
  regressionLoss,
} from "../../src/nl/index.ts";
import { deltaNetUpdate } from "../../src/titans/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { exact, expectExact, inner, matrixOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(17);
const [m, k, v] = [random.normalMatrix(3, 4), random.normalVector(4), random.normalVector(3)];
const tokens = 7;
const [keys, values] = [random.normalMatrix(tokens, 4), random.normalMatrix(tokens, 3)];
const added = (a: oracle.Matrix, factor: number, b: oracle.Matrix) =>
  oracle.addMatrix(a, oracle.scaleMatrix(factor, b));

describe("the Hebbian memory", () => {
  const agreement = (at: oracle.Matrix) => -oracle.dot(oracle.matVec(at, k), v);

  it.each([1, 0.3])(
    "NL Eq. 17-18: hebbianWrite is the minimum of hebbianObjective, found from plain values, eta = %f",
    (eta) => {
      scope(() => {
        const objective = (at: oracle.Matrix) => agreement(at) + squaredDistance(at, m) / (2 * eta);
        const written = hebbianWrite(exact(m), exact(k), exact(v), { stepSize: eta });
        expectExact(written, oracle.quadraticMinimum(objective, m), 1e-10);
        const elsewhere = random.normalMatrix(3, 4);
        expectExact(hebbianObjective(exact(elsewhere), exact(m), exact(k), exact(v), eta), objective(elsewhere));
        // The write scales with the step size.
        expectExact(np.subtract(written, exact(m)), oracle.scaleMatrix(eta, oracle.outer(v, k)));
      });
    },
  );

  it("NL Eq. 18: hebbianWrite without gates, token by token, is linearAttention's memory", () => {
    scope(() => {
      let memory = exact(oracle.zeroMatrix(3, 4));
      keys.forEach((key, t) => {
        memory = hebbianWrite(memory, exact(key), exact(values[t]!));
      });
      const empty = exact(oracle.zeroMatrix(4, 3));
      const [, rows] = linearAttention(empty, exact(keys), exact(keys), exact(values));
      expectExact(memory, oracle.transpose(matrixOf(rows)));
    });
  });

  it("NL Eq. 18, 64: hebbianLoss has the gradient -v k^T, by differences; printed twice as large it has not", () => {
    scope(() => {
      const slope = oracle.centralGradientTree(agreement, m, { step: 1 });
      expectExact(grad((at: Tensor) => hebbianLoss(at, exact(k), exact(v)))(exact(m)), slope, 1e-10);
      expectExact(hebbianLoss(exact(m), exact(k), exact(v)), agreement(m));
      const brace = oracle.scaleMatrix(-1, oracle.outer(v, k));
      expect(oracle.maxDifference(slope, brace)).toBeLessThan(1e-10);
      const printed = oracle.centralGradientTree((at: oracle.Matrix) => 2 * agreement(at), m, { step: 1 });
      expect(oracle.maxDifference(printed, brace)).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 64: hebbianWrite with a constant retention has the decay of RetNet", () => {
    scope(() => {
      let memory = exact(oracle.zeroMatrix(3, 4));
      keys.forEach((key, t) => {
        memory = hebbianWrite(memory, exact(key), exact(values[t]!), { retain: 0.9, stepSize: 0.4 });
      });
      const expected = keys.reduce(
        (sum, key, t) => added(sum, 0.4 * 0.9 ** (tokens - 1 - t), oracle.outer(values[t]!, key)),
        oracle.zeroMatrix(3, 4),
      );
      expectExact(memory, expected);
    });
  });

  it("NL Eq. 64: hebbianWrite takes gates a channel and many memories at once", () => {
    scope(() => {
      const both = <T>(x: T) => [x, x];
      const gates = {
        retain: exact([both([0.5]).concat([[1]]), both([1]).concat([[0]])]),
        stepSize: exact([[[1]], [[0.1]]]),
      };
      const written = hebbianWrite(exact(both(m)), exact(both(k)), exact(both(v)), gates);
      const expected = [
        added(oracle.scaleRows([0.5, 0.5, 1], m), 1, oracle.outer(v, k)),
        added(oracle.scaleRows([1, 1, 0], m), 0.1, oracle.outer(v, k)),
      ];
      expectExact(written, expected);
    });
  });
});

describe("the delta rule", () => {
  const step = (eta: number) => exact(eta);

  it("NL Eq. 65: deltaNetUpdate is a gradient step on half the squared error; erasing from the left is not", () => {
    scope(() => {
      const loss = (at: oracle.Matrix) => oracle.norm(oracle.subtract(oracle.matVec(at, k), v)) ** 2 / 2;
      const slope = oracle.centralGradientTree(loss, m, { step: 1 });
      expectExact(deltaNetUpdate(exact(m), exact(k), exact(v), step(0.3)), added(m, -0.3, slope), 1e-10);
      // As printed, with a square memory so that the product exists at all.
      const [square, value] = [random.normalMatrix(4, 4), random.normalVector(4)];
      const written = oracle.scaleMatrix(0.3, oracle.outer(value, k));
      const erase = added(oracle.identity(4), -0.3, oracle.outer(k, k));
      const error = oracle.outer(oracle.subtract(oracle.matVec(square, k), value), k);
      const expected = added(square, -0.3, error);
      expectExact(deltaNetUpdate(exact(square), exact(k), exact(value), step(0.3)), expected);
      const printed = oracle.addMatrix(oracle.matMul(erase, square), written);
      expect(oracle.maxDifference(printed, expected)).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 65: deltaNetUpdate with a unit key and step one overwrites, leaves orthogonal directions, and writing twice changes nothing", () => {
    scope(() => {
      const unit = random.unitVector(4);
      const once = deltaNetUpdate(exact(m), exact(unit), exact(v), step(1));
      expectExact(np.matmul(once, exact(unit)), v);
      expectExact(deltaNetUpdate(once, exact(unit), exact(v), step(1)), matrixOf(once));
      const other = oracle.subtract(k, oracle.scale(oracle.dot(k, unit), unit));
      expectExact(np.matmul(once, exact(other)), oracle.matVec(m, other));
    });
  });
});

describe("Oja's rule", () => {
  const loss = (at: oracle.Matrix, key: oracle.Vector) => {
    const back = oracle.vecMat(v, at);
    return -oracle.dot(oracle.matVec(at, key), v) + oracle.dot(back, back) / 2;
  };

  it("NL Eq. 67: ojaLoss and its gradient are those of plain values; doubled as in print they are not what ojaWrite follows", () => {
    scope(() => {
      expectExact(ojaLoss(exact(m), exact(k), exact(v)), loss(m, k));
      const slope = oracle.centralGradientTree((at: oracle.Matrix) => loss(at, k), m, { step: 1 });
      expectExact(grad((at: Tensor) => ojaLoss(at, exact(k), exact(v)))(exact(m)), slope, 1e-10);
      expectExact(ojaWrite(exact(m), exact(k), exact(v), { stepSize: 0.2 }), added(m, -0.2, slope), 1e-10);
      const doubled = added(m, -0.4, slope);
      expect(oracle.maxDifference(doubled, added(m, -0.2, slope))).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 66-67: ojaWrite is ojaWrite without forgetting plus the kept memory; the brace as printed, without its v, is another matrix", () => {
    scope(() => {
      const row = oracle.subtract(k, oracle.vecMat(v, m));
      const expected = added(oracle.scaleMatrix(0.7, m), 0.2, oracle.outer(v, row));
      expectExact(ojaWrite(exact(m), exact(k), exact(v), { retain: 0.7, stepSize: 0.2 }), expected);
      const printed = m.map((entries) => oracle.add(entries, oracle.scale(0.2, row)));
      expect(
        oracle.maxDifference(printed, matrixOf(ojaWrite(exact(m), exact(k), exact(v), { stepSize: 0.2 }))),
      ).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 67: ojaWrite of a single neuron's own activation drives the size of its weights to one", () => {
    scope(() => {
      let memory = [oracle.scale(0.3, random.unitVector(4))];
      for (let i = 0; i < 300; i++) {
        // Zero mean, one direction stronger than the others.
        const x = random.normalVector(4).map((entry, j) => entry * (j === 1 ? 2 : 0.5));
        const activation = oracle.matVec(memory, x);
        memory = scope(() => matrixOf(ojaWrite(exact(memory), exact(x), exact(activation), { stepSize: 0.03 })));
      }
      expect(Math.abs(oracle.norm(memory[0]!) - 1)).toBeLessThan(0.1);
      expect(Math.abs(memory[0]![1]!)).toBeGreaterThan(0.9);
    });
  });
});

describe("the Omega rule", () => {
  const window = 3;
  const gammas = Array.from({ length: tokens }, () => random.uniformVector(window, 0.01, 0.1));

  it("NL Eq. 68: omegaStep of one token is the gated delta rule of deltaNetUpdate's form", () => {
    scope(() => {
      const seen = { keys: exact([k]), values: exact([v]), stepSizes: exact([0.3]) };
      const error = oracle.subtract(oracle.matVec(m, k), v);
      const expected = added(oracle.scaleMatrix(0.8, m), -0.3, oracle.outer(error, k));
      expectExact(omegaStep(matrixDesign(regressionLoss), exact(m), seen, 0.8), expected);
      const delta = matrixOf(deltaNetUpdate(exact(m), exact(k), exact(v), exact(0.3)));
      expectExact(omegaStep(matrixDesign(regressionLoss), exact(m), seen), delta);
    });
  });

  it("NL Eq. 68: omegaRecurrence with the squared error equals the loop over windows, all gradients at the memory before", () => {
    scope(() => {
      const run = omegaRecurrence(
        matrixDesign(regressionLoss),
        exact(m),
        exact(keys),
        exact(values),
        exact(gammas),
        0.95,
      );
      let now = m;
      for (let t = 0; t < tokens; t++) {
        let next = oracle.scaleMatrix(0.95, now);
        for (let i = Math.max(0, t - window + 1); i <= t; i++) {
          const error = oracle.subtract(oracle.matVec(now, keys[i]!), values[i]!);
          next = added(next, -gammas[t]![i - t + window - 1]!, oracle.outer(error, keys[i]!));
        }
        now = next;
        expectExact(run[t]!, now);
      }
    });
  });

  it("NL Eq. 68: omegaRecurrence by agreement writes a token in each of its c windows, and afterwards only lets it fade", () => {
    scope(() => {
      const retain = 0.9;
      const run = omegaRecurrence(
        matrixDesign(agreementLoss),
        exact(oracle.zeroMatrix(3, 4)),
        exact(keys),
        exact(values),
        exact(gammas),
        retain,
      );
      const expected = keys.reduce(
        (sum, key, i) => {
          let share = 0;
          for (let t = i; t < Math.min(tokens, i + window); t++)
            share += gammas[t]![i - t + window - 1]! * retain ** (tokens - 1 - t);
          return added(sum, share, oracle.outer(values[i]!, key));
        },
        oracle.zeroMatrix(3, 4),
      );
      expectExact(run.at(-1)!, expected);
    });
  });

  it("NL Eq. 68: omegaRecurrence runs many memories at once, of any form, and says where tokens do not match", () => {
    scope(() => {
      const both = <T>(x: T) => exact([x, x] as never);
      const run = omegaRecurrence(matrixDesign(regressionLoss), both(m), both(keys), both(values), both(gammas));
      const one = omegaRecurrence(matrixDesign(regressionLoss), exact(m), exact(keys), exact(values), exact(gammas));
      expectExact(run.at(-1)!, [matrixOf(one.at(-1)!), matrixOf(one.at(-1)!)]);
      const tree = {
        read: (memory: { w: Tensor; b: Tensor }, k: Tensor) =>
          np.add(np.matmul(k, np.swapaxes(memory.w, 0, 1)), memory.b),
        loss: regressionLoss,
      };
      const [first] = omegaRecurrence(
        tree,
        { w: exact(m), b: exact([0, 0, 0]) },
        exact(keys),
        exact(values),
        exact(gammas),
      );
      const error = oracle.subtract(oracle.matVec(m, keys[0]!), values[0]!);
      expectExact(first!.b, oracle.scale(-gammas[0]![window - 1]!, error));
      expect(inner(error, error)).toBeGreaterThan(0.01);
      expect(() =>
        omegaRecurrence(tree, { w: exact(m), b: exact([0]) }, exact(keys), exact(values), exact([[1]])),
      ).toThrow(ShapeError);
    });
  });
});
