import { describe, expect, it } from "vitest";
import { scope } from "../../src/array/index.ts";
import {
  inverseRoot,
  type MatrixGates,
  type MatrixMemory,
  matrixAdaGradStep,
  matrixMemoryObjective,
  matrixMemoryOptimum,
  matrixMemoryUpdate,
  vectorTargetOptimum,
} from "../../src/nl/index.ts";
import { exact, expectExact, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(106);
const gradients = random.normalMatrix(6, 4);
const target = random.normalVector(3);
const ones = { sumWeight: 1, squareWeight: 1 };

function memoryOf(gates: MatrixGates, goal: oracle.Vector = target, from = gradients): MatrixMemory {
  const n = from[0]!.length;
  let memory: MatrixMemory = {
    targetSum: exact(oracle.zeroMatrix(goal.length, n)),
    sum: exact(oracle.zeroVector(n)),
    squares: exact(oracle.zeroMatrix(n, n)),
  };
  for (const g of from) memory = matrixMemoryUpdate(memory, exact(g), exact(goal), gates);
  return memory;
}

const vectorOf = (x: Parameters<typeof matrixOf>[0]) => matrixOf(x) as unknown as oracle.Vector;

function objective(m: oracle.Matrix, goal: oracle.Vector, ridge: number): number {
  const losses = gradients.map((g) => oracle.norm(oracle.subtract(oracle.matVec(m, g), goal)) ** 2);
  return losses.reduce((a, b) => a + b) + ridge * oracle.treeNorm(m) ** 2;
}

/** The root of a positive matrix by the Denman-Beavers iteration: Y goes to the root, Z to its inverse. */
function inverseRootByIteration(matrix: oracle.Matrix): oracle.Matrix {
  let [y, z] = [matrix, oracle.identity(matrix.length)];
  for (let step = 0; step < 40; step++)
    [y, z] = [
      oracle.scaleMatrix(0.5, oracle.addMatrix(y, oracle.inverse(z))),
      oracle.scaleMatrix(0.5, oracle.addMatrix(z, oracle.inverse(y))),
    ];
  return z;
}

const gram = oracle.matMul(oracle.transpose(gradients), gradients);
const sum = gradients.reduce((total, g) => oracle.add(total, g));

describe("the full-matrix memory", () => {
  it("NL Eq. 106-107: matrixMemoryOptimum with a number as target is where matrixMemoryObjective is smallest, m being a vector", () => {
    scope(() => {
      const value = numberOf(matrixMemoryObjective(exact([gradients[0]!]), exact(gradients), exact([2]), 0.4));
      expect(value).toBeCloseTo(objective([gradients[0]!], [2], 0.4), 11);
      const minimum = oracle.quadraticMinimum((m: oracle.Matrix) => objective(m, [2], 0.4), oracle.zeroMatrix(1, 4));
      expectExact(matrixMemoryOptimum(memoryOf(ones), exact(2), 0.4), minimum[0]!);
      const p = random.normalMatrix(4, 4);
      const expected = oracle.matVec(
        oracle.matMul(oracle.inverse(oracle.addMatrix(gram, oracle.scaleMatrix(0.4, oracle.identity(4)))), p),
        sum,
      );
      expectExact(matrixMemoryOptimum(memoryOf(ones), exact(p), 0.4), expected);
    });
  });

  it("NL Eq. 106-107: vectorTargetOptimum with a vector as target is where matrixMemoryObjective is smallest, the inverse on the right", () => {
    scope(() => {
      const at = random.normalMatrix(3, 4);
      const value = numberOf(matrixMemoryObjective(exact(at), exact(gradients), exact(target), 0.4));
      expect(value).toBeCloseTo(objective(at, target, 0.4), 10);
      const minimum = oracle.quadraticMinimum((m: oracle.Matrix) => objective(m, target, 0.4), oracle.zeroMatrix(3, 4));
      expectExact(vectorTargetOptimum(memoryOf(ones), 0.4), minimum);
    });
  });

  it("NL Eq. 108-110: matrixMemoryUpdate accumulates targets, gradients and outer products with their own weights", () => {
    scope(() => {
      const memory = memoryOf({ sumWeight: 0.9, squareWeight: 0.6, sumKeep: 0.5 });
      expectExact(memory.targetSum, oracle.scaleMatrix(0.9, oracle.outer(target, sum)));
      expectExact(memory.squares, oracle.scaleMatrix(0.6, gram));
      const decayed = gradients.reduce(
        (total, g) => oracle.add(oracle.scale(0.5, total), oracle.scale(0.9, g)),
        oracle.zeroVector(4),
      );
      expectExact(memory.sum, decayed);
    });
  });

  it("NL Eq. 107: matrixMemoryOptimum with gradients along the axes is the element-wise optimum", () => {
    scope(() => {
      const along = [3, -1, 2, 0.5].map((size, i) => oracle.identity(4)[i]!.map((x) => size * x));
      const memory = memoryOf(ones, target, along);
      const expected = [3, -1, 2, 0.5].map((size) => (2 * size) / (size ** 2 + 0.4));
      expectExact(matrixMemoryOptimum(memory, exact(2), 0.4), expected);
    });
  });
});

describe("AdaGrad as a memory", () => {
  it("inverts the root on a matrix's range, and leaves the rest", () => {
    scope(() => {
      expectExact(inverseRoot(exact(gram)), inverseRootByIteration(gram), 1e-11);
      const two = gradients.slice(0, 2);
      const low = oracle.matMul(oracle.transpose(two), two);
      const root = matrixOf(inverseRoot(exact(low)));
      const projection = oracle.matMul(oracle.matMul(root, low), root);
      // The projection onto the span of both gradients.
      const byGradients = oracle.matMul(
        oracle.matMul(oracle.transpose(two), oracle.inverse(oracle.matMul(two, oracle.transpose(two)))),
        two,
      );
      expect(oracle.maxDifference(projection, byGradients)).toBeLessThan(1e-11);
    });
  });

  it("NL Eq. 111: matrixAdaGradStep with a sum that keeps nothing is full-matrix AdaGrad; beta1 = 1, as the paper says, is not", () => {
    scope(() => {
      let [weights, plain] = [exact([1, 2, 3, 4]), [1, 2, 3, 4]];
      const start = weights;
      const ridge = oracle.scaleMatrix(0.3, oracle.identity(4));
      let squares = ridge;
      let memory: MatrixMemory = {
        targetSum: exact(oracle.zeroMatrix(1, 4)),
        sum: exact([0, 0, 0, 0]),
        squares: exact(ridge),
      };
      for (const g of gradients) {
        memory = matrixMemoryUpdate(memory, exact(g), exact([1]), { sumWeight: 1, squareWeight: 1, sumKeep: 0 });
        weights = matrixAdaGradStep(weights, memory, 1, 0.1);
        squares = oracle.addMatrix(squares, oracle.outer(g, g));
        plain = oracle.subtract(plain, oracle.scale(0.1, oracle.matVec(inverseRootByIteration(squares), g)));
        expectExact(weights, plain, 1e-11);
      }
      const summed = matrixAdaGradStep(start, memoryOf(ones), 1, 0.1);
      const latest = matrixAdaGradStep(start, memoryOf({ ...ones, sumKeep: 0 }), 1, 0.1);
      expect(oracle.maxDifference(vectorOf(summed), vectorOf(latest))).toBeGreaterThan(0.01);
    });
  });

  it("NL Eq. 107, 111: matrixAdaGradStep is matrixMemoryOptimum with the root as target, for any weight of the squares", () => {
    scope(() => {
      const memory = memoryOf({ sumWeight: 0.9, squareWeight: 0.6 });
      const target = exact(oracle.inverse(inverseRootByIteration(gram)));
      const expected = oracle.scale(-0.1, vectorOf(matrixMemoryOptimum(memory, target, 0)));
      expectExact(matrixAdaGradStep(exact([0, 0, 0, 0]), memory, 0.6, 0.1), expected, 1e-11);
    });
  });

  it("NL Eq. 111: matrixAdaGradStep with gradients along the axes is diagonal AdaGrad, and moves nothing without gradients", () => {
    scope(() => {
      const along = [3, -1, 2, 0].map((size, i) => oracle.identity(4)[i]!.map((x) => size * x));
      const memory = memoryOf(ones, target, along);
      expectExact(
        matrixAdaGradStep(
          exact([
            [1, 2],
            [3, 4],
          ]),
          memory,
          1,
          0.1,
        ),
        [
          [0.9, 2.1],
          [2.9, 4],
        ],
      );
    });
  });
});
