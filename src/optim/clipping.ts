/** Gradient clipping by the norm of all gradients together. */
import { leaves, mapTree, np, scope, type Tensor, type Tree } from "../array/index.ts";

/**
 * The Euclidean norm of all numbers in a tree.
 *
 * $$\lVert g \rVert = \sqrt{\textstyle\sum_i \lVert g_i \rVert^2}$$
 *
 * @returns a scalar tensor, []
 */
export function globalNorm(tree: Tree): Tensor {
  return scope(() =>
    np.sqrt(leaves(tree).reduce<Tensor>((sum, leaf) => np.add(sum, sumOfSquares(leaf)), np.zeros([]))),
  );
}

/** Rows first: the library adds one number after another, and a million of them in a row lose three digits. */
function sumOfSquares(x: Tensor): Tensor {
  const squares = np.square(x);
  return np.sum(x.ndim > 1 ? np.sum(squares, -1) : squares);
}

/**
 * Scales gradients down to a norm where they exceed it (Pascanu, Mikolov and Bengio, arXiv:1211.5063, Algorithm 1).
 *
 * $$g \leftarrow g \cdot \frac{c}{\max(\lVert g \rVert, c)}$$
 *
 * @param gradients any tree
 * @param maxNorm c, positive
 * @returns the gradients, the same numbers where the norm is at most c, and the norm before clipping, []
 */
export function clipByGlobalNorm<T extends Tree>(gradients: T, maxNorm: number): [clipped: T, norm: Tensor] {
  return scope(() => {
    const norm = globalNorm(gradients);
    const scale = np.divide(maxNorm, np.maximum(norm, maxNorm));
    return [mapTree(gradients, (g) => np.multiply(g, scale)), norm];
  });
}
