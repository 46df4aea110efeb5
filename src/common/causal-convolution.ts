/** Causal depthwise convolution: each feature mixed with its own last values, across calls. */
import { type Key, np, random, slice, type Tensor } from "../array/index.ts";
import { checkSegment, checkWhole } from "./checks.ts";
import type { SequenceLayer } from "./layer.ts";
import {
  appendEntries,
  countValid,
  lastEntries,
  lastValidSelector,
  selectEntries,
  validSelector,
  zeroEmptySlots,
} from "./valid-entries.ts";

/** Shape of a causal convolution layer. */
export interface CausalConvolutionConfig {
  /** Features of a token; each has a filter of its own. */
  readonly dim: number;
  /** Taps K of a filter: the current token and K - 1 predecessors. */
  readonly kernel: number;
}

/** Filters: taps [kernel, dim], tap kernel - 1 on the current token. */
export type CausalConvolutionParams = { readonly taps: Tensor };

/** The last kernel - 1 inputs, the newest last: tail [batch, kernel - 1, dim]; zeros at the start of a stream. */
export type CausalConvolutionState = { readonly tail: Tensor };

/**
 * Fresh filters: uniform in $\pm 1/\sqrt K$. All taps count from the start: a memory learns to join a key to the value behind it only where a token can see its
 * predecessor, and from near the identity filter that takes longer than many trainings.
 *
 * @param kernel taps K
 * @returns [kernel, dim]
 */
export function initTaps(key: Key, kernel: number, dim: number): Tensor {
  const bound = 1 / Math.sqrt(kernel);
  return random.uniform(key, [kernel, dim], { minval: -bound, maxval: bound });
}

/**
 * One filter a feature over the current token and its predecessors.
 *
 * $$y_t = \sum_{n=0}^{K-1} w_n \odot x_{t-(K-1)+n}$$
 *
 * Empty slots are skipped, wherever they are: a token's predecessors are the valid ones before it, as if the empty slots were removed.
 *
 * @param taps w: [K, dim], tap K - 1 on the current token
 * @param tail the last K - 1 inputs of earlier calls, oldest first: [batch, K - 1, dim]
 * @param x [batch, tokens, dim]
 * @param mask positive where a slot holds a token: [batch, tokens]; all slots by default
 * @returns y [batch, tokens, dim], zero at empty slots, and the tail for the next call
 */
export function causalConvolution(taps: Tensor, tail: Tensor, x: Tensor, mask?: Tensor): [y: Tensor, tail: Tensor] {
  const past = tail.shape[1] ?? 0;
  const [predecessor, newest] = mask === undefined ? neighbours(tail, x) : validNeighbours(tail, x, mask);
  let y = np.multiply(x, slice(taps, past));
  for (let distance = 1; distance <= past; distance++) {
    y = np.add(y, np.multiply(predecessor(distance), slice(taps, past - distance)));
  }
  return [zeroEmptySlots(y, mask), newest];
}

/** For each token the input that came `distance` tokens earlier, [batch, T, dim], and the next call's tail. */
type Neighbours = [predecessor: (distance: number) => Tensor, tail: Tensor];

function neighbours(tail: Tensor, x: Tensor): Neighbours {
  const [past = 0, tokens = 0] = [tail.shape[1], x.shape[1]];
  const inputs = np.concatenate([tail, x], 1);
  const predecessor = (distance: number) => slice(inputs, [], [past - distance, past - distance + tokens]);
  return [predecessor, lastEntries(inputs, past)];
}

/** `neighbours` among the valid inputs only. */
function validNeighbours(tail: Tensor, x: Tensor, mask: Tensor): Neighbours {
  const [past = 0, tokens = 0] = [tail.shape[1], x.shape[1]];
  const inputs = appendEntries(tail, x); // [batch, entries, dim]
  const validity = appendEntries(np.ones(tail.shape.slice(0, 2), { dtype: mask.dtype }), mask);
  const isValid = np.astype(np.greater(mask, 0), "float32");
  const before = np.subtract(lastEntries(countValid(validity), tokens), isValid); // [batch, T]
  const predecessor = (distance: number) =>
    selectEntries(validSelector(validity, np.subtract(before, distance - 1), inputs), inputs);
  return [predecessor, selectEntries(lastValidSelector(validity, past, inputs), inputs)];
}

/**
 * Causal depthwise convolution as a layer.
 *
 * @throws ConfigError if the sizes cannot work
 */
export function causalConvolutionLayer(
  config: CausalConvolutionConfig,
): SequenceLayer<CausalConvolutionParams, CausalConvolutionState> {
  const { dim, kernel } = config;
  checkWhole("convolution dim", dim);
  checkWhole("convolution kernel", kernel, 2);
  return {
    init: (key) => ({ taps: initTaps(key, kernel, dim) }),
    initialState: (params, batch) => ({ tail: np.zeros([batch, kernel - 1, dim], { dtype: params.taps.dtype }) }),
    step: (params, state, x, options = {}) => {
      checkSegment("convolution", x, dim, state.tail.shape[0] ?? 0, options.mask);
      const [y, tail] = causalConvolution(params.taps, state.tail, x, options.mask);
      return [y, { tail }];
    },
  };
}
