/** A whole language model: embedding, blocks, norm, head. */
import { type ArrayShape, type Key, key, shapesOf, splitKey, type Tensor, type Tree } from "../array/index.ts";
import type { MemoryDiagnostics } from "../common/index.ts";
import {
  dense,
  embed,
  initDense,
  initEmbedding,
  initRmsNorm,
  rmsNorm,
  type SequenceLayer,
  type StepOptions,
} from "../common/index.ts";
import { parseConfig } from "../utils/index.ts";
import { BlockStack, type BlockStackParams, type BlockStackState } from "./block-stack.ts";
import { type ModelConfig, type ModelInput, modelSchema } from "./config.ts";
import { continuumOf } from "./hope-config.ts";
import { type LearnedWeights, learnFromLoss } from "./learn-from-loss.ts";
import { crossEntropy } from "./losses.ts";
import type { StackBlock } from "./stack-block.ts";

/** Standard deviation of fresh logits: small, so that the first predictions are nearly uniform. */
const INITIAL_LOGIT_SIZE = 0.1;
/** Standard deviation of fresh embeddings: of the size of what the blocks add to them. */
const INITIAL_EMBEDDING_SIZE = 0.5;

/** Outer-loop parameters of a language model. */
export type ModelParams = {
  /** [vocabulary, dim] */
  readonly embedding: Tensor;
  readonly blocks: BlockStackParams;
  readonly norm: Tensor;
  /** [dim, vocabulary] */
  readonly head: Tensor;
};

/** What lives at test time: one state a block, by the block's number. */
export type ModelState = { readonly blocks: BlockStackState };

/**
 * A language model over tokens.
 *
 * `step(params, state, tokens)` maps tokens [batch, length] (int32) to next-token logits [batch, length, vocabulary], and the state before them to the
 * state after them; it trains, evaluates and generates.
 *
 * @throws ConfigError if the configuration cannot work
 */
export class LanguageModel implements SequenceLayer<ModelParams, ModelState> {
  readonly config: ModelConfig;
  /**
   * Reads tokens of which it is known what came next, and lets the continuum memory learn from it; left out by models without one.
   *
   * The targets' loss in nats is differentiated with respect to the weights in the state, a stretch of `chunkSize` tokens at a time, through the memories
   * of that stretch but not of earlier ones. Outer gradients take these gradients for constants, unless `continuum.outerGradient` is `exact`.
   */
  readonly learn?: NonNullable<SequenceLayer<ModelParams, ModelState>["learn"]>;
  private readonly stack: BlockStack;

  constructor(config: ModelInput) {
    this.config = parseConfig(modelSchema, config, "model");
    this.stack = new BlockStack(this.config);
    const { learnUnit } = this.stack;
    const continuum = continuumOf(this.config);
    if (learnUnit !== undefined)
      this.learn = learnFromLoss(this, this.learned, nextTokenLoss, learnUnit, continuum!.outerGradient);
  }

  get blocks(): readonly StackBlock[] {
    return this.stack.blocks;
  }

  /** Tokens of the grid: calls are cut so that every chunk and every segment of every layer is whole. */
  get chunkSize(): number {
    return this.stack.chunkSize;
  }

  /** Numbers of the blocks with a memory, from 0. */
  get memoryBlocks(): readonly number[] {
    return this.stack.memoryBlocks;
  }

  /** Access to the weights that learn while the model reads. */
  private get learned(): LearnedWeights<ModelState> {
    const { stack } = this;
    return {
      of: ({ blocks }) => stack.learnedWeights(blocks),
      within: ({ blocks }, weights) => ({ blocks: stack.withLearnedWeights(blocks, weights) }),
      taking: ({ blocks }, gradient, tokens) => ({ blocks: stack.takeGradient(blocks, gradient, tokens) }),
    };
  }

  /** Whether no output depends on a later token. A model for which that is false has seen what it is asked to predict. */
  get causal(): boolean {
    return this.config.read === "tokenExact" || this.memoryBlocks.length === 0;
  }

  init(seed: Key): ModelParams {
    const { vocabularySize, dim, layers } = this.config;
    const [embeddingKey, headKey, ...blockKeys] = splitKey(seed, 2 + layers) as [Key, Key, ...Key[]];
    return {
      embedding: initEmbedding(embeddingKey, vocabularySize, dim, INITIAL_EMBEDDING_SIZE),
      blocks: this.stack.init(blockKeys),
      norm: initRmsNorm(dim),
      head: initDense(headKey, dim, vocabularySize, INITIAL_LOGIT_SIZE),
    };
  }

  /** Shapes of all parameters by path, without allocating them. */
  shapes(): Map<string, ArrayShape> {
    return shapesOf(() => this.init(key(0)));
  }

  initialState(params: ModelParams, batch: number): ModelState {
    return { blocks: this.stack.initialState(params.blocks, batch) };
  }

  step(params: ModelParams, state: ModelState, tokens: Tensor, options: StepOptions = {}): [Tensor, ModelState] {
    const [x, blocks] = this.stack.step(params.blocks, state.blocks, embed(params.embedding, tokens), options);
    return [this.logits(params, x), { blocks }];
  }

  /**
   * `step`, with what happened inside each block's memory.
   *
   * @returns logits, state, and the diagnostics of each memory layer by block number (blocks without a memory have none)
   */
  diagnose(
    params: ModelParams,
    state: ModelState,
    tokens: Tensor,
    options: StepOptions = {},
  ): [Tensor, ModelState, Record<string, MemoryDiagnostics>] {
    const input = embed(params.embedding, tokens);
    const [x, blocks, diagnostics] = this.stack.diagnose(params.blocks, state.blocks, input, options);
    return [this.logits(params, x), { blocks }, diagnostics];
  }

  /** A state in which every memory, with what its rule carries, is what `f` makes of it, everything else unchanged. */
  mapMemories(state: ModelState, f: <M extends Tree>(memory: M) => M): ModelState {
    return { blocks: this.stack.mapMemories(state.blocks, f) };
  }

  private logits(params: ModelParams, x: Tensor): Tensor {
    return dense(params.head, rmsNorm(params.norm, x));
  }
}

/**
 * Negative log-likelihood of each target, in nats.
 *
 * @param logits [batch, tokens, vocabulary]
 * @param targets the tokens that came next, int32 [batch, tokens]
 * @returns [batch, tokens]
 */
export function nextTokenLoss(logits: Tensor, targets: Tensor): Tensor {
  return crossEntropy(logits, targets);
}
