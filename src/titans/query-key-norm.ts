/** How queries and keys are scaled, and the loss that goes with it. */
import { np, type Tensor } from "../array/index.ts";
import { l2Normalize, rmsNorm } from "../common/index.ts";

/**
 * What queries and keys are divided by.
 *
 * - `l2`: their length; it becomes 1. The paper's.
 * - `rms`: their root mean square; their length becomes $\sqrt d$, so that the entries, and what a deep memory's activations see, are of order one.
 *
 * Without a learned scale: the step size that a memory can take depends on the keys' length.
 */
export const queryKeyNorms = ["l2", "rms"] as const;
/** One of `queryKeyNorms`. */
export type QueryKeyNorm = (typeof queryKeyNorms)[number];

/** Queries or keys [..., dim], scaled. */
export function normalizeQueryOrKey(norm: QueryKeyNorm, x: Tensor): Tensor {
  return norm === "l2" ? l2Normalize(x) : rmsNorm(np.ones([x.shape.at(-1)!]), x);
}

/**
 * The loss scale kappa that fits the keys' length.
 *
 * $$\kappa\,\|k\|^2 = s$$
 *
 * One step at one key multiplies the error by $1 - \theta\,\kappa\|k\|^2$, so a sum over features goes with keys of length one, and a mean over features
 * with keys of length $\sqrt d$. The other two pairings would learn d times too slowly, or diverge.
 *
 * @param lossScale s: 1 is the halved squared error of unit keys, 2 the squared error as the paper prints it
 * @param dim d
 * @returns kappa
 */
export function pairedLossScale(norm: QueryKeyNorm, lossScale: number, dim: number): number {
  return norm === "l2" ? lossScale : lossScale / dim;
}
