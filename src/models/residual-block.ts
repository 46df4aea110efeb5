/** A pre-norm residual block: a sequence mixer, then a feed-forward network. */
import { type Key, np, splitKey, type Tensor, type Tree } from "../array/index.ts";
import {
  type GeluParams,
  geluFeedForward,
  initGelu,
  initRmsNorm,
  rmsNorm,
  type SequenceLayer,
  type StepOptions,
} from "../common/index.ts";

/** Parameters of a block around a mixer with parameters P. */
export type ResidualBlockParams<P extends Tree> = {
  readonly mixerNorm: Tensor;
  readonly mixer: P;
  readonly feedForwardNorm: Tensor;
  readonly feedForward: GeluParams;
};

/**
 * $$u = x + \mathrm{mixer}(\mathrm{norm}(x)), \qquad y = u + \mathrm{FFN}(\mathrm{norm}(u))$$
 *
 * The state is the mixer's.
 */
export class ResidualBlock<P extends Tree, S extends Tree> implements SequenceLayer<ResidualBlockParams<P>, S> {
  readonly mixer: SequenceLayer<P, S>;
  private readonly dim: number;
  private readonly hiddenDim: number;

  constructor(mixer: SequenceLayer<P, S>, dim: number, hiddenDim: number) {
    this.mixer = mixer;
    this.dim = dim;
    this.hiddenDim = hiddenDim;
  }

  init(key: Key): ResidualBlockParams<P> {
    const [mixerKey, feedForwardKey] = splitKey(key, 2) as [Key, Key];
    return {
      mixerNorm: initRmsNorm(this.dim),
      mixer: this.mixer.init(mixerKey),
      feedForwardNorm: initRmsNorm(this.dim),
      feedForward: initGelu(feedForwardKey, this.dim, this.hiddenDim),
    };
  }

  initialState(params: ResidualBlockParams<P>, batch: number): S {
    return this.mixer.initialState(params.mixer, batch);
  }

  step(params: ResidualBlockParams<P>, state: S, x: Tensor, options: StepOptions = {}): [Tensor, S] {
    const [mixed, next] = this.mixer.step(params.mixer, state, rmsNorm(params.mixerNorm, x), options);
    return [this.finish(params, x, mixed), next];
  }

  /** The block's output, given what its mixer put out. */
  finish(params: ResidualBlockParams<P>, x: Tensor, mixed: Tensor): Tensor {
    const u = np.add(x, mixed);
    return np.add(u, geluFeedForward(params.feedForward, rmsNorm(params.feedForwardNorm, u)));
  }
}
