/** The layer contract: a pure step over a segment of tokens, with everything that lives at test time in the state. */
import type { Key, Tensor, Tree } from "../array/index.ts";
import type { AttentionPattern } from "./attention-pattern.ts";

/** What a step may be told about its tokens. */
export interface StepOptions {
  /** 1 where a slot holds a token, 0 where it is empty: [batch, tokens], float32. Empty slots change nothing but keep their place in the grid. All ones by default. */
  readonly mask?: Tensor;
  /** 1 where a token may be written to memory, 0 where it is only read with: [batch, tokens], float32. All ones by default. */
  readonly storeMask?: Tensor;
}

/** What came after each token. */
export interface Observed {
  /** [batch, tokens], or whatever the model's loss takes */
  readonly targets: Tensor;
  /** How much each counts: 0 for one that nothing is to be learned from. [batch, tokens], float32 */
  readonly weights: Tensor;
}

/**
 * A layer over sequences.
 *
 * `step` is pure: `step(params, state, x) -> [y, state]`, with x and y of shape [batch, tokens, dim]. The same function trains, evaluates,
 * generates and streams. Every array in the state has the batch as its first axis, so a state's rows can be selected and reset.
 */
export interface SequenceLayer<P extends Tree, S extends Tree> {
  /** Tokens of its grid: a `step` takes whole multiples of it, or fewer at the end of a sequence; 1 if left out. */
  readonly gridUnit?: number;
  /** Fresh outer-loop parameters. */
  init(key: Key): P;
  /** The state before the first token, one row a sequence. */
  initialState(params: P, batch: number): S;
  /**
   * Reads a segment.
   *
   * @param params what `init` returned
   * @param state what `initialState` or the previous step returned
   * @param x [batch, tokens, dim]
   * @returns the outputs [batch, tokens, dim] and the state after the segment
   */
  step(params: P, state: S, x: Tensor, options?: StepOptions): [y: Tensor, state: S];
  /**
   * Reads a segment of which it is known what came next, and learns from it: `step`, after which the weights that live in the state have taken in the
   * gradient of the loss. Outputs are those before the update. Left out where nothing learns.
   *
   * @param observed what came after each token
   */
  learn?(params: P, state: S, x: Tensor, observed: Observed, options?: StepOptions): [y: Tensor, state: S];
  /** What a token's attention reaches, such as `a window of 64 tokens`; left out by layers without attention. */
  readonly attends?: string;
  /** Who sees whom in the layer's attention, at the beginning of a sequence; left out by layers without attention. */
  attentionPattern?(): AttentionPattern;
}
