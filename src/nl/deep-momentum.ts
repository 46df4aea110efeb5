/** Momentum that is a network of its own, trained on gradients. */
import { grad, np, type Tensor, type Tree, zipTrees } from "../array/index.ts";
import { decayedMomentum, type MomentumGates } from "./momentum.ts";

/** A momentum of any form: what it is trained on, and how the weights read it. */
export interface DeepMomentumRule<M extends Tree> {
  /** The internal loss of a memory that is shown a gradient: a scalar. */
  loss(memory: M, gradient: Tensor): Tensor;
  /** What the memory says to a gradient, shaped like the weights. A linear memory may return itself. */
  read(memory: M, gradient: Tensor): Tensor;
  /** sigma, applied to what is read; the identity by default. */
  output?(read: Tensor): Tensor;
}

/**
 * One step with a momentum of any form: it learns from the gradient, is read with the same gradient, and moves the weights.
 *
 * $$W_{i+1} = W_i + \sigma\big(m_{\Theta_{i+1}}(u_i)\big), \qquad \Theta_{i+1} = \alpha\,\Theta_i - \eta\,\nabla_\Theta\mathcal L^{(2)}(\Theta_i; u_i),
 *   \qquad u_i = \nabla\mathcal L(W_i; x_i)$$
 *
 * Forgetting and gradient act on the memory's parameters. Loss and read must fit: `descendingPair` does, `literalPair` does not. A linear memory that
 * returns itself and has the loss $\langle\Theta, u\rangle$ is plain momentum; with sigma Newton-Schulz it is Muon. In code: alpha = `retain`,
 * eta = `stepSize`.
 *
 * @param weights W_i, of any shape
 * @param memory Theta_i, a tree; not all zero if it has hidden layers, or it never moves
 * @param gradient u_i, shaped like the weights
 * @see Nested Learning (arXiv:2512.24695) Eq. 50, 52
 */
export function deepMomentumStep<M extends Tree>(
  weights: Tensor,
  memory: M,
  gradient: Tensor,
  rule: DeepMomentumRule<M>,
  gates: MomentumGates,
): { readonly weights: Tensor; readonly memory: M } {
  const pull = grad((m: M) => rule.loss(m, gradient))(memory);
  const next = zipTrees((m, change) => decayedMomentum(m, change, gates), memory, pull);
  const read = rule.read(next, gradient);
  return { weights: np.add(weights, rule.output?.(read) ?? read), memory: next };
}

/**
 * Loss and read that descend: the memory learns to answer a gradient with its negative.
 *
 * $$\mathcal L^{(2)} = \tfrac12\|m_\Theta(u) + u\|^2$$
 *
 * @param apply the memory's network: what it answers to a gradient, same shape
 */
export function descendingPair<M extends Tree>(apply: (memory: M, gradient: Tensor) => Tensor): DeepMomentumRule<M> {
  return {
    loss: (memory, gradient) => np.multiply(0.5, np.sum(np.square(np.add(apply(memory, gradient), gradient)))),
    read: apply,
  };
}

/**
 * Loss and read as the paper's example has them: the answer's sum as loss.
 *
 * $$\mathcal L^{(2)} = \langle m_\Theta(u), \mathbf 1\rangle$$
 *
 * An element-wise linear memory then steps by $-\eta\,u\odot u$ whatever the gradient's sign, so that it does not descend.
 *
 * @param apply the memory's network: what it answers to a gradient, same shape
 */
export function literalPair<M extends Tree>(apply: (memory: M, gradient: Tensor) => Tensor): DeepMomentumRule<M> {
  return { loss: (memory, gradient) => np.sum(apply(memory, gradient)), read: apply };
}
