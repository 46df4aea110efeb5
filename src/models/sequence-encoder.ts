/** A model over continuous vectors, up to its features: what classifiers and forecasters share. */
import { type Key, leaves, np, random, splitKey, type Tensor } from "../array/index.ts";
import {
  checkSegment,
  dense,
  initDense,
  initRmsNorm,
  rmsNorm,
  type SequenceLayer,
  type StepOptions,
} from "../common/index.ts";
import { BlockStack, type BlockStackParams, type BlockStackState } from "./block-stack.ts";
import type { StackConfig } from "./config.ts";

/** Standard deviation of a fresh input bias: of the size of what features of size one are projected to. */
const INITIAL_BIAS_SIZE = 0.5;

/** Outer-loop parameters of an encoder. */
export type SequenceEncoderParams = {
  /** Weight [features, dim] and bias [dim] */
  readonly projection: { readonly weight: Tensor; readonly bias: Tensor };
  readonly blocks: BlockStackParams;
  readonly norm: Tensor;
};

/** What lives at test time: one state a block, by the block's number. */
export type SequenceEncoderState = { readonly blocks: BlockStackState };

/**
 * Vectors in, features out: a projection, the residual blocks of a language model, a norm.
 *
 * $$h_t = \mathrm{norm}(\mathrm{blocks}(x_{\le t} W + b))_t$$
 *
 * The bias b starts with random numbers, not with zeros: blocks norm what they read, and without a bias the norm would leave nothing of a lone
 * feature but its sign. Features of size one, such as standardised series or one-hot vectors, are told apart best.
 */
export class SequenceEncoder implements SequenceLayer<SequenceEncoderParams, SequenceEncoderState> {
  private readonly features: number;
  private readonly dim: number;
  private readonly stack: BlockStack;

  /** @param features numbers of a token */
  constructor(config: StackConfig, features: number) {
    this.features = features;
    this.dim = config.dim;
    this.stack = new BlockStack(config);
  }

  /** Tokens of the grid: calls are cut so that every chunk of every layer is whole. */
  get chunkSize(): number {
    return this.stack.chunkSize;
  }

  init(key: Key): SequenceEncoderParams {
    const { features, dim, stack } = this;
    const [weightKey, biasKey, ...blockKeys] = splitKey(key, 2 + stack.blocks.length) as [Key, Key, ...Key[]];
    return {
      projection: {
        weight: initDense(weightKey, features, dim),
        bias: np.multiply(random.normal(biasKey, [dim]), INITIAL_BIAS_SIZE),
      },
      blocks: stack.init(blockKeys),
      norm: initRmsNorm(dim),
    };
  }

  initialState(params: SequenceEncoderParams, batch: number): SequenceEncoderState {
    return { blocks: this.stack.initialState(params.blocks, batch) };
  }

  /**
   * Reads a segment.
   *
   * @param x [batch, tokens, features]
   * @returns features [batch, tokens, dim] and the state after the segment
   * @throws ShapeError if the vectors have another number of features, or the mask does not fit
   */
  step(
    params: SequenceEncoderParams,
    state: SequenceEncoderState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, SequenceEncoderState] {
    this.check(state, x, options);
    const { weight, bias } = params.projection;
    const [features, blocks] = this.stack.step(params.blocks, state.blocks, np.add(dense(weight, x), bias), options);
    return [rmsNorm(params.norm, features), { blocks }];
  }

  /**
   * Throws unless a segment fits the encoder, the state and the mask.
   *
   * @throws ShapeError otherwise
   */
  check(state: SequenceEncoderState, x: Tensor, { mask }: StepOptions): void {
    checkSegment("a model over vectors", x, this.features, leaves(state)[0]?.shape[0] ?? 0, mask);
  }
}
