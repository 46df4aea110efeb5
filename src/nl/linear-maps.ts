/** Matrices [..., out, in] applied to vectors, and products of vectors, over any leading axes. */
import { leaves, np, type Tensor, type Tree } from "../array/index.ts";

/** @internal $M k$: [..., out] of a matrix [..., out, in] and a vector [..., in]. */
export function applied(matrix: Tensor, vector: Tensor): Tensor {
  return np.squeeze(np.matmul(matrix, np.expandDims(vector, -1)), -1);
}

/** @internal $a\,b^\top$: [..., out, in] of vectors [..., out] and [..., in]. */
export function outerProduct(column: Tensor, row: Tensor): Tensor {
  return np.multiply(np.expandDims(column, -1), np.expandDims(row, -2));
}

/** @internal The inner product of two trees of the same structure, []. */
export function innerProduct(a: Tree, b: Tree): Tensor {
  const others = leaves(b);
  return sumOf(leaves(a).map((leaf, i) => np.sum(np.multiply(leaf, others[i]!))));
}

/** @internal The squared distance of two trees of the same structure, []. */
export function squaredDistance(a: Tree, b: Tree): Tensor {
  const others = leaves(b);
  return sumOf(leaves(a).map((leaf, i) => np.sum(np.square(np.subtract(leaf, others[i]!)))));
}

function sumOf(terms: readonly Tensor[]): Tensor {
  return terms.reduce((sum, term) => np.add(sum, term));
}
