import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import { chainGradients, gradientDescentStep, isDue, periodicUpdate } from "../../src/nl/index.ts";
import * as oracle from "../oracles/index.ts";
import { exact, expectExact } from "./exact.ts";

const random = oracle.randomSource(27);
const [below, above] = [random.normalMatrix(4, 3, 0.5), random.normalMatrix(2, 4, 0.5)];
const samples = Array.from({ length: 6 }, () => ({ x: random.normalVector(3), y: random.normalVector(2) }));

/** z + z^2 / 2, whose derivative is 1 + z. */
const lower = (theta: Tensor, x: Tensor) => {
  const z = np.matmul(theta, x);
  return np.add(z, np.multiply(0.5, np.square(z)));
};
const upper = (theta: Tensor, x: Tensor) => np.matmul(theta, x);

const bent = (z: oracle.Vector) => z.map((entry) => entry + entry ** 2 / 2);
const plainOutput = (first: oracle.Matrix, second: oracle.Matrix, x: oracle.Vector) =>
  oracle.matVec(second, bent(oracle.matVec(first, x)));
const plainLoss = (both: oracle.Matrix[], { x, y }: (typeof samples)[0]) =>
  oracle.norm(oracle.subtract(plainOutput(both[0]!, both[1]!, x), y)) ** 2 / 2;

function gradients(first: oracle.Matrix, second: oracle.Matrix, { x, y }: (typeof samples)[0]) {
  const blocks = [
    { read: lower, params: exact(first) },
    { read: upper, params: exact(second) },
  ] as const;
  return chainGradients(...blocks, exact(x), (output) => np.subtract(output, exact(y)));
}

describe("transfer by back-propagation", () => {
  it("gives both blocks the gradients of differences, at the weights before any update", () => {
    scope(() => {
      const sample = samples[0]!;
      const found = gradients(below, above, sample);
      expectExact(found.output, plainOutput(below, above, sample.x));
      const slope = oracle.centralGradientTree((both: oracle.Matrix[]) => plainLoss(both, sample), [below, above], {
        richardson: true,
      });
      expectExact(found.lower, slope[0]!, 1e-9);
      expectExact(found.upper, slope[1]!, 1e-9);
    });
  });

  it("is not what the paper's line has: upper weights that are updated already, and the slope of the activation at the input", () => {
    scope(() => {
      const { x, y } = samples[0]!;
      const z = oracle.matVec(below, x);
      const error = oracle.subtract(plainOutput(below, above, x), y);
      const lowerGradient = (second: oracle.Matrix, at: oracle.Vector) =>
        oracle.outer(
          oracle.hadamard(
            at.map((entry) => 1 + entry),
            oracle.vecMat(error, second),
          ),
          x,
        );
      const actual = gradients(below, above, samples[0]!).lower;
      expectExact(actual, lowerGradient(above, z));
      const updated = oracle.addMatrix(above, oracle.scaleMatrix(-0.5, oracle.outer(error, bent(z))));
      const differs = (other: oracle.Matrix) => oracle.maxDifference(other, lowerGradient(above, z));
      expect(differs(lowerGradient(updated, z))).toBeGreaterThan(0.01);
      expect(differs(lowerGradient(above, [...x, 0]))).toBeGreaterThan(0.01);
    });
  });

  it("with one period is gradient descent of both, with a longer one for the lower block its gradients are summed over it", () => {
    scope(() => {
      for (const period of [1, 3]) {
        let [first, second, sum] = [below, above, oracle.zeroMatrix(4, 3)];
        let slow = { params: exact(below), pending: exact(oracle.zeroMatrix(4, 3)) };
        let fast = exact(above);
        samples.forEach(({ x, y }, t) => {
          const blocks = [
            { read: lower, params: slow.params },
            { read: upper, params: fast },
          ] as const;
          const found = chainGradients(...blocks, exact(x), (output) => np.subtract(output, exact(y)));
          fast = gradientDescentStep(fast, found.upper, 0.05);
          slow = periodicUpdate(slow, np.multiply(0.02, found.lower), isDue(period, t + 1));

          const z = oracle.matVec(first, x);
          const error = oracle.subtract(plainOutput(first, second, x), y);
          const pulled = oracle.hadamard(
            z.map((entry) => 1 + entry),
            oracle.vecMat(error, second),
          );
          sum = oracle.addMatrix(sum, oracle.outer(pulled, x));
          second = oracle.addMatrix(second, oracle.scaleMatrix(-0.05, oracle.outer(error, bent(z))));
          if ((t + 1) % period === 0) {
            first = oracle.addMatrix(first, oracle.scaleMatrix(-0.02, sum));
            sum = oracle.zeroMatrix(4, 3);
          }
          expectExact(fast, second);
          expectExact(slow.params, first);
        });
      }
    });
  });
});
