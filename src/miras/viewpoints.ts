/** The two ways in which the paper sees a memory's rule: follow the regularised leader, or learn and retain. */
import { grad, np, type Tensor, type TensorLike } from "../array/index.ts";

/** A number for a memory's weights: a tensor of shape []. */
export type Potential = (weights: Tensor) => Tensor;

/** A number for two memories, at least 0, and 0 where they are equal; it need not be symmetric. */
export type Divergence = (weights: Tensor, reference: Tensor) => Tensor;

/**
 * The divergence that a convex function gives: how far it lies above its tangent at the reference.
 *
 * $$D_h(W, W') = h(W) - h(W') - \langle\nabla h(W'),\ W - W'\rangle$$
 *
 * @param potential h, convex
 * @returns the divergence, a function of W and W'
 */
export function bregmanDivergence(potential: Potential): Divergence {
  return (weights, reference) => {
    const slope = grad((at: Tensor) => potential(at))(reference);
    const tangent = np.add(potential(reference), np.sum(np.multiply(slope, np.subtract(weights, reference))));
    return np.subtract(potential(weights), tangent);
  };
}

/** A retention of the learning-retaining viewpoint. */
export interface RetentionParts {
  /** D_t: how far from the last weights. */
  readonly local: Divergence;
  /** G_t: how large, or how shaped. */
  readonly global?: Potential;
  /** eta_t, the inverse weight of the local part. */
  readonly stepSize: TensorLike;
  /** alpha_t, the inverse weight of the global part. */
  readonly inverseGlobal?: TensorLike;
}

/**
 * What a memory minimises at a token in the learning-retaining viewpoint.
 *
 * $$\tilde\ell_t(W; k_t, v_t) + \mathrm{Ret}_t(W, W_{t-1}), \qquad
 * \mathrm{Ret}_t(W, W') = \tfrac1{\eta_t}D_t(W, W') + \tfrac1{\alpha_t}G_t(W)$$
 *
 * A display of the paper's section 3 without a number.
 *
 * @param loss the token's attentional bias, or an approximation of it
 * @returns a function of W and W_{t-1}
 */
export function learningRetainingObjective(
  loss: Potential,
  { local, global, stepSize, inverseGlobal = 1 }: RetentionParts,
): Divergence {
  return (weights, previous) => {
    const learned = np.add(loss(weights), np.divide(local(weights, previous), stepSize));
    return global === undefined ? learned : np.add(learned, np.divide(global(weights), inverseGlobal));
  };
}

/**
 * What a memory minimises after some tokens in the viewpoint of following the regularised leader.
 *
 * $$h(W) = \sum_{i\le t}\hat\ell_i(W; k_i, v_i) + \tfrac1{\eta_t}\mathcal R_t(W)$$
 *
 * A display of the paper's section 3 without a number. By Proposition 3.2 the next weights are those that learn and retain with the Bregman divergence of h,
 * if eta is constant, W is unconstrained and the first weights minimise R.
 *
 * @param losses the attentional biases of all tokens so far
 * @param regularizer R_t, strictly convex
 * @param stepSize eta_t
 */
export function regularizedLeaderObjective(
  losses: readonly Potential[],
  regularizer: Potential,
  stepSize: TensorLike,
): Potential {
  return (weights) =>
    losses.reduce((sum, loss) => np.add(sum, loss(weights)), np.divide(regularizer(weights), stepSize));
}
