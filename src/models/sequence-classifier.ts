/** A classifier of sequences of vectors. */
import { type ArrayShape, type Key, key, shapesOf, splitKey, type Tensor } from "../array/index.ts";
import {
  dense,
  initDense,
  initialRunningMean,
  type RunningMeanState,
  runningMean,
  type SequenceLayer,
  type StepOptions,
} from "../common/index.ts";
import { parseConfig } from "../utils/index.ts";
import { type ClassifierConfig, type ClassifierInput, classifierSchema } from "./config.ts";
import { SequenceEncoder, type SequenceEncoderParams, type SequenceEncoderState } from "./sequence-encoder.ts";

/** Standard deviation of fresh logits: small, so that the first predictions are nearly uniform. */
const INITIAL_LOGIT_SIZE = 0.1;

/** Outer-loop parameters of a classifier. */
export type ClassifierParams = {
  readonly encoder: SequenceEncoderParams;
  /** [dim, classes] */
  readonly head: Tensor;
};

/** What lives at test time, one row a sequence. */
export type ClassifierState = {
  readonly encoder: SequenceEncoderState;
  /** The features' mean so far. */
  readonly readOut: RunningMeanState;
};

/**
 * Sequences of vectors in, class logits out.
 *
 * $$z_t = W^\top \tfrac1t \sum_{i \le t} h_i$$
 *
 * The read-out is the mean of the features h of all tokens so far (mean pooling, as DNA models are read out), so every token has its logits: those of the
 * sequence up to there. A sequence's class is read at its last token. Sequences of different lengths are padded at the right, and each is read
 * at its own last token; empty slots named by a mask are not counted, wherever they are.
 *
 * ```ts
 * const model = new SequenceClassifier({ architecture: "titans-lmm", dim: 32, layers: 1, heads: 2, features: 4, classes: 2 });
 * const params = model.init(key(0));
 * const [logits, state] = model.step(params, model.initialState(params, 1), x);    // x: [1, tokens, 4], logits: [1, tokens, 2]
 * ```
 *
 * @throws ConfigError if the configuration cannot work
 */
export class SequenceClassifier implements SequenceLayer<ClassifierParams, ClassifierState> {
  readonly config: ClassifierConfig;
  private readonly encoder: SequenceEncoder;

  constructor(config: ClassifierInput) {
    this.config = parseConfig(classifierSchema, config, "classifier");
    this.encoder = new SequenceEncoder(this.config, this.config.features);
  }

  /** Tokens of the grid: calls are cut so that every chunk of every layer is whole. */
  get chunkSize(): number {
    return this.encoder.chunkSize;
  }

  init(seed: Key): ClassifierParams {
    const { dim, classes } = this.config;
    const [encoderKey, headKey] = splitKey(seed, 2) as [Key, Key];
    return { encoder: this.encoder.init(encoderKey), head: initDense(headKey, dim, classes, INITIAL_LOGIT_SIZE) };
  }

  /** Shapes of all parameters by path, without allocating them. */
  shapes(): Map<string, ArrayShape> {
    return shapesOf(() => this.init(key(0)));
  }

  initialState(params: ClassifierParams, batch: number): ClassifierState {
    return {
      encoder: this.encoder.initialState(params.encoder, batch),
      readOut: initialRunningMean(batch, this.config.dim, params.head.dtype),
    };
  }

  /**
   * Reads a segment.
   *
   * @param x [batch, tokens, features]
   * @returns logits [batch, tokens, classes], each for the sequence up to its token, and the state after the segment
   * @throws ShapeError if the vectors have another number of features, or the mask does not fit
   */
  step(
    params: ClassifierParams,
    state: ClassifierState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, ClassifierState] {
    const [features, encoder] = this.encoder.step(params.encoder, state.encoder, x, options);
    const [mean, readOut] = runningMean(state.readOut, features, options.mask);
    return [dense(params.head, mean), { encoder, readOut }];
  }
}
