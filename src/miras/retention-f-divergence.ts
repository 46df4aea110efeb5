/** Retention by any f-divergence on the scaled simplex; its multiplier is found by bisection. */
import { grad, isTensor, lax, np, type Tensor, type TensorLike } from "../array/index.ts";
import type { NonlinearRetention } from "./retention-gate.ts";
import {
  checkSimplex,
  type ScaledSimplex,
  type SimplexSlice,
  simplexWeights,
  sliceAxes,
  sliceSum,
  totalOf,
} from "./scaled-simplex.ts";

/** A strictly convex function f with f(1) = 0, by its slope f'(ratio): what a retention by f-divergence needs of it. */
export interface FDivergence {
  readonly name: string;
  /** f', for ratios above 0. */
  derivative(ratio: Tensor): Tensor;
  /** g_f, the inverse of f', for slopes below `slopeLimit`; increasing. */
  inverse(slope: Tensor): Tensor;
  /** What f' tends to for large ratios. */
  readonly slopeLimit: number;
}

const divergences = {
  kl: {
    name: "kl",
    derivative: (ratio) => np.add(np.log(ratio), 1),
    inverse: (slope) => np.exp(np.subtract(slope, 1)),
    slopeLimit: Number.POSITIVE_INFINITY,
  },
  chiSquare: {
    name: "chi square",
    derivative: (ratio) => np.multiply(np.subtract(ratio, 1), 2),
    inverse: (slope) => np.add(np.multiply(slope, 0.5), 1),
    slopeLimit: Number.POSITIVE_INFINITY,
  },
  reverseKl: {
    name: "reverse kl",
    derivative: (ratio) => np.negative(np.reciprocal(ratio)),
    inverse: (slope) => np.negative(np.reciprocal(slope)),
    slopeLimit: 0,
  },
  hellinger: {
    name: "hellinger",
    derivative: (ratio) => np.negative(np.reciprocal(np.sqrt(ratio))),
    inverse: (slope) => np.reciprocal(np.square(slope)),
    slopeLimit: 0,
  },
} as const satisfies Record<string, FDivergence>;

/** Divergences by name: f = t ln t, (t - 1)^2, -ln t, and 2 (1 - sqrt t). */
export const fDivergences: Readonly<Record<keyof typeof divergences, FDivergence>> = divergences;

/** After so many the bracket is as narrow as float64 tells apart. */
const HALVINGS = 60;

/**
 * The weights that grow or shrink by what a sum of negative gradients asks for, and sum to the total.
 *
 * $$W_{t-1} \odot \max\big(0,\ g_f(A - \zeta)\big), \qquad \zeta:\ \|W\|_1 = c$$
 */
function reweighted(previous: Tensor, accumulator: Tensor, f: FDivergence, simplex: ScaledSimplex): Tensor {
  const { slice } = simplex;
  const total = totalOf(simplex, previous);
  const axes = sliceAxes(slice);
  // Entries at zero stay there whatever their slope, so they must not widen the search, where infinity times zero would end it.
  const least = np.min(accumulator, axes, { keepdims: true });
  const asked = np.where(np.greater(previous, 0), accumulator, least);
  // The multiplier takes up any shift; with 0 as the largest entry, small distances from the slope's limit keep their digits.
  const slopes = np.subtract(asked, lax.stopGradient(np.max(asked, axes, { keepdims: true })));
  const sumAt = (weights: Tensor, at: Tensor, zeta: Tensor) =>
    sliceSum(grown(weights, np.subtract(at, zeta), f), slice);

  const [constantWeights, constantSlopes] = [lax.stopGradient(previous), lax.stopGradient(slopes)];
  const constantSum = (zeta: Tensor) => sumAt(constantWeights, constantSlopes, zeta);
  const constantTotal = isTensor(total) ? lax.stopGradient(total) : total;
  const zeta = multiplier(constantWeights, constantSlopes, constantSum, f, constantTotal, slice);
  // One Newton step from the constant root: moves it only in its last digits, and gives it the derivatives of the implicit function.
  const steepness = grad((at: Tensor) => np.sum(constantSum(at)))(zeta);
  const excess = np.subtract(sumAt(previous, slopes, zeta), total);
  const exact = np.subtract(zeta, np.divide(excess, steepness));
  return grown(previous, np.subtract(slopes, exact), f);
}

function grown(previous: Tensor, slopes: Tensor, f: FDivergence): Tensor {
  return np.multiply(previous, np.maximum(f.inverse(slopes), 0));
}

/** Where the sum, which falls with zeta, is the total: between the points at which the least and the most favoured entry alone would ask for it. */
function multiplier(
  previous: Tensor,
  slopes: Tensor,
  sum: (zeta: Tensor) => Tensor,
  f: FDivergence,
  total: TensorLike,
  slice: SimplexSlice | undefined,
): Tensor {
  const even = f.derivative(np.divide(total, sliceSum(previous, slice)));
  const highest = np.negative(even);
  const least = np.subtract(np.min(slopes, sliceAxes(slice), { keepdims: true }), even);
  const lowest = Number.isFinite(f.slopeLimit) ? np.maximum(least, -f.slopeLimit) : least;
  let width = np.subtract(highest, lowest);
  let zeta = lowest;
  for (let halving = 0; halving < HALVINGS; halving++) {
    width = np.multiply(width, 0.5);
    const middle = np.add(zeta, width);
    zeta = np.where(np.greater(sum(middle), total), middle, zeta);
  }
  return np.add(zeta, np.multiply(width, 0.5));
}

/**
 * One step of retention by an f-divergence on the scaled simplex.
 *
 * $$W_t = W_{t-1} \odot \max\big(0,\ g_f(-\zeta_t - \eta_t\, g)\big), \qquad \zeta_t:\ \|W_t\|_1 = c$$
 *
 * The maximum, which the paper leaves out, is needed where f' is finite at 0: weights may reach zero, and stay there. The multiplier comes from
 * bisection; its first derivatives are exact. `f = kl` is `klUpdate` without the global part. In code: eta = `stepSize`.
 *
 * @param previous W_{t-1}: [..., out, in], positive (zeros stay zero)
 * @param gradient g: [..., out, in]
 * @param stepSize a number, or a tensor that broadcasts against the slices
 * @param f the divergence, one of `fDivergences` or another
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 18
 */
export function fDivergenceUpdate(
  previous: Tensor,
  gradient: Tensor,
  stepSize: TensorLike,
  f: FDivergence,
  simplex: ScaledSimplex = {},
): Tensor {
  return reweighted(previous, np.negative(np.multiply(gradient, stepSize)), f, simplex);
}

/**
 * Retention by an f-divergence, for whole chunks: gradients accumulate from the chunk's first weights, which carry the state.
 *
 * A chunk is one step with the sum of its gradients. There is no global part, so the retain gate does nothing. The step is `fDivergenceUpdate`.
 *
 * @throws ConfigError if the total is not positive or the slice is unknown
 */
export function fDivergenceRetention(f: FDivergence, simplex: ScaledSimplex = {}): NonlinearRetention {
  checkSimplex(simplex);
  const weights = (accumulator: Tensor, state: Tensor) => reweighted(state, accumulator, f, simplex);
  return {
    name: `f-divergence (${f.name})`,
    start: (parameter) => simplexWeights(parameter, simplex),
    accumulator: (state) => np.zerosLike(state),
    slice: simplex.slice ?? "matrix",
    gates: ({ logRetain, stepSize }) => ({ logRetain: np.zerosLike(logRetain), stepSize }),
    weights,
    next: weights,
  };
}
