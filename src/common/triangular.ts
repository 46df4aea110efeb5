/** The inverse of a unit lower-triangular matrix in a handful of products, without a loop over its rows. */
import { np, type Tensor } from "../array/index.ts";

/**
 * Solves $(I + N)\,X = B$ for strictly lower-triangular N.
 *
 * $$(I+N)^{-1} = \prod_{i=0}^{\lceil \log_2 C \rceil - 1} \big(I + (-N)^{2^i}\big)$$
 *
 * Exact, as the C-th power of N is zero: the product is the sum of all powers of -N below the C-th.
 *
 * @param strictlyLower N: [..., C, C]
 * @param right B: [..., C, n]
 * @returns X: [..., C, n]
 */
export function solveUnitLower(strictlyLower: Tensor, right: Tensor): Tensor {
  const size = strictlyLower.shape.at(-1) ?? 0;
  let power = np.negative(strictlyLower);
  let solution = right;
  for (let reached = 1; reached < size; reached *= 2) {
    solution = np.add(solution, np.matmul(power, solution));
    if (2 * reached < size) power = np.matmul(power, power);
  }
  return solution;
}
