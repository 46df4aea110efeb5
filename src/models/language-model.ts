/** A whole language model: embedding, blocks, norm, head. */
import { type ArrayShape, type Key, key, nn, np, shapesOf, splitKey, type Tensor, type Tree } from "../array/index.ts";
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
import { isMemoryLayer, type MemoryDiagnostics, type MemoryState } from "../titans/index.ts";
import { parseConfig } from "../utils/index.ts";
import { blockMixer } from "./architectures.ts";
import { type ModelConfig, type ModelInput, modelSchema } from "./config.ts";
import { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";

/** Standard deviation of fresh logits: small, so that the first predictions are nearly uniform. */
const INITIAL_LOGIT_SIZE = 0.1;
/** Standard deviation of fresh embeddings: of the size of what the blocks add to them. */
const INITIAL_EMBEDDING_SIZE = 0.5;

/** Outer-loop parameters of a language model. */
export type ModelParams = {
  /** [vocabulary, dim] */
  readonly embedding: Tensor;
  readonly blocks: readonly ResidualBlockParams<Tree>[];
  readonly norm: Tensor;
  /** [dim, vocabulary] */
  readonly head: Tensor;
};

/** What lives at test time: one state a block, by the block's number. */
export type ModelState = { readonly blocks: readonly Tree[] };

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
  readonly blocks: readonly ResidualBlock<Tree, Tree>[];

  constructor(config: ModelInput) {
    this.config = parseConfig(modelSchema, config, "model");
    const { layers, dim, feedForwardExpansion } = this.config;
    const hiddenDim = Math.round(dim * feedForwardExpansion);
    this.blocks = Array.from(
      { length: layers },
      (_, block) => new ResidualBlock(blockMixer(this.config, block), dim, hiddenDim),
    );
  }

  /** Tokens of the grid: calls are cut so that every chunk and every segment of every layer is whole. */
  get chunkSize(): number {
    const units = this.blocks.map(({ mixer }) => mixer.gridUnit ?? 1);
    return units.reduce(leastCommonMultiple, this.config.memory.chunkSize);
  }

  /** Numbers of the blocks with a memory, from 0. */
  get memoryBlocks(): number[] {
    return [...this.blocks.entries()].filter(([, { mixer }]) => isMemoryLayer(mixer)).map(([block]) => block);
  }

  /** Whether no output depends on a later token. A model for which that is false has seen what it is asked to predict. */
  get causal(): boolean {
    return this.config.read === "tokenExact" || this.memoryBlocks.length === 0;
  }

  init(seed: Key): ModelParams {
    const { vocabularySize, dim } = this.config;
    const [embeddingKey, headKey, ...blockKeys] = splitKey(seed, 2 + this.blocks.length) as [Key, Key, ...Key[]];
    return {
      embedding: initEmbedding(embeddingKey, vocabularySize, dim, INITIAL_EMBEDDING_SIZE),
      blocks: this.blocks.map((block, i) => block.init(blockKeys[i]!)),
      norm: initRmsNorm(dim),
      head: initDense(headKey, dim, vocabularySize, INITIAL_LOGIT_SIZE),
    };
  }

  /** Shapes of all parameters by path, without allocating them. */
  shapes(): Map<string, ArrayShape> {
    return shapesOf(() => this.init(key(0)));
  }

  initialState(params: ModelParams, batch: number): ModelState {
    return { blocks: this.blocks.map((block, i) => block.initialState(params.blocks[i]!, batch)) };
  }

  step(params: ModelParams, state: ModelState, tokens: Tensor, options: StepOptions = {}): [Tensor, ModelState] {
    let x = embed(params.embedding, tokens);
    const blocks = this.blocks.map((block, i) => {
      const [y, next] = block.step(params.blocks[i]!, state.blocks[i]!, x, options);
      x = y;
      return next;
    });
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
    let x = embed(params.embedding, tokens);
    const diagnostics: Record<string, MemoryDiagnostics> = {};
    const blocks = this.blocks.map((block, i) => {
      const blockParams = params.blocks[i]!;
      const input = rmsNorm(blockParams.mixerNorm, x);
      if (isMemoryLayer(block.mixer)) {
        const [mixed, next, found] = block.mixer.diagnose(blockParams.mixer, state.blocks[i]!, input, options);
        diagnostics[i] = found;
        x = block.finish(blockParams, x, mixed);
        return next;
      }
      const [mixed, next] = block.mixer.step(blockParams.mixer, state.blocks[i]!, input, options);
      x = block.finish(blockParams, x, mixed);
      return next;
    });
    return [this.logits(params, x), { blocks }, diagnostics];
  }

  /** A state in which every memory and carried surprise is what `f` makes of it, everything else unchanged. */
  mapMemories(state: ModelState, f: (memory: MemoryState) => MemoryState): ModelState {
    const blocks = this.blocks.map(({ mixer }, i) => {
      const own = state.blocks[i]!;
      return isMemoryLayer(mixer) ? mixer.mapMemory(own, f) : own;
    });
    return { blocks };
  }

  private logits(params: ModelParams, x: Tensor): Tensor {
    return dense(params.head, rmsNorm(params.norm, x));
  }
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}

/**
 * Negative log-likelihood of each target, in nats.
 *
 * @param logits [batch, tokens, vocabulary]
 * @param targets the tokens that came next, int32 [batch, tokens]
 * @returns [batch, tokens]
 */
export function nextTokenLoss(logits: Tensor, targets: Tensor): Tensor {
  const chosen = nn.oneHot(targets, logits.shape.at(-1)!);
  return np.negative(np.sum(np.multiply(nn.logSoftmax(logits, -1), chosen), -1));
}
