/** What a stack asks of its blocks, whatever follows the mixer in them. */
import type { Tensor, Tree } from "../array/index.ts";
import type { LearningLayer, SequenceLayer } from "../common/index.ts";

/** What a mixer makes of its input: `step`, or `step` with something observed on the way. */
export type Mix<P extends Tree, S extends Tree> = (params: P, state: S, input: Tensor) => [mixed: Tensor, state: S];

/** A residual block around a sequence mixer. */
export interface StackBlock<P extends Tree = Tree, S extends Tree = Tree> extends SequenceLayer<P, S> {
  readonly mixer: SequenceLayer<Tree, Tree>;
  /** What follows the mixer, if it learns while it reads: its state is found by `mapLearned`. */
  readonly learned?: LearningLayer<Tree, Tree>;
  /** `step`, with `mix` in the mixer's place. */
  through(params: P, state: S, x: Tensor, mix: Mix<Tree, Tree>): [y: Tensor, state: S];
  /** A state whose mixer's part is what `f` makes of it. */
  mapMixer(state: S, f: (mixer: Tree) => Tree): S;
  /** A state whose learned part is what `f` makes of it; the same where nothing learns. */
  mapLearned(state: S, f: (learned: Tree) => Tree): S;
}
