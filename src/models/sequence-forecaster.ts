/** A forecaster of series of vectors. */
import { type ArrayShape, type Key, key, np, shapesOf, splitKey, type Tensor } from "../array/index.ts";
import {
  dense,
  initDense,
  initialRunningStatistics,
  type RunningStatisticsState,
  runningStatistics,
  type SequenceLayer,
  type StepOptions,
} from "../common/index.ts";
import { parseConfig } from "../utils/index.ts";
import { type ForecasterConfig, type ForecasterInput, forecasterSchema } from "./config.ts";
import { SequenceEncoder, type SequenceEncoderParams, type SequenceEncoderState } from "./sequence-encoder.ts";

/** Standard deviation of fresh forecasts: small, so that they start near zero (with normalisation: near the context's mean). */
const INITIAL_FORECAST_SIZE = 0.1;

/** Outer-loop parameters of a forecaster. */
export type ForecasterParams = {
  readonly encoder: SequenceEncoderParams;
  /** [dim, horizon channels] */
  readonly head: Tensor;
};

/** What lives at test time, one row a sequence. */
export type ForecasterState = {
  readonly encoder: SequenceEncoderState;
  /** The context's mean and deviation so far, with `instanceNorm`. */
  readonly context?: RunningStatisticsState;
};

/**
 * Series in, the next `horizon` vectors out: at every token, from what was read up to it.
 *
 * $$\hat x_{t+1..t+H} = W^\top h_t, \qquad \text{with instanceNorm:}\quad
 *   \tilde x_t = \frac{x_t - \mu_t}{\sigma_t}, \quad \hat x_{t+1..t+H} = \mu_t + \sigma_t \odot W^\top h_t(\tilde x)$$
 *
 * With `instanceNorm` each window is normalised by its own context, so that a model is not asked to know every level and scale (reversible instance
 * normalisation, Kim et al. 2022). The statistics of a token are those of the context up to it, never beyond: what is undone on the forecast at the last
 * token of a window is exactly the mean and the deviation of that window, and the series may be read in any cuts and without end.
 *
 * ```ts
 * const model = new SequenceForecaster({ architecture: "titans-lmm", dim: 32, layers: 1, heads: 2, channels: 1, horizon: 24, instanceNorm: true });
 * const params = model.init(key(0));
 * const [forecasts, state] = model.step(params, model.initialState(params, 1), x);    // x: [1, tokens, 1], forecasts: [1, tokens, 24, 1]
 * ```
 *
 * @throws ConfigError if the configuration cannot work
 */
export class SequenceForecaster implements SequenceLayer<ForecasterParams, ForecasterState> {
  readonly config: ForecasterConfig;
  private readonly encoder: SequenceEncoder;

  constructor(config: ForecasterInput) {
    this.config = parseConfig(forecasterSchema, config, "forecaster");
    this.encoder = new SequenceEncoder(this.config, this.config.channels);
  }

  /** Tokens of the grid: calls are cut so that every chunk of every layer is whole. */
  get chunkSize(): number {
    return this.encoder.chunkSize;
  }

  init(seed: Key): ForecasterParams {
    const { dim, horizon, channels } = this.config;
    const [encoderKey, headKey] = splitKey(seed, 2) as [Key, Key];
    return {
      encoder: this.encoder.init(encoderKey),
      head: initDense(headKey, dim, horizon * channels, INITIAL_FORECAST_SIZE),
    };
  }

  /** Shapes of all parameters by path, without allocating them. */
  shapes(): Map<string, ArrayShape> {
    return shapesOf(() => this.init(key(0)));
  }

  initialState(params: ForecasterParams, batch: number): ForecasterState {
    const { instanceNorm, channels } = this.config;
    const encoder = this.encoder.initialState(params.encoder, batch);
    return instanceNorm
      ? { encoder, context: initialRunningStatistics(batch, channels, params.head.dtype) }
      : { encoder };
  }

  /**
   * Reads a segment.
   *
   * @param x [batch, tokens, channels]
   * @returns forecasts [batch, tokens, horizon, channels] of what follows each token, and the state after the segment
   * @throws ShapeError if the vectors have another number of channels, or the mask does not fit
   */
  step(
    params: ForecasterParams,
    state: ForecasterState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, ForecasterState] {
    if (state.context === undefined) {
      const [forecasts, encoder] = this.forecast(params, state, x, options);
      return [forecasts, { encoder }];
    }
    this.encoder.check(state.encoder, x, options);
    const { mean, deviation, state: context } = runningStatistics(state.context, x, options.mask);
    const normalized = np.divide(np.subtract(x, mean), deviation);
    const [forecasts, encoder] = this.forecast(params, state, normalized, options);
    const restored = np.add(np.multiply(forecasts, np.expandDims(deviation, 2)), np.expandDims(mean, 2));
    return [restored, { encoder, context }];
  }

  private forecast(
    params: ForecasterParams,
    state: ForecasterState,
    x: Tensor,
    options: StepOptions,
  ): [Tensor, SequenceEncoderState] {
    const { horizon, channels } = this.config;
    const [features, encoder] = this.encoder.step(params.encoder, state.encoder, x, options);
    const [batch = 0, tokens = 0] = x.shape;
    return [np.reshape(dense(params.head, features), [batch, tokens, horizon, channels]), encoder];
  }
}
