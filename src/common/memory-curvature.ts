/** How strongly the writes of a chunk act on one another in a memory of any depth: the size of the inner loss's second derivative. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryFactors } from "./memory-factors.ts";
import { type MemoryWeights, transposed } from "./memory-mlp.ts";

/** Keeps divisions and roots differentiable where a memory has faded. Their derivatives divide by its square, which float32 must still hold. */
const FLOOR = 1e-12;

/**
 * An upper bound of a matrix's largest singular value, squared, without an eigenvalue solver: at most $n^{1/8}$ too large for n singular values.
 *
 * $$\|W\|_2^2 \le \|(W W^\top)^4\|_F^{1/4}$$
 *
 * The Frobenius norm itself is up to n times too large, which would make the steps of a fresh memory ten times smaller than they can be.
 *
 * @param matrix [..., out, in]
 * @returns [...]
 */
export function squaredSpectralBound(matrix: Tensor): Tensor {
  const wide = matrix.shape.at(-2)! <= matrix.shape.at(-1)!;
  const gram = wide ? np.matmul(matrix, transposed(matrix)) : np.matmul(transposed(matrix), matrix);
  const trace = np.maximum(np.sum(np.square(matrix), [-2, -1]), FLOOR);
  const normalized = np.divide(gram, np.expandDims(trace, [-2, -1]));
  const second = np.matmul(normalized, normalized);
  const fourth = np.matmul(second, second);
  const total = np.maximum(np.sum(np.square(fourth), [-2, -1]), FLOOR);
  return np.multiply(trace, np.sqrt(np.sqrt(np.sqrt(total))));
}

/**
 * The curvature kernel between tokens of a chunk: how much a write at one key changes the gradient at another, bounded from above.
 *
 * $$K[t,j] = \sum_l |h_t^{(l-1)} \cdot h_j^{(l-1)}| \Big(\kappa\,\gamma_t^{(l)} \gamma_j^{(l)} + \tfrac12\big(c_t^{(l)} + c_j^{(l)}\big)\Big)$$
 *
 * The first term is the tangent kernel, with $\gamma_t^{(l)} = \prod_{m \ge l} \|W^{(m+1)}\|_2 \max|\varphi'(z_t^{(m)})|$ bounding the output's derivative
 * with respect to layer l's pre-activation. The second is the rest of the Hessian: two layers that move together change the output by the product of
 * their changes, in proportion to the error, $c_t^{(l)} = \sum_{m > l} \|\delta_t^{(m)}\|\,\|\partial h_t^{(m-1)} / \partial z_t^{(l)}\|$. A linear
 * memory has only $\kappa |k_t \cdot k_j|$. Terms in $\varphi''$ are left out.
 *
 * @param weights W_0, at which the factors were taken: matrices [..., out, in]
 * @param lossScale kappa, as the factors were made with
 * @returns [..., C, C]
 */
export function curvatureKernel(weights: MemoryWeights, factors: MemoryFactors, lossScale = 1): Tensor {
  const { layers, slopes, norm, residual } = factors;
  const spectral = weights.layers.map((matrix) => np.expandDims(np.sqrt(squaredSpectralBound(matrix)), -1));
  const steepest = slopes.map((slope) => np.max(np.abs(slope), -1));
  const errorSizes = layers.map(({ error }) => np.sqrt(np.add(np.sum(np.square(error), -1), FLOOR)));
  const pairs = (f: (a: Tensor, b: Tensor) => Tensor, x: Tensor) => f(np.expandDims(x, -1), np.expandDims(x, -2));

  let gain = np.onesLike(np.sum(residual, -1));
  // The output norm bends the loss by itself: its derivative changes with what it divides by.
  let normBend: Tensor | undefined;
  if (norm && weights.norm) {
    gain = np.divide(np.max(np.abs(weights.norm.scale), -1, { keepdims: true }), norm.deviation);
    normBend = np.divide(errorSizes.at(-1)!, norm.deviation);
  }
  const terms: Tensor[] = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    if (l < layers.length - 1) {
      const step = np.multiply(spectral[l + 1]!, steepest[l]!);
      gain = np.multiply(gain, step);
      normBend &&= np.multiply(normBend, np.square(step));
    }
    let bend = normBend;
    let reach = steepest[l];
    for (let m = l + 1; m < layers.length; m++) {
      const together = np.multiply(errorSizes[m]!, reach!);
      bend = bend ? np.add(bend, together) : together;
      if (m < layers.length - 1) reach = np.multiply(reach!, np.multiply(spectral[m]!, steepest[m]!));
    }
    const { input } = layers[l]!;
    const similarity = np.abs(np.matmul(input, transposed(input)));
    const tangent = np.multiply(pairs(np.multiply, gain), lossScale);
    terms.push(np.multiply(similarity, bend ? np.add(tangent, np.multiply(pairs(np.add, bend), 0.5)) : tangent));
  }
  if (norm) terms.push(np.multiply(np.add(1, pairs(np.multiply, np.max(np.abs(norm.normalized), -1))), lossScale));
  return terms.reduce((total, term) => np.add(total, term));
}
