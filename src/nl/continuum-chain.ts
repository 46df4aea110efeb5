/** Networks that follow one another or stand side by side, each with a time scale of its own: how a continuum memory is read. */
import { np, slice, type Tensor } from "../array/index.ts";
import { type GeluParams, geluFeedForward, rmsNorm } from "../common/index.ts";
import { ConfigError } from "../utils/index.ts";

/** One level's network as it is read: a norm's scale [dim], and weights, the same for all sequences or [batch, ...] with one set a sequence. */
export type LevelBlock = { readonly norm: Tensor; readonly weights: GeluParams };

/**
 * The network of one level: it adds to every token what it makes of it.
 *
 * $$\mathrm{MLP}(x) = x + \mathrm{gelu}(\mathrm{norm}(x)\,W_1)\,W_2$$
 *
 * @param x [batch, tokens, dim]
 * @returns [batch, tokens, dim]
 */
export function levelBlock({ norm, weights }: LevelBlock, x: Tensor): Tensor {
  return np.add(x, geluFeedForward(weights, rmsNorm(norm, x)));
}

/**
 * A chain of networks that are updated at different frequencies.
 *
 * $$y_t = \mathrm{MLP}^{(f_k)}\big(\mathrm{MLP}^{(f_{k-1})}(\cdots \mathrm{MLP}^{(f_1)}(x_t))\big)$$
 *
 * @param blocks the levels in the order in which a token passes them
 * @param x [batch, tokens, dim]
 * @returns [batch, tokens, dim]
 * @see Nested Learning (arXiv:2512.24695) Eq. 70
 */
export function continuumChain(blocks: readonly LevelBlock[], x: Tensor): Tensor {
  return blocks.reduce((y, block) => levelBlock(block, y), x);
}

/**
 * Networks that all read the same tokens, summed with learned weights.
 *
 * $$y_t = \mathrm{Agg}\big(\mathrm{MLP}^{(f_k)}(x_t), \dots, \mathrm{MLP}^{(f_1)}(x_t)\big) = \sum_\ell w_\ell\,\mathrm{MLP}^{(f_\ell)}(x_t)$$
 *
 * @param blocks the levels
 * @param mix w: [levels]
 * @param x [batch, tokens, dim]
 * @returns [batch, tokens, dim]
 * @see Nested Learning (arXiv:2512.24695) Eq. 74
 */
export function independentContinuum(blocks: readonly LevelBlock[], mix: Tensor, x: Tensor): Tensor {
  return blocks
    .map((block, level) => np.multiply(levelBlock(block, x), slice(mix, level)))
    .reduce((sum, y) => np.add(sum, y));
}

/**
 * Chunk lengths in tokens from frequencies, which count updates in a chunk of the slowest level.
 *
 * $$C^{(\ell)} = \frac{\max_j C^{(j)}}{f_\ell}$$
 *
 * @param frequencies f of each level, whole numbers
 * @param longest tokens of the slowest level's chunk
 * @throws ConfigError if a chunk would not be a whole number of tokens
 * @see Nested Learning (arXiv:2512.24695) Eq. 70
 */
export function chunkLengths(frequencies: readonly number[], longest: number): number[] {
  return frequencies.map((frequency) => {
    const length = longest / frequency;
    if (!Number.isInteger(length) || length < 1)
      throw new ConfigError(
        `${frequency} updates in ${longest} tokens are ${length} tokens each; choose a frequency that divides the longest chunk`,
      );
    return length;
  });
}
