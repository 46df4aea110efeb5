/** Approximate orthogonalisation of a matrix by Newton-Schulz iteration (section 9.1). */

import { addMatrix, type Matrix, matMul, scaleMatrix, transpose } from "./matrix.ts";
import { treeNorm } from "./tree.ts";

/** Chosen for speed: singular values end between about 0.7 and 1.2, not at 1. */
export const newtonSchulzCoefficients = [3.4445, -4.775, 2.0315] as const;

/**
 * Five quintic steps that push every singular value that is not tiny towards 1 and keep the singular vectors.
 *
 * $$X_0=\frac{G}{\|G\|_F},\qquad A=XX^\top,\qquad X\leftarrow aX+(bA+cA^2)X$$
 *
 * A matrix with more rows than columns is transposed before and after. A zero matrix stays zero.
 */
export function orthogonalise(matrix: Matrix, steps = 5): Matrix {
  const size = treeNorm(matrix);
  if (size === 0) return matrix;
  const tall = matrix.length > matrix[0]!.length;
  let x = scaleMatrix(1 / size, tall ? transpose(matrix) : matrix);
  const [a, b, c] = newtonSchulzCoefficients;
  for (let step = 0; step < steps; step++) {
    const gram = matMul(x, transpose(x));
    const polynomial = addMatrix(scaleMatrix(b, gram), scaleMatrix(c, matMul(gram, gram)));
    x = addMatrix(scaleMatrix(a, x), matMul(polynomial, x));
  }
  return tall ? transpose(x) : x;
}
