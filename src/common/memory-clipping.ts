/** Bounds each token's gradient by its norm, without building any gradient. */
import { np, type Tensor } from "../array/index.ts";
import { type MemoryFactors, squaredGradientNorms } from "./memory-factors.ts";
import { column } from "./memory-mlp.ts";

/**
 * The factors of gradients whose norms are at most a bound: a true clip of each token's whole gradient.
 *
 * $$g_i \leftarrow g_i\,\min\!\Big(1, \frac{m}{\|g_i\|}\Big), \qquad \|g_i\|^2 = \sum_l \|\delta_i^{(l)}\|^2 \|h_i^{(l-1)}\|^2$$
 *
 * The norm is over all weights of the memory together and follows from the factors; the scale goes into the stored errors, after back-propagation, so
 * that lower layers are not scaled twice. A smaller gradient is left as it is, bit for bit.
 *
 * @param factors of the chunk's gradients
 * @param maxNorm m, above 0
 * @returns the same factors, with smaller errors where a gradient was too large
 */
export function clippedFactors(factors: MemoryFactors, maxNorm: number): MemoryFactors {
  const squared = squaredGradientNorms(factors);
  // The maximum keeps the branch that is not taken differentiable.
  const scale = np.divide(maxNorm, np.sqrt(np.maximum(squared, maxNorm ** 2)));
  const clip = column(np.where(np.greater(squared, maxNorm ** 2), scale, 1));
  const clipped = (x: Tensor) => np.multiply(x, clip);
  const layers = factors.layers.map(({ input, error }) => ({ input, error: clipped(error) }));
  if (!factors.norm) return { ...factors, layers };
  const { norm } = factors;
  return { ...factors, layers, norm: { ...norm, scale: clipped(norm.scale), shift: clipped(norm.shift) } };
}
