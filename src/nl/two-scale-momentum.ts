/** Momentum at two time scales: the part of M3 that makes it a continuum memory. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

/** Both buffers, and what the slow one has not taken in yet; all zero at first. */
export type TwoScaleMomentum = {
  /** M^(1), shaped like the weights. */
  readonly fast: Tensor;
  /** M^(2) */
  readonly slow: Tensor;
  /** The sum of the gradients since the slow buffer's last update. */
  readonly pending: Tensor;
};

/** How the buffers take in gradients. */
export interface TwoScaleGates {
  /** beta_1 */
  readonly fastWeight: TensorLike;
  /** beta_3 */
  readonly slowWeight: TensorLike;
  /** How many steps the slow buffer waits. */
  readonly period: number;
}

/**
 * Two sums of gradients, of which one takes in every gradient at once and the other a whole period of them.
 *
 * $$M^{(1)}_t = M^{(1)}_{t-1} + \beta_1 g_t, \qquad M^{(2)}_t = M^{(2)}_{t-1} + \beta_3 \sum_{i=t-f+1}^{t} g_i \;\text{ if } f \mid t, \text{ else } M^{(2)}_{t-1}$$
 *
 * The print has a minus, one more gradient, and other letters; Algorithm 1, whose update subtracts the sum of both, has these. The optimiser `m3` has these buffers.
 *
 * @param momentum after step t - 1
 * @param gradient g_t, in the shape of the weights
 * @param step t, from 1
 * @see Nested Learning (arXiv:2512.24695) Eq. 75
 */
export function twoScaleMomentum(
  momentum: TwoScaleMomentum,
  gradient: Tensor,
  step: number,
  { fastWeight, slowWeight, period }: TwoScaleGates,
): TwoScaleMomentum {
  const fast = np.add(momentum.fast, np.multiply(fastWeight, gradient));
  const pending = np.add(momentum.pending, gradient);
  if (step % period !== 0) return { fast, slow: momentum.slow, pending };
  const slow = np.add(momentum.slow, np.multiply(slowWeight, pending));
  return { fast, slow, pending: np.zerosLike(pending) };
}
