/** Retention by an l_q norm: weights are an accumulator seen through a map that depends on its norm. */
import { lax, np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { NonlinearRetention } from "./retention-gate.ts";

/** The map as the paper prints it, and the exact one: the gradient of the conjugate of the regulariser. */
export const lqMaps = ["printed", "mirror"] as const;
/** One of `lqMaps`. */
export type LqMap = (typeof lqMaps)[number];

/** An l_q retention. */
export interface LqOptions {
  /**
   * The exponent of the norm of the accumulator, at least 2: q of Moneta, the conjugate q / (q - 1) of the regulariser's own exponent. 4 by default, which
   * stands for the regulariser with exponent 4/3.
   */
  readonly qDual?: number;
  /** `printed` by default. */
  readonly map?: LqMap;
}

/** Under the root, in the sum of powers: the printed map divides by zero for an accumulator of zeros. */
const SMALLEST_SUM = 1e-12;

/** Keeps a parameter of zeros finite: it stays zero. */
const SMALLEST_MAGNITUDE = 1e-30;

/**
 * Weights from an accumulator by l_q memory stability.
 *
 * $$\text{printed: } W = \frac{A}{\|A\|_q^{\,q-2}}, \qquad
 * \text{mirror: } W = \frac{1}{q-1}\,\frac{\mathrm{Sign}(A) \odot |A|^{q-1}}{\|A\|_q^{\,q-2}}$$
 *
 * Here q is `qDual`. The mirror map is the exact minimiser of $-\langle W, A\rangle + \frac{1}{2(q^*-1)}\|W\|_{q^*}^2$ with $q^* = q/(q-1)$; the printed
 * one lacks the power and the factor. They agree at 2 only, where both are the identity. Doubling A doubles the mirror map's weights, and multiplies the
 * printed map's by $2^{3-q}$: at 4 it halves them, and forgetting makes weights larger. The paper's unnumbered retention by the l_q norm; the printed map
 * is that of Moneta.
 *
 * @param accumulator A: [..., out, in]; one norm a matrix
 * @returns [..., out, in]
 * @throws ConfigError if the exponent is below 2 or the map is unknown
 */
export function lqWeights(accumulator: Tensor, { qDual = 4, map = "printed" }: LqOptions = {}): Tensor {
  checkLq(qDual, map);
  if (qDual === 2) return accumulator;
  const normalizer = root(sumOfPowers(accumulator, qDual), (qDual - 2) / qDual);
  const normalized = np.divide(accumulator, normalizer);
  return map === "printed"
    ? normalized
    : np.multiply(normalized, np.multiply(power(accumulator, qDual - 2), 1 / (qDual - 1)));
}

function checkLq(qDual: number, map: LqMap): void {
  if (!(qDual >= 2 && Number.isFinite(qDual)))
    throw new ConfigError(
      `qDual is ${qDual}; it must be at least 2, so that the regulariser's own exponent lies between 1 and 2`,
    );
  if (!lqMaps.includes(map)) throw new ConfigError(`"${map}" is no l_q map; choose ${lqMaps.join(" or ")}`);
}

function sumOfPowers(x: Tensor, exponent: number): Tensor {
  return np.add(np.sum(power(x, exponent), [-2, -1], { keepdims: true }), SMALLEST_SUM);
}

/** |x|^exponent for exponents above 0, by products where that is possible: logarithms lose digits near 1, and their derivative is infinite at 0. */
function power(x: Tensor, exponent: number): Tensor {
  if (exponent === 1) return np.abs(x);
  if (exponent === 2) return np.square(x);
  if (Number.isInteger(exponent)) return np.multiply(power(x, 2), power(x, exponent - 2));
  const isZero = np.equal(x, 0);
  const logarithm = np.log(np.where(isZero, 1, np.abs(x)));
  return np.where(isZero, 0, np.exp(np.multiply(logarithm, exponent)));
}

function root(sum: Tensor, exponent: number): Tensor {
  if (exponent === 0.25) return np.sqrt(np.sqrt(sum));
  return exponent === 0.5 ? np.sqrt(sum) : np.exp(np.multiply(np.log(sum), exponent));
}

/**
 * A free parameter rescaled so that the norm of each matrix is one, where the printed map is the identity for every exponent.
 *
 * $$\frac{A}{\|A\|_q}$$
 *
 * @param parameter [..., out, in], not all zero in any matrix
 * @param qDual q, as in `LqOptions`
 * @returns [..., out, in]
 */
export function unitLq(parameter: Tensor, qDual = 4): Tensor {
  const largest = lax.stopGradient(np.max(np.abs(parameter), [-2, -1], { keepdims: true }));
  const scaled = np.divide(parameter, np.maximum(largest, SMALLEST_MAGNITUDE));
  return np.divide(scaled, root(sumOfPowers(scaled, qDual), 1 / qDual));
}

/**
 * Retention by an l_q norm, for whole chunks: the accumulator is carried on as it is, never normalised, and weights are a view of it.
 *
 * The views are those of `lqWeights`.
 *
 * @throws ConfigError if the exponent is below 2 or the map is unknown
 */
export function lqRetention({ qDual = 4, map = "printed" }: LqOptions = {}): NonlinearRetention {
  checkLq(qDual, map);
  return {
    name: `l_q (${map}, q = ${qDual})`,
    start: (parameter) => unitLq(parameter, qDual),
    accumulator: (state) => state,
    weights: (accumulator) => lqWeights(accumulator, { qDual, map }),
    next: (accumulator) => accumulator,
  };
}
