/** The optimiser interface: a pure step on a tree of parameters. */
import type { Tensor, Tree } from "../array/index.ts";

/**
 * An optimiser of the outer loop.
 *
 * Both functions are pure functions of trees, so `update` compiles into one program for a whole model: what changes from step to step (the
 * learning rate, the step count, the moments) is a tensor, what does not (decay, betas) is a constant of the optimiser. The state is
 * a tree of tensors like any other: it is saved in checkpoints by the paths of its leaves.
 *
 * ```ts
 * let state = optimizer.init(params);
 * for (...) [params, state] = optimizer.update(params, gradients, state, learningRate);
 * ```
 */
export interface Optimizer<S extends Tree = Tree> {
  /** Names the optimiser in configurations and checkpoints. */
  readonly name: string;
  /** The state before the first step. */
  init(params: Tree): S;
  /**
   * One step.
   *
   * @param params the parameters before it
   * @param gradients of the loss with respect to them, same structure
   * @param state what `init` or the previous step returned
   * @param learningRate a scalar tensor, []
   * @returns parameters and state after it
   * @throws ShapeError if the trees differ in structure
   */
  update<P extends Tree>(params: P, gradients: P, state: S, learningRate: Tensor): [params: P, state: S];
}

/** Chooses a group of parameters by their path in the tree, such as `blocks.0.mixer.output`, and by their shape. */
export type ParameterGroup = (path: string, parameter: Tensor) => boolean;
