import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import {
  connectedToContext,
  connectedToOutput,
  connectedToParameters,
  generatedParameters,
  kernelRegression,
} from "../../src/nl/index.ts";
import { exact, expectExact, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(24);
const [slow, fast, x] = [random.normalMatrix(2, 3), random.normalMatrix(3, 3), random.normalVector(3)];

/** W (Theta x): the slow matrix reads through the fast one. */
const through = (w: Tensor) => (input: Tensor, theta: Tensor) => np.matmul(w, np.matmul(theta, input));
const squared = (y: Tensor) => np.sum(np.square(y));
const largest = (t: Tensor) => numberOf(np.max(np.absolute(t)));

/** The gradient of the squared answer with respect to the slow weights, by differences. */
function slowSlope(answer: (w: oracle.Matrix) => oracle.Vector): oracle.Matrix {
  return oracle.centralGradientTree((w: oracle.Matrix) => oracle.dot(answer(w), answer(w)), slow, { step: 1 });
}

describe("transfer by direct connection", () => {
  it("NL Eq. 24: connectedToParameters reads with the fast block's parameters, and passes no gradient to them", () => {
    scope(() => {
      const answer = (w: Tensor, theta: Tensor) => connectedToParameters(through(w), theta)(exact(x));
      expectExact(answer(exact(slow), exact(fast)), oracle.matVec(slow, oracle.matVec(fast, x)));
      expectExact(grad((theta: Tensor) => squared(answer(exact(slow), theta)))(exact(fast)), oracle.zeroMatrix(3, 3));
      // The output does depend on them, and the slow block's own gradient is whole.
      expect(
        largest(grad((theta: Tensor) => squared(through(exact(slow))(exact(x), theta)))(exact(fast))),
      ).toBeGreaterThan(0.1);
      const slope = slowSlope((w) => oracle.matVec(w, oracle.matVec(fast, x)));
      expectExact(grad((w: Tensor) => squared(answer(w, exact(fast))))(exact(slow)), slope, 1e-9);
    });
  });

  it("NL Eq. 25: connectedToOutput reads with the fast block's answer to the same input, and passes no gradient to it", () => {
    scope(() => {
      const read = (w: Tensor) => (input: Tensor, answer: Tensor) => np.matmul(w, np.multiply(input, answer));
      const answer = (w: Tensor, theta: Tensor) =>
        connectedToOutput(read(w), (input) => np.matmul(theta, input))(exact(x));
      const expected = (w: oracle.Matrix) => oracle.matVec(w, oracle.hadamard(x, oracle.matVec(fast, x)));
      expectExact(answer(exact(slow), exact(fast)), expected(slow));
      expectExact(grad((theta: Tensor) => squared(answer(exact(slow), theta)))(exact(fast)), oracle.zeroMatrix(3, 3));
      expectExact(grad((w: Tensor) => squared(answer(w, exact(fast))))(exact(slow)), slowSlope(expected), 1e-9);
    });
  });

  it("NL Eq. 27: connectedToContext reads what a context without parameters answers, whatever its order, and passes no gradient", () => {
    scope(() => {
      const [keys, values] = [random.normalMatrix(5, 3), random.normalMatrix(5, 3)];
      // A kernel of polynomials: squared inner products.
      const solve = (input: Tensor, { k, v }: { k: Tensor; v: Tensor }) =>
        kernelRegression(np.square(np.matmul(k, input)), v);
      const read = (_: Tensor, solution: Tensor) => np.matmul(exact(slow), solution);
      const answer = (order: readonly number[]) => {
        const context = { k: exact(order.map((i) => keys[i]!)), v: exact(order.map((i) => values[i]!)) };
        return connectedToContext(read, context, solve)(exact(x));
      };
      const scores = keys.map((key) => oracle.dot(key, x) ** 2);
      const total = scores.reduce((sum, score) => sum + score);
      const solution = values.reduce((sum, v, i) => oracle.add(sum, oracle.scale(scores[i]! / total, v)), [0, 0, 0]);
      expectExact(answer([0, 1, 2, 3, 4]), oracle.matVec(slow, solution));
      expectExact(answer([3, 0, 4, 1, 2]), oracle.matVec(slow, solution));
      expect(oracle.maxDifference(matrixOf(answer([0, 1, 2])), oracle.matVec(slow, solution))).toBeGreaterThan(0.01);
      const slope = grad((v: Tensor) => squared(connectedToContext(read, { k: exact(keys), v }, solve)(exact(x))));
      expectExact(slope(exact(values)), oracle.zeroMatrix(5, 3));
    });
  });

  it("NL Eq. 27: connectedToContext gives the context itself to a block that reads it so", () => {
    scope(() => {
      const read = (input: Tensor, context: Tensor) => np.matmul(context, input);
      expectExact(connectedToContext(read, exact(fast), (_, context) => context)(exact(x)), oracle.matVec(fast, x));
    });
  });
});

describe("transfer by generation", () => {
  it("reads with generated parameters, sends gradients to the generator, and with a constant one is a direct connection", () => {
    scope(() => {
      const generate = (source: Tensor) => np.multiply(source, 2);
      const read = through(exact(slow));
      const answer = (source: Tensor) => generatedParameters(read, generate, source)(exact(x));
      expectExact(answer(exact(fast)), oracle.scale(2, oracle.matVec(slow, oracle.matVec(fast, x))));
      expect(largest(grad((source: Tensor) => squared(answer(source)))(exact(fast)))).toBeGreaterThan(0.1);
      const constant = generatedParameters(read, () => exact(fast), exact(fast))(exact(x));
      const connected = connectedToParameters(read, exact(fast))(exact(x));
      expectExact(constant, [...oracle.flatten(matrixOf(connected))]);
    });
  });
});
