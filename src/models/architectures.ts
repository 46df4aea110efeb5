/** The registry of architectures: which mixer a block of each is built around. */
import type { Tree } from "../array/index.ts";
import { type SequenceLayer, windowAttentionLayer } from "../common/index.ts";
import { NeuralMemory } from "../titans/index.ts";
import type { ArchitectureName, StackConfig } from "./config.ts";

/** One architecture of the registry. */
export interface Architecture {
  /** One line for listings. */
  readonly summary: string;
  /** Where it comes from. */
  readonly source: string;
  /** The sequence mixer of one block. */
  mixer(config: StackConfig): SequenceLayer<Tree, Tree>;
}

/** All architectures by name. */
export const architectures: Readonly<Record<ArchitectureName, Architecture>> = {
  "titans-lmm": {
    summary: "neural memory alone: a deep memory a head, written by gradient descent while the text is read",
    source: "Titans (arXiv:2501.00663), section 4.3 (LMM)",
    mixer: (config) =>
      new NeuralMemory({
        dim: config.dim,
        heads: config.heads,
        headDim: config.dim / config.heads,
        ...config.memory,
      }) as SequenceLayer<Tree, Tree>,
  },
  transformer: {
    summary: "sliding-window attention with rotary positions: the baseline",
    source: "Titans (arXiv:2501.00663), Eq. 1-2 in a sliding window",
    mixer: (config) =>
      windowAttentionLayer({ dim: config.dim, heads: config.heads, window: config.window }) as SequenceLayer<
        Tree,
        Tree
      >,
  },
};
