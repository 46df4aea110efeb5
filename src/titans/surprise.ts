/** Surprise: the gradient of the associative loss, and how it is carried from token to token. */
import { np, type Tensor, zipTrees } from "../array/index.ts";
import { type MemoryArchitecture, type MemoryWeights, memoryFactors, weightedGradient } from "../common/index.ts";

/** @internal A gate value that scales whole weight arrays: [..., 1, 1] for matrices [..., out, in], [..., 1] for vectors. */
export function spread(gate: Tensor, weight: Tensor): Tensor {
  const extra = weight.ndim - gate.ndim;
  return np.reshape(gate, [...gate.shape, ...Array.from({ length: extra }, () => 1)]);
}

/** @internal A memory tree with every array multiplied by its head's gate. */
export function scaled(gate: Tensor, memory: MemoryWeights): MemoryWeights {
  return zipTrees((w) => np.multiply(spread(gate, w), w), memory);
}

/** @internal The sum of two memory trees. */
export function added(a: MemoryWeights, b: MemoryWeights): MemoryWeights {
  return zipTrees((x, y) => np.add(x, y), a, b);
}

/**
 * The momentary surprise of one token: the gradient of its associative loss with respect to the memory's weights.
 *
 * $$u_t = \nabla \ell(\mathcal M_{t-1}; x_t)$$
 *
 * The paper's prose says "with respect to the input"; only the weight gradient can be added to weights.
 *
 * @param memory weights M_{t-1}, matrices [..., out, in]
 * @param key k_t: [..., dim]
 * @param value v_t: [..., dim]
 * @param lossScale kappa, 1 by default
 * @returns a tree like the memory
 * @see Titans (arXiv:2501.00663) Eq. 8
 */
export function momentarySurprise(
  architecture: MemoryArchitecture,
  memory: MemoryWeights,
  key: Tensor,
  value: Tensor,
  lossScale = 1,
): MemoryWeights {
  const factors = memoryFactors(architecture, memory, np.expandDims(key, -2), np.expandDims(value, -2), lossScale);
  const one = np.ones([...key.shape.slice(0, -1), 1]);
  return weightedGradient(factors, one);
}

/**
 * A plain gradient step on the memory.
 *
 * $$\mathcal M_t = \mathcal M_{t-1} - \theta_t \nabla\ell(\mathcal M_{t-1}; x_t)$$
 *
 * In code: theta = `stepSize`.
 *
 * @param memory weights M_{t-1}
 * @param surprise the gradient, same shapes
 * @param stepSize one number a memory: the leading axes of the weights
 * @see Titans (arXiv:2501.00663) Eq. 8
 */
export function surpriseStep(memory: MemoryWeights, surprise: MemoryWeights, stepSize: Tensor): MemoryWeights {
  return added(memory, scaled(np.negative(stepSize), surprise));
}

/**
 * Past surprise, carried on: heavy-ball momentum without an averaging factor; the minus sign lives inside S.
 *
 * $$S_t = \eta_t S_{t-1} - \theta_t \nabla\ell(\mathcal M_{t-1}; x_t)$$
 *
 * In code: eta = `momentum` (the paper's "surprise decay"), theta = `stepSize`.
 *
 * @param past S_{t-1}, a tree like the memory
 * @param surprise the momentary surprise, same shapes
 * @param momentum one number a memory
 * @param stepSize one number a memory
 * @returns S_t
 * @see Titans (arXiv:2501.00663) Eq. 10
 */
export function surpriseMomentum(
  past: MemoryWeights,
  surprise: MemoryWeights,
  momentum: Tensor,
  stepSize: Tensor,
): MemoryWeights {
  return added(scaled(momentum, past), scaled(np.negative(stepSize), surprise));
}

/**
 * The memory after a surprise has been added, without forgetting.
 *
 * $$\mathcal M_t = \mathcal M_{t-1} + S_t$$
 *
 * @param memory weights M_{t-1}
 * @param surprise S_t, same shapes
 * @see Titans (arXiv:2501.00663) Eq. 9
 */
export function addSurprise(memory: MemoryWeights, surprise: MemoryWeights): MemoryWeights {
  return added(memory, surprise);
}
