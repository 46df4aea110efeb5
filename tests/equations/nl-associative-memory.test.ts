import { describe, expect, it } from "vitest";
import { grad, jit, nn, np, scope, type Tensor } from "../../src/array/index.ts";
import {
  agreementLoss,
  implicitStep,
  matrixDesign,
  outputSurprise,
  regressionLoss,
  storageObjective,
  storageStep,
  surpriseDescent,
  surpriseObjective,
} from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { exact, expectExact, inFloat64, inner, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(6);
const [start, x, y] = [random.normalMatrix(3, 4), random.normalVector(4), random.normalVector(3)];
const [keys, values] = [random.normalMatrix(3, 4), random.normalMatrix(3, 3)];

describe("associative memory", () => {
  it("NL Eq. 6: storageObjective sums each pair's loss, by agreement or by regression, weighted", () => {
    scope(() => {
      const weights = [0.5, 2, 0];
      const answers = keys.map((key) => oracle.matVec(start, key));
      const agreement = weights.map((w, i) => -w * oracle.dot(answers[i]!, values[i]!));
      const regression = weights.map((w, i) => (w * oracle.norm(oracle.subtract(answers[i]!, values[i]!)) ** 2) / 2);
      for (const [loss, expected] of [
        [agreementLoss, agreement],
        [regressionLoss, regression],
      ] as const) {
        const value = storageObjective(matrixDesign(loss), exact(start), exact(keys), exact(values), exact(weights));
        expectExact(value, expected[0]! + expected[1]!);
      }
    });
  });

  it("NL Eq. 6: storageStep repeated answers independent keys with their values exactly", () => {
    scope(() => {
      const design = matrixDesign(regressionLoss);
      const write = jit((memory: Tensor) => storageStep(design, memory, exact(keys), exact(values), 0.1));
      let memory = exact(start);
      for (let i = 0; i < 1000; i++) memory = write(memory);
      expect(numberOf(storageObjective(design, memory, exact(keys), exact(values)))).toBeLessThan(1e-20);
    });
  });

  it("NL Eq. 6: storageObjective with a ridge is least at V K^T (K K^T + lambda I)^-1", () => {
    scope(() => {
      const ridge = 0.3;
      const gram = oracle.addMatrix(
        oracle.matMul(oracle.transpose(keys), keys),
        oracle.scaleMatrix(ridge, oracle.identity(4)),
      );
      const solution = oracle.matMul(oracle.matMul(oracle.transpose(values), keys), oracle.inverse(gram));
      const objective = (m: Tensor) =>
        np.add(
          storageObjective(matrixDesign(regressionLoss), m, exact(keys), exact(values)),
          np.multiply(ridge / 2, np.sum(np.square(m))),
        );
      expectExact(grad(objective)(exact(solution)), oracle.zeroMatrix(3, 4), 1e-10);
    });
  });

  it("NL Eq. 6: storageStep takes memories of any form", () => {
    scope(() => {
      const design = {
        read: (memory: { down: Tensor; up: Tensor }, k: Tensor) =>
          np.matmul(np.square(np.matmul(k, memory.down)), memory.up),
        loss: regressionLoss,
      };
      const numbers = { down: random.normalMatrix(4, 5, 0.5), up: random.normalMatrix(5, 3, 0.5) };
      const plain = (memory: typeof numbers) =>
        keys.reduce((sum, key, i) => {
          const hidden = oracle.vecMat(key, memory.down).map((h) => h * h);
          return sum + oracle.norm(oracle.subtract(oracle.vecMat(hidden, memory.up), values[i]!)) ** 2 / 2;
        }, 0);
      const memory = { down: exact(numbers.down), up: exact(numbers.up) };
      const next = storageStep(design, memory, exact(keys), exact(values), 0.01);
      const slope = oracle.centralGradientTree(plain, numbers, { richardson: true });
      expectExact(next, oracle.combine(1, numbers, -0.01, slope), 1e-9);
    });
  });
});

describe("a layer in training as a memory", () => {
  const squared = (output: Tensor) => np.multiply(0.5, np.sum(np.square(np.subtract(output, exact(y)))));
  const surprise = oracle.subtract(oracle.matVec(start, x), y);

  it("NL Eq. 8: outputSurprise under the input is the weights' gradient, by differences, for a squared error", () => {
    scope(() => {
      const plain = (w: oracle.Matrix) => oracle.norm(oracle.subtract(oracle.matVec(w, x), y)) ** 2 / 2;
      const slope = oracle.centralGradientTree(plain, start, { step: 1 });
      const u = outputSurprise(exact(start), exact(x), squared);
      expectExact(u, surprise);
      expectExact(np.outer(u, exact(x)), slope, 1e-10);
      const next = surpriseDescent(exact(start), exact(x), u, 0.2);
      expectExact(next, oracle.addMatrix(start, oracle.scaleMatrix(-0.2, slope)), 1e-10);
    });
  });

  it("NL Eq. 8: outputSurprise and surpriseDescent work on many layers at once", () => {
    scope(() => {
      const weights = exact([start, oracle.scaleMatrix(2, start)]);
      const inputs = exact([x, oracle.scale(-1, x)]);
      const u = outputSurprise(weights, inputs, squared);
      const second = oracle.subtract(oracle.scale(-2, oracle.matVec(start, x)), y);
      expectExact(u, [surprise, second]);
      const expected = [
        oracle.addMatrix(start, oracle.scaleMatrix(-0.2, oracle.outer(surprise, x))),
        oracle.addMatrix(oracle.scaleMatrix(2, start), oracle.scaleMatrix(0.2, oracle.outer(second, x))),
      ];
      expectExact(surpriseDescent(weights, inputs, u, 0.2), expected);
    });
  });

  it("NL Eq. 9: surpriseObjective is least, found from plain values, where surpriseDescent goes; with the surprise of another input it is not", () => {
    scope(() => {
      const eta = 0.4;
      const plain = (at: oracle.Vector) => (w: oracle.Matrix) =>
        oracle.dot(oracle.matVec(w, at), surprise) + squaredDistance(w, start) / (2 * eta);
      const next = surpriseDescent(exact(start), exact(x), exact(surprise), eta);
      expectExact(next, oracle.quadraticMinimum(plain(x), start), 1e-10);
      const value = surpriseObjective(exact(keys), exact(start), exact(x), exact(surprise), eta);
      expectExact(value, plain(x)(keys));
      // The second form as printed has the input of the step before.
      const printed = oracle.quadraticMinimum(plain(random.normalVector(4)), start);
      expect(oracle.maxDifference(printed, oracle.quadraticMinimum(plain(x), start))).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 9: surpriseDescent keeps its surprise while the weights move: recomputing it gives the implicit step, which is another", () => {
    scope(() => {
      const eta = 0.1;
      const explicit = surpriseDescent(exact(start), exact(x), outputSurprise(exact(start), exact(x), squared), eta);
      const recomputed = implicitStep(exact(start), (w: Tensor) => squared(np.matmul(w, exact(x))), eta, {
        iterations: 50,
        innerStepSize: 2 / (oracle.dot(x, x) + 2 / eta),
      });
      expect(numberOf(np.max(np.absolute(np.subtract(explicit, recomputed))))).toBeGreaterThan(0.02);
      const shrunk = eta / (1 + eta * oracle.dot(x, x));
      expectExact(recomputed, oracle.addMatrix(start, oracle.scaleMatrix(-shrunk, oracle.outer(surprise, x))), 1e-10);
    });
  });
});

describeNative("in float64 on the native engine", () => {
  it("NL Eq. 8: outputSurprise under the input is the weights' gradient, by differences, for a cross-entropy", async () => {
    const target = 1;
    const plain = (w: oracle.Matrix) => {
      const logits = oracle.matVec(w, x);
      return Math.log(logits.reduce((sum, one) => sum + Math.exp(one), 0)) - logits[target]!;
    };
    const u = await inFloat64(
      (w: Tensor, input: Tensor, chosen: Tensor) =>
        outputSurprise(w, input, (logits) => np.negative(np.sum(np.multiply(nn.logSoftmax(logits), chosen)))),
      exact(start),
      exact(x),
      exact([0, 1, 0]),
    );
    const slope = oracle.centralGradientTree(plain, start, { richardson: true });
    expect(oracle.maxDifference(oracle.outer(u as number[], x), slope)).toBeLessThan(1e-9);
    expect(inner(slope, slope)).toBeGreaterThan(0.01);
  });
});
