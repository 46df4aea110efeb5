/** Products of gates over every stretch of a chunk, formed in log space so that nothing overflows or is divided. */
import { np, type Tensor } from "../array/index.ts";

/** Stands for the logarithm of an exactly closed gate: its exponential is zero in float32 and float64, and sums of it stay finite. */
export const LOG_OF_ZERO = -1e4;

/**
 * Logarithm below which a product counts as zero: next to 1 it is less than float64 can tell.
 *
 * What is multiplied by such products falls below the normal float32 numbers, with which processors compute many times more slowly.
 */
const LOG_OF_NOTHING = -40;

/** Logarithms of gates with minus infinity (an exactly closed gate) replaced by a finite number whose exponential is zero; any shape. */
export function finiteLogGates(logGates: Tensor): Tensor {
  return np.maximum(logGates, LOG_OF_ZERO);
}

/**
 * The lower-triangular matrix of a gate's products between positions.
 *
 * $$A[t,i] = \prod_{j=i+1}^{t} a_j \quad (i \le t), \qquad A[t,t] = 1, \qquad A[t,i] = 0 \quad (i > t)$$
 *
 * Products below $e^{-40}$ are zero. Each entry is the exponential of its own sum of logarithms, never a quotient $\beta_t/\beta_i$ (which under- and overflows).
 *
 * @param logGates logarithms of the gates, at most 0; `-Infinity` is an exactly closed gate: [..., C]
 * @returns [..., C, C]
 */
export function segmentProducts(logGates: Tensor): Tensor {
  const size = logGates.shape.at(-1) ?? 0;
  const logs = finiteLogGates(logGates);
  const strictlyBelow = np.tri(size, size, -1);
  const below = np.tri(size, size);
  const sums = np.cumsum(np.multiply(np.expandDims(logs, -1), strictlyBelow), -2);
  const counted = np.multiply(np.astype(np.greater(sums, LOG_OF_NOTHING), sums.dtype), below);
  return np.multiply(np.exp(np.multiply(sums, below)), counted);
}

/**
 * The products of a gate from the start of the chunk; those below $e^{-40}$ are zero.
 *
 * $$b_t = \prod_{j=1}^{t} a_j$$
 *
 * @param logGates logarithms of the gates, at most 0: [..., C]
 * @returns [..., C]
 */
export function cumulativeProducts(logGates: Tensor): Tensor {
  const sums = np.cumsum(finiteLogGates(logGates), -1);
  return np.multiply(np.exp(sums), np.astype(np.greater(sums, LOG_OF_NOTHING), sums.dtype));
}
