/** Knowledge passed between levels by back-propagation: one gradient flow through two blocks, which may be updated at different times. */
import { type Tensor, type Tree, vjp } from "../array/index.ts";

/** What a block of a chain answers, given its parameters. */
export type ChainRead<P extends Tree> = (params: P, x: Tensor) => Tensor;

/** The output of a chain, and what each block is asked to change. */
export type ChainGradients<A extends Tree, B extends Tree> = {
  readonly output: Tensor;
  readonly lower: A;
  readonly upper: B;
};

/**
 * The gradients of two blocks of which the upper reads what the lower puts out.
 *
 * $$\hat x = \mathcal M^{(0)}(x; \Theta^{(0)}), \quad y = \mathcal M^{(1)}(\hat x; \Theta^{(1)}), \qquad
 * \delta_1 = \nabla_y\mathcal L, \quad \delta_0 = J_{\phi^{(0)}}(z)^\top\,\Theta^{(1)\top}\delta_1$$
 *
 * Both are taken at the weights before any update; the paper's lines between its numbered equations put the updated upper weights into the lower
 * block's error, and the Jacobian at the input. What each gradient is used for, and when, is each block's own affair: `periodicUpdate`.
 *
 * @param lower read and parameters Theta^(0) of the block that sees the input
 * @param upper read and parameters Theta^(1) of the block above it
 * @param x any shape the lower block takes
 * @param outputGradient the loss's gradient at an output, same shape
 */
export function chainGradients<A extends Tree, B extends Tree>(
  lower: { readonly read: ChainRead<A>; readonly params: A },
  upper: { readonly read: ChainRead<B>; readonly params: B },
  x: Tensor,
  outputGradient: (output: Tensor) => Tensor,
): ChainGradients<A, B> {
  const chain = (below: A, above: B) => upper.read(above, lower.read(below, x));
  return vjp(chain, [lower.params, upper.params] as const, (output, pull) => {
    const [below, above] = pull(outputGradient(output));
    return { output, lower: below, upper: above };
  });
}
