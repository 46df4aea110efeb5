import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
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

/** Orthonormal rows: Gram-Schmidt on normal vectors. */
function orthonormalRows(count: number, dim: number, seed: number): oracle.Matrix {
  const random = oracle.randomSource(seed);
  const rows: oracle.Matrix = [];
  while (rows.length < count) {
    let v = random.normalVector(dim);
    for (let pass = 0; pass < 2; pass++)
      for (const row of rows) v = oracle.subtract(v, oracle.scale(oracle.dot(row, v), row));
    rows.push(oracle.scale(1 / oracle.norm(v), v));
  }
  return rows;
}

function toTensor64(matrix: oracle.Matrix): Tensor {
  return tensor(Float64Array.from(matrix.flat()), [matrix.length, matrix[0]!.length]);
}

describe("Newton-Schulz in float64", () => {
  it("brings every singular value of at least 0.002 of the norm to [0.68, 1.21] in five quintic steps, and applies the polynomial to all", () => {
    const polynomial = (s: number) => 3.4445 * s - 4.775 * s ** 3 + 2.0315 * s ** 5;
    scope(() => {
      for (let seed = 0; seed < 5; seed++) {
        const random = oracle.randomSource(seed);
        // From the whole norm down to a millionth of it, evenly in the exponent.
        const values = Array.from({ length: 12 }, (_, i) => 10 ** (-i / 2 + random.uniform() / 2));
        const [left, right] = [orthonormalRows(12, 12, 50 + seed), orthonormalRows(12, 14, 90 + seed)];
        const matrix = oracle.matMul(oracle.transpose(left), oracle.scaleRows(values, right));
        const result = newtonSchulz(toTensor64(matrix));
        const inBasis = np.matmul(np.matmul(toTensor64(left), result), toTensor64(oracle.transpose(right)));
        const norm = oracle.norm(values);
        const expected = values.map((value) => {
          let s = value / norm;
          for (let step = 0; step < 5; step++) s = polynomial(s);
          return s;
        });
        const diagonal = expected.map((value, i) => expected.map((_, j) => (i === j ? value : 0)));
        expectNear(inBasis, diagonal, 1e-12);
        expected.forEach((value, i) => {
          if (values[i]! / norm >= 0.002) expect(value >= 0.68 && value <= 1.21).toBe(true);
        });
      }
      // The same for all values, on a fine grid of the polynomial itself.
      for (let s = 0.002; s <= 1; s += 1e-4) {
        let value = s;
        for (let step = 0; step < 5; step++) value = polynomial(value);
        expect(value).toBeGreaterThan(0.68);
        expect(value).toBeLessThan(1.21);
      }
    });
  });

  it.each([
    [5, 5],
    [3, 7],
    [7, 3],
  ])("converges to the polar factor of a %i x %i matrix with cubic steps", (rows, columns) => {
    scope(() => {
      const rank = Math.min(rows, columns);
      const [left, right] = [orthonormalRows(rank, rows, 3), orthonormalRows(rank, columns, 4)];
      const values = Array.from({ length: rank }, (_, i) => 3 / (i + 1));
      const matrix = oracle.matMul(oracle.transpose(left), oracle.scaleRows(values, right));
      const factor = newtonSchulz(toTensor64(matrix), 40, "cubic");
      expectNear(factor, oracle.matMul(oracle.transpose(left), right), 1e-12);
      expectNear(newtonSchulz(toTensor64(oracle.scaleMatrix(-7, matrix)), 40, "cubic"), np.negative(factor), 1e-12);
    });
  });

  it("refuses an iteration that does not exist", () => {
    expect(() => scope(() => newtonSchulz(np.zeros([2, 2]), 5, "cubik" as never))).toThrow('did you mean "cubic"?');
  });
});

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
