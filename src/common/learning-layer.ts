/** What a layer offers some of whose weights live in its state and learn from the loss of what comes next. */
import type { Tree } from "../array/index.ts";
import type { SequenceLayer } from "./layer.ts";

/**
 * A sequence layer whose `step` reads with weights from its state, and leaves them as they are.
 *
 * A layer sees neither what comes after its tokens nor the loss. The model around it does: it differentiates its loss with respect to `learnedWeights`.
 */
export interface LearningLayer<P extends Tree, S extends Tree> extends SequenceLayer<P, S> {
  /** Tokens of the shortest stretch after which weights may change; `undefined` if they never do. */
  readonly learnUnit: number | undefined;
  /** The weights that learn. */
  learnedWeights(state: S): Tree;
  /** The state with other weights. */
  withLearnedWeights(state: S, weights: Tree): S;
  /**
   * Takes in the gradient of the summed loss of `learnUnit` tokens or a part of them.
   *
   * @param gradient a tree like `learnedWeights`
   * @param tokens how many they are
   */
  takeGradient(state: S, gradient: Tree, tokens: number): S;
}
