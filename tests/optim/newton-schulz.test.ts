import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { newtonSchulz } from "../../src/optim/index.ts";
import { randomMatrix, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { expectNear } from "../titans/memory-runs.ts";

/** A matrix with given singular values: two reflections around a diagonal. */
function withSingularValues(values: oracle.Vector, seed: number): oracle.Matrix {
  const random = oracle.randomSource(seed);
  const reflection = () => {
    const v = random.unitVector(values.length);
    return oracle.addMatrix(oracle.identity(values.length), oracle.scaleMatrix(-2, oracle.outer(v, v)));
  };
  const [left, right] = [reflection(), reflection()];
  const diagonal = values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
  return oracle.matMul(oracle.matMul(left, diagonal), right);
}

describe("Newton-Schulz", () => {
  it.each([
    [5, 5],
    [3, 7],
    [7, 3],
    [1, 4],
  ])("equals the oracle's iteration on a %i x %i matrix, batched", (rows, columns) => {
    scope(() => {
      const matrices = [1, 2, 3].map((seed) => randomMatrix(seed, rows, columns));
      // Float32 through five steps; a small singular value and its rounding grow up to 480 times.
      expectNear(
        newtonSchulz(toTensor(matrices)),
        matrices.map((matrix) => oracle.orthogonalise(matrix)),
        1e-4,
      );
    });
  });

  it("brings singular values down to a two-hundredth of the norm to between 0.68 and 1.21", () => {
    scope(() => {
      const values = [1, 0.5, 0.1, 0.02, 0.007];
      const { length } = values;
      const x = newtonSchulz(toTensor(withSingularValues(values, 11)));
      // The length of a unit vector's image lies between the smallest and the largest singular value.
      const random = oracle.randomSource(15);
      for (let trial = 0; trial < 20; trial++) {
        const image = np.matmul(x, toTensor(random.unitVector(length)));
        const size = oracle.norm([...readSync(image)]);
        expect(size).toBeGreaterThan(0.68);
        expect(size).toBeLessThan(1.21);
      }
    });
  });

  it("keeps singular vectors: the same matrix in another basis is the same result in that basis", () => {
    scope(() => {
      const matrix = randomMatrix(12, 4, 4);
      const turn = withSingularValues([1, 1, 1, 1], 13);
      const turned = newtonSchulz(toTensor(oracle.matMul(turn, matrix)));
      expectNear(turned, np.matmul(toTensor(turn), newtonSchulz(toTensor(matrix))), 1e-4);
    });
  });

  it("does not depend on the matrix's size, leaves zero at zero, and has a finite gradient there", () => {
    scope(() => {
      const matrix = toTensor(randomMatrix(14, 3, 5));
      expectNear(newtonSchulz(np.multiply(matrix, 1e-6)), newtonSchulz(matrix), 1e-4);
      expect([...readSync(newtonSchulz(np.zeros([2, 3, 5])))].every((value) => value === 0)).toBe(true);
      const slope = grad((x: Tensor) => np.sum(newtonSchulz(x)))(np.zeros([3, 5]));
      expect([...readSync(slope)].every(Number.isFinite)).toBe(true);
    });
  });
});
