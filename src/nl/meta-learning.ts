/** Learning how to learn: an outer objective that is evaluated after an inner learner has adapted. */
import { grad, lax, mapTree, type Tensor, type TensorLike, type Tree } from "../array/index.ts";
import { meanLoss, type SampleLoss } from "./outer-training.ts";
import { gradientDescentStep } from "./proximal-descent.ts";

/** How an inner learner adapts. */
export interface InnerLoop {
  /** How many steps of gradient descent. */
  readonly steps: number;
  readonly stepSize: TensorLike;
  /** Whether outer gradients take inner ones for constants, so that $\partial\theta/\partial\Phi$ is the identity; false by default. */
  readonly firstOrder?: boolean;
}

/**
 * What an inner learner has become after a few steps on a task; outer gradients pass through them.
 *
 * $$\theta_{j+1} = \theta_j - \eta\,\nabla_\theta\,\ell(\theta_j; \mathcal T), \qquad \theta_0 = \Phi$$
 *
 * @param initial Phi, any tree
 * @param task T, of any kind
 * @param loss of the inner learner on the task
 * @returns theta after the last step
 */
export function adapted<P extends Tree, T>(initial: P, task: T, loss: SampleLoss<P, T>, loop: InnerLoop): P {
  let params = initial;
  for (let step = 0; step < loop.steps; step++) {
    const gradient = grad((at: P) => loss(at, task))(params);
    const used = loop.firstOrder ? mapTree(gradient, (g) => lax.stopGradient(g)) : gradient;
    params = gradientDescentStep(params, used, loop.stepSize);
  }
  return params;
}

/**
 * The outer objective of meta-learning: the mean over tasks of the loss after adaptation.
 *
 * $$\Phi^* = \arg\min_\Phi\ \mathbb E_{\mathcal T \sim p(\mathcal T)}\big[\ell(\theta, \mathcal T; \Phi)\big]$$
 *
 * @param outer Phi: whatever configures the inner learner, any tree
 * @param tasks drawn from p
 * @param adapt the inner procedure: theta from Phi and a task, such as `adapted`
 * @param loss of theta on the task, a scalar; it may depend on Phi as well
 * @returns []
 * @throws ConfigError if there is no task
 * @see Nested Learning (arXiv:2512.24695) Eq. 4
 */
export function metaObjective<O extends Tree, P extends Tree, T>(
  outer: O,
  tasks: readonly T[],
  adapt: (outer: O, task: T) => P,
  loss: (params: P, task: T, outer: O) => Tensor,
): Tensor {
  return meanLoss(outer, tasks, (at, task) => loss(adapt(at, task), task, at));
}

/**
 * Knowledge passed on as an initial state: how good a start is, measured after the fast block has adapted from it.
 *
 * $$\Theta_0^{(1)} = \arg\min_\Phi\ \mathbb E_{C \sim \mathcal C^{(0)}}\big[\ell(\mathcal M^{(1)}(\cdot\,; \Phi), C)\big]$$
 *
 * With no inner steps it is plain training of Phi.
 *
 * @param initial Phi, the start of the fast block: any tree
 * @param contexts C, drawn from the stream of the slow block
 * @param loss of the fast block on a context
 * @param loop how the fast block adapts in a context
 * @returns []
 * @throws ConfigError if there is no context
 * @see Nested Learning (arXiv:2512.24695) Eq. 28
 */
export function initializationObjective<P extends Tree, C>(
  initial: P,
  contexts: readonly C[],
  loss: SampleLoss<P, C>,
  loop: InnerLoop,
): Tensor {
  return metaObjective(initial, contexts, (start, context) => adapted(start, context, loss, loop), loss);
}
