/** The memory's rule: carry surprise over, forget, and add. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../common/index.ts";
import { memoryForward } from "../common/index.ts";
import { higherOrderMomentum } from "./momentum-order.ts";
import { added, scaled } from "./surprise.ts";

/** The gates of one token, one number a memory (the leading axes of the weights). */
export interface TokenGates {
  /** alpha: 1 clears the memory, 0 keeps it. */
  readonly forget: Tensor;
  /** eta: how much past surprise is carried on. */
  readonly momentum: Tensor;
  /** theta: how much of the momentary surprise is taken in. */
  readonly stepSize: Tensor;
}

/** A memory at test time: its weights and its carried surprise. */
export type MemoryState = {
  readonly memory: MemoryWeights;
  /** S: what is added to the weights next. */
  readonly surprise: MemoryWeights;
  /** The surprises it is fed by, lowest order first, where momentum has an order above one: S^(1), ..., S^(n-1). */
  readonly lowerSurprises?: readonly MemoryWeights[];
};

/** @internal The surprises of a state by order: S^(1), ..., S^(n), the last of which moves the weights. */
export function surprisesByOrder(state: MemoryState): readonly MemoryWeights[] {
  return [...(state.lowerSurprises ?? []), state.surprise];
}

/** @internal A state from its weights and its surprises by order. */
export function stateOf(memory: MemoryWeights, surprises: readonly MemoryWeights[]): MemoryState {
  const state = { memory, surprise: surprises.at(-1)! };
  return surprises.length === 1 ? state : { ...state, lowerSurprises: surprises.slice(0, -1) };
}

/**
 * Lets old content fade.
 *
 * $$(1 - \alpha_t)\,\mathcal M_{t-1}$$
 *
 * In code: alpha = `forget`. Decay pulls the absolute weights to zero, the learned initial ones included.
 *
 * @param memory weights M_{t-1}, matrices [..., out, in]
 * @param forget one number a memory: the leading axes of the weights
 * @see Titans (arXiv:2501.00663) Eq. 13
 */
export function forgetMemory(memory: MemoryWeights, forget: Tensor): MemoryWeights {
  return scaled(np.subtract(1, forget), memory);
}

/**
 * Forgetting-gated memory update.
 *
 * $$\mathcal{M}_t = (1-\alpha_t)\,\mathcal{M}_{t-1} + S_t, \qquad S_t = \eta_t S_{t-1} - \theta_t \nabla \ell(\mathcal{M}_{t-1}; x_t)$$
 *
 * The surprise of a token is the gradient of the associative loss; eta carries surprise over from earlier tokens, alpha lets old content fade. The
 * gradient is taken at the weights before the update and before the decay; alpha does not act on S. A state with lower surprises has momentum of a higher
 * order (`higherOrderMomentum`). In code: alpha = `forget`, eta = `momentum`, theta = `stepSize`.
 *
 * @param state M_{t-1} and S_{t-1}
 * @param gradient the momentary surprise at M_{t-1}, same shapes as the memory
 * @param gates one number a memory each
 * @returns M_t and S_t
 * @throws ShapeError if the trees differ
 * @see Titans (arXiv:2501.00663) Eq. 13-14
 */
export function memoryUpdate(state: MemoryState, gradient: MemoryWeights, gates: TokenGates): MemoryState {
  const surprises = higherOrderMomentum(surprisesByOrder(state), gradient, gates.momentum, gates.stepSize);
  return stateOf(added(forgetMemory(state.memory, gates.forget), surprises.at(-1)!), surprises);
}

/**
 * Reads the memory without writing to it.
 *
 * $$y_t = \mathcal M^*(q_t), \qquad q_t = x_t W_Q$$
 *
 * The star means that nothing is written; outer gradients still flow through the weights into everything that was.
 *
 * @param memory weights, matrices [..., out, in]
 * @param queries [..., C, dim]
 * @returns [..., C, dim]
 * @see Titans (arXiv:2501.00663) Eq. 15
 */
export function retrieve(architecture: MemoryArchitecture, memory: MemoryWeights, queries: Tensor): Tensor {
  return memoryForward(architecture, memory, queries);
}
