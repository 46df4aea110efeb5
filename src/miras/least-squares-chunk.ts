/** A memory that is the exact minimiser over all its tokens, kept up to date by recursive least squares. */
import { np, slice, type Tensor } from "../array/index.ts";
import { transposed } from "../common/index.ts";
import { recursiveLeastSquares } from "./least-squares.ts";
import type { ChunkTokens } from "./memory-choices.ts";
import type { AssociativeState } from "./memory-state.ts";
import type { ChunkResult } from "./network-writes.ts";
import type { WriteGates } from "./write-gates.ts";

/**
 * The weights before the first token, and the inverse of the curvature that their distance is measured with: W_0 and I.
 *
 * @param start W_0: [..., out, in]
 */
export function leastSquaresState(start: Tensor): AssociativeState {
  const size = start.shape.at(-1)!;
  const covariance = np.broadcastTo(np.eye(size), [...start.shape.slice(0, -2), size, size]);
  return { layers: [start, np.astype(covariance, start.dtype)] };
}

/**
 * Regresses the values on the keys of all tokens so far, and reads each token's query with the solution.
 *
 * $$W_t = \arg\min_W\ \tfrac12 \sum_{i \le t} s_i^2\,\|W k_i - v_i\|^2 + \tfrac12\,\|W - W_0\|_F^2$$
 *
 * With step size s = 1 this is the Mesa-layer; an empty slot has s = 0 and changes nothing.
 *
 * @param state W and P: [..., out, in] and [..., in, in]
 */
export function leastSquaresChunk(
  state: AssociativeState,
  { keys, values, queries }: ChunkTokens,
  { stepSize }: WriteGates,
): ChunkResult {
  let [weights, covariance] = state.layers as [Tensor, Tensor];
  const outputs: Tensor[] = [];
  const errors: Tensor[] = [];
  for (let t = 0; t < keys.shape.at(-2)!; t++) {
    const at = (x: Tensor) => slice(x, ...x.shape.slice(0, -2).map((): [] => []), t);
    const answer = (vector: Tensor) => np.matmul(np.expandDims(vector, -2), transposed(weights)); // [..., 1, out]
    const [key, value, step] = [at(keys), at(values), at(stepSize)];
    errors.push(np.subtract(answer(key), np.expandDims(value, -2)));
    const before = { weights, covariance };
    ({ weights, covariance } = recursiveLeastSquares(before, np.multiply(key, step), np.multiply(value, step)));
    outputs.push(answer(at(queries)));
  }
  return {
    outputs: np.concatenate(outputs, -2),
    state: { layers: [weights, covariance] },
    errors: np.concatenate(errors, -2),
  };
}
