import { describe, expect, it } from "vitest";
import { type Matrix, matMul, norm, scaleMatrix, transpose, zeroMatrix } from "./matrix.ts";
import { newtonSchulzCoefficients, orthogonalise } from "./newton-schulz.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(81);

function diagonal(values: number[], columns: number): Matrix {
  return values.map((value, i) => Array.from({ length: columns }, (_, j) => (i === j ? value : 0)));
}

/** Rotation in the plane of the first two of three axes, then of the last two. */
function rotation(first: number, second: number): Matrix {
  const [c, s, d, t] = [Math.cos(first), Math.sin(first), Math.cos(second), Math.sin(second)];
  return matMul(
    [
      [c, -s, 0],
      [s, c, 0],
      [0, 0, 1],
    ],
    [
      [1, 0, 0],
      [0, d, -t],
      [0, t, d],
    ],
  );
}

/** Singular values of a matrix with two rows, from the 2 x 2 Gram matrix. */
function singularValues([a, b]: Matrix): [number, number] {
  const [p, r] = [norm(a!) ** 2, norm(b!) ** 2];
  const q = a!.reduce((sum, value, i) => sum + value * b![i]!, 0);
  const spread = Math.sqrt(((p - r) / 2) ** 2 + q * q);
  return [Math.sqrt((p + r) / 2 + spread), Math.sqrt((p + r) / 2 - spread)];
}

describe("oracle: orthogonalisation by Newton-Schulz, section 9.1", () => {
  it("acts on each singular value by the odd polynomial, after the Frobenius norm is taken out", () => {
    const [a, b, c] = newtonSchulzCoefficients;
    const values = [3, 1, 0.4];
    const expected = values.map((value) => {
      let s = value / norm(values);
      for (let step = 0; step < 5; step++) s = a * s + b * s ** 3 + c * s ** 5;
      return s;
    });
    expect(maxDifference(orthogonalise(diagonal(values, 4)), diagonal(expected, 4))).toBeLessThan(1e-13);
  });

  it("keeps the singular vectors: rotations on both sides pass through", () => {
    const matrix = random.normalMatrix(3, 3);
    const [left, right] = [rotation(0.7, 2), rotation(-1.1, 0.4)];
    const turned = matMul(left, matMul(orthogonalise(matrix), right));
    expect(maxDifference(orthogonalise(matMul(left, matMul(matrix, right))), turned)).toBeLessThan(1e-12);
  });

  it("brings singular values to between 0.65 and 1.25", () => {
    for (let sample = 0; sample < 200; sample++) {
      for (const value of singularValues(orthogonalise(random.normalMatrix(2, 5)))) {
        expect(value).toBeGreaterThan(0.65);
        expect(value).toBeLessThan(1.25);
      }
    }
  });

  it("has no size of its own, transposes with its matrix, and leaves zero alone", () => {
    const matrix = random.normalMatrix(2, 5);
    expect(maxDifference(orthogonalise(scaleMatrix(1e-6, matrix)), orthogonalise(matrix))).toBeLessThan(1e-12);
    // the norm adds its squares in another order, and five steps with slope 3.4445 enlarge that rounding 500 times
    expect(maxDifference(orthogonalise(transpose(matrix)), transpose(orthogonalise(matrix)))).toBeLessThan(1e-12);
    expect(orthogonalise(zeroMatrix(2, 3))).toEqual(zeroMatrix(2, 3));
  });
});
