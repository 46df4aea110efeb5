/** The causal step guard: keeps a chunk's writes from overshooting, from the token and its past alone. Not in the paper. */
import { np, type Tensor } from "../array/index.ts";
import { type MemoryFactors, tangentKernel, transposed } from "../common/index.ts";
import type { ChunkGates } from "./parallel.ts";

/**
 * How the guard measures what a write at one key does to another.
 *
 * - `off`: no guard; the paper's rule.
 * - `key`: inner products of keys; exact for a linear memory.
 * - `tangent`: the memory's own tangent kernel; right for deep memories, whose curvature grows with their weights.
 */
export const stepGuards = ["off", "key", "tangent"] as const;
export type StepGuard = (typeof stepGuards)[number];

/** The kernel the guard sums, from the factors of the chunk: [..., C, C]. */
export function guardKernel(guard: Exclude<StepGuard, "off">, factors: MemoryFactors): Tensor {
  if (guard === "tangent") return tangentKernel(factors);
  const keys = factors.layers[0]!.input;
  return np.abs(np.matmul(keys, transposed(keys)));
}

/**
 * How strongly the chunk's writes so far act on a token's own key; above about 2 its error would be multiplied by more than one.
 *
 * $$g_t = \kappa \sum_{j \le t} \frac{\theta_j}{1-\eta_j}\,K[t,j]$$
 *
 * The factor $1/(1-\eta)$ is the total effect of a surprise through momentum, also beyond the chunk.
 *
 * @param gates un-guarded gates [..., C]; momentum below 1
 * @param kernel [..., C, C]
 * @param lossScale kappa
 * @returns [..., C]
 */
export function writePressure(gates: ChunkGates, kernel: Tensor, lossScale = 1): Tensor {
  const total = np.divide(gates.stepSize, np.negative(np.expm1(gates.logMomentum)));
  const size = kernel.shape.at(-1) ?? 0;
  const causal = np.multiply(kernel, np.tri(size, size));
  return np.multiply(np.sum(np.multiply(causal, np.expandDims(total, -2)), -1), lossScale);
}

/**
 * Step sizes bounded so that a chunk of similar keys cannot overshoot.
 *
 * $$\theta'_t = \frac{\theta_t}{\max(1, g_t)^2}$$
 *
 * The square keeps the sum over a run of identical keys bounded. Uses the token and its past only, so any cut of the sequence gives the same steps;
 * the identity while keys are nearly orthogonal or steps small.
 *
 * @param gates un-guarded gates [..., C]
 * @param pressure g: [..., C]
 * @returns theta': [..., C]
 */
export function guardedStepSize(gates: ChunkGates, pressure: Tensor): Tensor {
  return np.divide(gates.stepSize, np.square(np.maximum(1, pressure)));
}
