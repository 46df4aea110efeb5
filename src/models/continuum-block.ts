/** A pre-norm residual block: a sequence mixer, then a continuum memory. */
import { type Key, np, splitKey, type Tensor, type Tree } from "../array/index.ts";
import { initRmsNorm, type LearningLayer, rmsNorm, type SequenceLayer, type StepOptions } from "../common/index.ts";
import type { ContinuumMemory, ContinuumMemoryParams, ContinuumMemoryState } from "../nl/index.ts";
import type { Mix, StackBlock } from "./stack-block.ts";

/** Parameters of a block. */
export type ContinuumBlockParams = {
  readonly mixerNorm: Tensor;
  readonly mixer: Tree;
  readonly continuum: ContinuumMemoryParams;
};

/** What lives at test time: the mixer's, and the levels that learn, if any does. */
export type ContinuumBlockState = { readonly mixer: Tree; readonly continuum?: ContinuumMemoryState };

/**
 * A block whose feed-forward network is a continuum memory.
 *
 * $$u = x + \mathrm{mixer}(\mathrm{norm}(x)), \qquad y = \mathrm{MLP}^{(f_k)}\big(\mathrm{MLP}^{(f_{k-1})}(\cdots \mathrm{MLP}^{(f_1)}(u))\big)$$
 *
 * The levels of the continuum memory bring norms and residuals of their own. With self-modifying Titans as the mixer it is a block of Hope, with attention
 * one of Hope-Attention.
 *
 * @see Nested Learning (arXiv:2512.24695) Eq. 94-97
 */
export class ContinuumBlock implements StackBlock<ContinuumBlockParams, ContinuumBlockState> {
  readonly mixer: SequenceLayer<Tree, Tree>;
  readonly continuum: ContinuumMemory;
  private readonly dim: number;

  constructor(mixer: SequenceLayer<Tree, Tree>, continuum: ContinuumMemory) {
    this.mixer = mixer;
    this.continuum = continuum;
    this.dim = continuum.config.dim;
  }

  get learned(): LearningLayer<Tree, Tree> {
    return this.continuum as unknown as LearningLayer<Tree, Tree>;
  }

  init(key: Key): ContinuumBlockParams {
    const [mixerKey, continuumKey] = splitKey(key, 2) as [Key, Key];
    return {
      mixerNorm: initRmsNorm(this.dim),
      mixer: this.mixer.init(mixerKey),
      continuum: this.continuum.init(continuumKey),
    };
  }

  initialState(params: ContinuumBlockParams, batch: number): ContinuumBlockState {
    const mixer = this.mixer.initialState(params.mixer, batch);
    // A saved state holds no empty parts.
    if (this.continuum.learnUnit === undefined) return { mixer };
    return { mixer, continuum: this.continuum.initialState(params.continuum, batch) };
  }

  step(
    params: ContinuumBlockParams,
    state: ContinuumBlockState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, ContinuumBlockState] {
    return this.through(params, state, x, (...args) => this.mixer.step(...args, options));
  }

  through(
    params: ContinuumBlockParams,
    state: ContinuumBlockState,
    x: Tensor,
    mix: Mix<Tree, Tree>,
  ): [Tensor, ContinuumBlockState] {
    const [mixed, mixer] = mix(params.mixer, state.mixer, rmsNorm(params.mixerNorm, x));
    const [y] = this.continuum.step(params.continuum, state.continuum ?? [], np.add(x, mixed));
    return [y, { ...state, mixer }];
  }

  mapMixer(state: ContinuumBlockState, f: (mixer: Tree) => Tree): ContinuumBlockState {
    return { ...state, mixer: f(state.mixer) };
  }

  mapLearned(state: ContinuumBlockState, f: (learned: Tree) => Tree): ContinuumBlockState {
    if (state.continuum === undefined) return state;
    return { ...state, continuum: f(state.continuum) as ContinuumMemoryState };
  }
}
