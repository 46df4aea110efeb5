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
import type { Mix, StackBlock } from "./stack-block.ts";

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
export class ResidualBlock implements StackBlock<ResidualBlockParams<Tree>, Tree> {
  readonly mixer: SequenceLayer<Tree, Tree>;
  private readonly dim: number;
  private readonly hiddenDim: number;

  constructor(mixer: SequenceLayer<Tree, Tree>, dim: number, hiddenDim: number) {
    this.mixer = mixer;
    this.dim = dim;
    this.hiddenDim = hiddenDim;
  }

  init(key: Key): ResidualBlockParams<Tree> {
    const [mixerKey, feedForwardKey] = splitKey(key, 2) as [Key, Key];
    return {
      mixerNorm: initRmsNorm(this.dim),
      mixer: this.mixer.init(mixerKey),
      feedForwardNorm: initRmsNorm(this.dim),
      feedForward: initGelu(feedForwardKey, this.dim, this.hiddenDim),
    };
  }

  initialState(params: ResidualBlockParams<Tree>, batch: number): Tree {
    return this.mixer.initialState(params.mixer, batch);
  }

  step(params: ResidualBlockParams<Tree>, state: Tree, x: Tensor, options: StepOptions = {}): [Tensor, Tree] {
    return this.through(params, state, x, (...args) => this.mixer.step(...args, options));
  }

  through(params: ResidualBlockParams<Tree>, state: Tree, x: Tensor, mix: Mix<Tree, Tree>): [Tensor, Tree] {
    const [mixed, next] = mix(params.mixer, state, rmsNorm(params.mixerNorm, x));
    const u = np.add(x, mixed);
    return [np.add(u, geluFeedForward(params.feedForward, rmsNorm(params.feedForwardNorm, u))), next];
  }

  mapMixer(state: Tree, f: (mixer: Tree) => Tree): Tree {
    return f(state);
  }

  mapLearned(state: Tree): Tree {
    return state;
  }
}
