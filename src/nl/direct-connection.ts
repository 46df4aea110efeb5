/** Knowledge passed between levels without a gradient: what one block reads with is what another has become. */
import { lax, mapTree, type Tensor, type Tree } from "../array/index.ts";

/** What a block answers to an input [...]. */
export type BlockRead = (x: Tensor) => Tensor;

function constant<T extends Tree>(tree: T): T {
  return mapTree(tree, (leaf) => lax.stopGradient(leaf));
}

/**
 * A slow block that reads with the parameters of a fast one, which it takes for constants.
 *
 * $$\mathcal M^{(0)}(\cdot) := \mathcal M^{(0)}(\cdot\,; \Theta^{(1)})$$
 *
 * @param read what the slow block answers, given the fast block's parameters
 * @param fast Theta^(1), any tree
 * @returns the connected block's read
 * @see Nested Learning (arXiv:2512.24695) Eq. 24
 */
export function connectedToParameters<F extends Tree>(read: (x: Tensor, fast: F) => Tensor, fast: F): BlockRead {
  const given = constant(fast);
  return (x) => read(x, given);
}

/**
 * A slow block that reads with the output of a fast one, which it takes for a constant.
 *
 * $$\mathcal M^{(0)}(\cdot) := \mathcal M^{(0)}\big(\cdot\,; \mathcal M^{(1)}(\cdot)\big)$$
 *
 * @param read what the slow block answers, given the fast block's answer to the same input
 * @param fast M^(1)
 * @returns the connected block's read
 * @see Nested Learning (arXiv:2512.24695) Eq. 25
 */
export function connectedToOutput(read: (x: Tensor, answer: Tensor) => Tensor, fast: BlockRead): BlockRead {
  return (x) => read(x, constant(fast(x)));
}

/**
 * A slow block that reads with the solution of a fast one without parameters, a function of its context alone; both count as constants.
 *
 * $$\mathcal M^{(0)}(\cdot) := \mathcal M^{(0)}\big(\cdot\,; \mathcal M^{(1)}(\cdot\,; \mathcal C^{(1)})\big) \quad\text{or}\quad \mathcal M^{(0)}(\cdot\,; \mathcal C^{(1)})$$
 *
 * @param read what the slow block answers, given the solution
 * @param context C^(1), such as keys and values: any tree
 * @param solve M^(1): the solution for an input, such as softmax attention; a function that returns the context gives the second form
 * @returns the connected block's read
 * @see Nested Learning (arXiv:2512.24695) Eq. 27
 */
export function connectedToContext<C extends Tree, S extends Tree>(
  read: (x: Tensor, solution: S) => Tensor,
  context: C,
  solve: (x: Tensor, context: C) => S,
): BlockRead {
  return (x) => read(x, constant(solve(x, context)));
}

/**
 * A block whose parameters another one generates, as a hypernetwork does; gradients reach the generator.
 *
 * $$\mathcal M^{(1)}(\cdot) := \mathcal M^{(1)}(\cdot\,; \Theta^{(1)}), \qquad \Theta^{(1)} = g\big(\mathcal M^{(0)}; \mathcal L^{(0)}, \mathcal C^{(0)}, \Theta^{(0)}\big)$$
 *
 * Described between the paper's numbered equations. A constant generator gives `connectedToParameters`. The other kind of generation, of a context, is
 * what `descentRun` records: a model makes the gradients that its optimiser reads.
 *
 * @param read what the block answers, given parameters
 * @param generate g, of whatever the other block is made of
 * @param source what g is applied to: any tree
 * @returns the block's read
 */
export function generatedParameters<S extends Tree, P extends Tree>(
  read: (x: Tensor, params: P) => Tensor,
  generate: (source: S) => P,
  source: S,
): BlockRead {
  const params = generate(source);
  return (x) => read(x, params);
}
