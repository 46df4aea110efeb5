/** The causal step guard: keeps a chunk's writes from overshooting, from the token and its past alone. Not in the paper. */
import { np, type Tensor } from "../array/index.ts";
import { type MemoryFactors, tangentKernel, transposed } from "../common/index.ts";
import { momentumLeeway } from "./momentum-order.ts";
import type { ChunkGates } from "./parallel.ts";

/**
 * How the guard measures what a write at one key does to another.
 *
 * - `off`: no guard; the paper's rule.
 * - `key`: inner products of keys; exact for a linear memory.
 * - `tangent`: the memory's own tangent kernel, in Frobenius norms; follows a deep memory's growth, but makes steps needlessly small, and does not see
 *   that large errors bend the loss nor that later gates carry a write on.
 * - `curvature`: a bound of the whole curvature, with the strongest momentum that may follow; see `curvatureGuardedStepSize`.
 */
export const stepGuards = ["off", "key", "tangent", "curvature"] as const;
/** One of `stepGuards`. */
export type StepGuard = (typeof stepGuards)[number];

/** The kernel the guard sums, from the factors of the chunk: [..., C, C]. */
export function guardKernel(guard: "key" | "tangent", factors: MemoryFactors): Tensor {
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
 * @param momentumOrder with more than one, 1 - eta gives way to `momentumLeeway`
 * @returns [..., C]
 */
export function writePressure(gates: ChunkGates, kernel: Tensor, lossScale = 1, momentumOrder = 1): Tensor {
  const leak = np.negative(np.expm1(gates.logMomentum));
  let leeway = np.multiply(leak, momentumLeeway(1, momentumOrder));
  // A power would go through a logarithm, which float32 does not have near 1.
  if (momentumOrder > 1) for (let k = 0; k < momentumOrder; k++) leeway = np.multiply(leeway, leak);
  const total = np.divide(gates.stepSize, leeway);
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

/** Keeps a run of identical keys at 2 / 1.25 = 1.6 of one full step; at 2 its error would swing for ever. */
const SAFETY = 1.25;

/**
 * Step sizes that neither a deep memory's growth, nor large errors, nor the momentum of later tokens can turn into an overshoot.
 *
 * $$\theta'_t = \frac{\theta_t}{\max(1, g_{t-})\,\max(1, g_t)}, \qquad g_t = g_{t-} + x_t K[t,t], \qquad g_{t-} = \sum_{j<t} x_j K[t,j], \qquad
 * x_j = \frac{1.25\,\theta_j}{1 - \eta_{max}}$$
 *
 * K is `curvatureKernel`. A key kernel stays below 1 while a deep memory's weights, and with them its curvature, grow without end. The token's own
 * momentum gate says nothing about how long its surprise lives: the gates of later tokens do, so the cap stands in for them. The product of the pressures
 * without and with the token telescopes: over a run of identical keys the steps sum to at most 1.6 full ones however large theta is, and a first large
 * step is cut to a full one, not below. Uses the token and its past only; the identity while writes hardly meet.
 *
 * @param stepSize theta, 0 for masked tokens: [..., C]
 * @param kernel K: [..., C, C]
 * @param maxMomentum bound of all momentum gates, below 1
 * @param momentumOrder with more than one, 1 - eta gives way to `momentumLeeway`
 * @returns theta': [..., C]
 */
export function curvatureGuardedStepSize(
  stepSize: Tensor,
  kernel: Tensor,
  maxMomentum: number,
  momentumOrder = 1,
): Tensor {
  const size = kernel.shape.at(-1) ?? 0;
  const total = np.expandDims(np.multiply(stepSize, SAFETY / momentumLeeway(1 - maxMomentum, momentumOrder)), -2);
  const loads = np.multiply(kernel, total);
  const pressure = (mask: Tensor) => np.maximum(1, np.sum(np.multiply(loads, mask), -1));
  return np.divide(stepSize, np.multiply(pressure(np.tri(size, size, -1)), pressure(np.tri(size, size))));
}
