/** Sums, means and deviations over the tokens of a stream so far, carried from call to call. */
import { type DType, np, slice, type Tensor } from "../array/index.ts";
import { selectEntries, validSelector, zeroEmptySlots } from "./valid-entries.ts";

/** Floor of a variance, as in Kim et al., Reversible Instance Normalization (2022). */
const VARIANCE_FLOOR = 1e-5;

/** What a running mean carries. */
export type RunningMeanState = {
  /** Tokens so far: [batch, 1] */
  readonly count: Tensor;
  /** Their sum: [batch, features] */
  readonly sum: Tensor;
};

/** What running statistics carry. */
export type RunningStatisticsState = RunningMeanState & {
  /** The stream's first token, [batch, features]. Sums are taken of the distance from it, so that a series far from zero loses no digits. */
  readonly origin: Tensor;
  /** Sum of the squared distances: [batch, features] */
  readonly squares: Tensor;
};

/** A running mean before the first token. */
export function initialRunningMean(batch: number, features: number, dtype: DType = "float32"): RunningMeanState {
  return { count: np.zeros([batch, 1], { dtype }), sum: np.zeros([batch, features], { dtype }) };
}

/** Running statistics before the first token. */
export function initialRunningStatistics(
  batch: number,
  features: number,
  dtype: DType = "float32",
): RunningStatisticsState {
  const zeros = np.zeros([batch, features], { dtype });
  return { ...initialRunningMean(batch, features, dtype), origin: zeros, squares: zeros };
}

/**
 * The mean of all tokens up to each one, itself included.
 *
 * $$\mu_t = \tfrac1t \sum_{i \le t} x_i$$
 *
 * @param state what the earlier tokens left
 * @param x [batch, tokens, features]
 * @param mask [batch, tokens], positive where a slot holds a token; all slots by default. Empty slots are not counted.
 * @returns mu: [batch, tokens, features], zero before the first token; and the state after them
 */
export function runningMean(
  state: RunningMeanState,
  x: Tensor,
  mask?: Tensor,
): [mean: Tensor, state: RunningMeanState] {
  const counts = runningSum(state.count, onesFor(x), mask);
  const sums = runningSum(state.sum, x, mask);
  return [np.divide(sums, np.maximum(counts, 1)), { count: lastToken(counts), sum: lastToken(sums) }];
}

/**
 * Mean and standard deviation of all tokens up to each one, itself included, feature by feature.
 *
 * $$\mu_t = \tfrac1t \sum_{i \le t} x_i, \qquad \sigma_t = \sqrt{\tfrac1t \sum_{i \le t} (x_i - \mu_t)^2 + \epsilon}$$
 *
 * @param state what the earlier tokens left
 * @param x [batch, tokens, features]
 * @param mask [batch, tokens], positive where a slot holds a token; all slots by default. Empty slots are not counted.
 * @returns mu and sigma: [batch, tokens, features] each; and the state after them
 */
export function runningStatistics(
  state: RunningStatisticsState,
  x: Tensor,
  mask?: Tensor,
): { mean: Tensor; deviation: Tensor; state: RunningStatisticsState } {
  const origin = np.where(np.greater(state.count, 0), state.origin, firstToken(x, mask));
  const distances = np.subtract(x, np.expandDims(origin, 1));
  const [fromOrigin, { count, sum }] = runningMean(state, distances, mask);
  const [meanSquare, { sum: squares }] = runningMean({ ...state, sum: state.squares }, np.square(distances), mask);
  // Rounding may leave a constant series a variance just below zero.
  const variance = np.maximum(np.subtract(meanSquare, np.square(fromOrigin)), 0);
  return {
    mean: np.add(fromOrigin, np.expandDims(origin, 1)),
    deviation: np.sqrt(np.add(variance, VARIANCE_FLOOR)),
    state: { count, sum, origin, squares },
  };
}

/** The sum of all tokens up to each one: [batch, tokens, features]. */
function runningSum(before: Tensor, x: Tensor, mask: Tensor | undefined): Tensor {
  return np.add(np.expandDims(before, 1), np.cumsum(zeroEmptySlots(x, mask), 1));
}

/** A one for each token: [batch, tokens, 1]. */
function onesFor(x: Tensor): Tensor {
  return np.ones([x.shape[0]!, x.shape[1]!, 1]);
}

function lastToken(x: Tensor): Tensor {
  return slice(x, [], -1);
}

/** The first token of each row that is one, zero where there is none: [batch, features]. */
function firstToken(x: Tensor, mask: Tensor | undefined): Tensor {
  if (mask === undefined) return slice(x, [], 0);
  const selector = validSelector(mask, np.ones([x.shape[0]!, 1]), x);
  return slice(selectEntries(selector, zeroEmptySlots(x, mask)), [], 0);
}
