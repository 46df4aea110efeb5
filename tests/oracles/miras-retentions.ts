/** Retention gates: the new weights after one token, given its gradient. A slice is one flat vector of weights. */

import { sigmoid } from "./activations.ts";
import type { Matrix, Vector } from "./matrix.ts";

/** A convex f with f(1) = 0, its slope, and the inverse of the slope where it exists. */
export interface MirasDivergence {
  f(ratio: number): number;
  slope(ratio: number): number;
  inverseSlope(y: number): number;
  /** The inverse slope exists below this argument. */
  domainEnd: number;
}

export type MirasDivergenceName = "kl" | "chi2" | "reverse-kl" | "hellinger";

export const mirasDivergences: Record<MirasDivergenceName, MirasDivergence> = {
  kl: {
    f: (ratio) => (ratio === 0 ? 0 : ratio * Math.log(ratio)),
    slope: (ratio) => Math.log(ratio) + 1,
    inverseSlope: (y) => Math.exp(y - 1),
    domainEnd: Infinity,
  },
  chi2: {
    f: (ratio) => (ratio - 1) ** 2,
    slope: (ratio) => 2 * (ratio - 1),
    inverseSlope: (y) => 1 + y / 2,
    domainEnd: Infinity,
  },
  "reverse-kl": {
    f: (ratio) => -Math.log(ratio),
    slope: (ratio) => -1 / ratio,
    inverseSlope: (y) => -1 / y,
    domainEnd: 0,
  },
  hellinger: {
    f: (ratio) => 2 * (1 - Math.sqrt(ratio)),
    slope: (ratio) => -1 / Math.sqrt(ratio),
    inverseSlope: (y) => y ** -2,
    domainEnd: 0,
  },
};

/**
 * Eq 18 with the clamp that a finite `f'(0)` needs; the multiplier ζ is found by bisection to the last bit.
 *
 * $$W=W'\odot\max(0,\ g_f(-\zeta-\eta\,g)),\qquad \sum W=c$$
 */
export function mirasDivergenceStep(
  divergence: MirasDivergence,
  previous: Vector,
  gradient: Vector,
  stepSize: number,
  total: number,
): { weights: Vector; multiplier: number } {
  const weightsAt = (zeta: number): Vector =>
    previous.map((w, j) => w * Math.max(0, divergence.inverseSlope(-zeta - stepSize * gradient[j]!)));
  const edge = Math.max(...gradient.map((g) => -stepSize * g)) - divergence.domainEnd;
  const multiplier = rootOfFalling((zeta) => sum(weightsAt(zeta)) - total, edge);
  return { weights: weightsAt(multiplier), multiplier };
}

/**
 * Eq 21 on one slice, from the two inverse weights: local KL `1/η`, global entropy `1/α`.
 *
 * $$W=c\,\mathrm{Softmax}((1-\lambda)\log W'-\eta' g),\qquad \lambda=\frac{1/\alpha}{1/\alpha+1/\eta},\quad \eta'=\frac{1}{1/\alpha+1/\eta}$$
 */
export function mirasEntropyStep(
  previous: Vector,
  gradient: Vector,
  inverses: { local: number; global: number },
  total: number,
): Vector {
  const both = 1 / inverses.global + 1 / inverses.local;
  const retain = 1 - 1 / inverses.global / both;
  return mirasSoftmaxStep(previous, gradient, retain, 1 / both, total);
}

/** `c Softmax(retain log W' - stepSize g)` on one slice: Eq 21 with its two coefficients as free gates. */
export function mirasSoftmaxStep(
  previous: Vector,
  gradient: Vector,
  retain: number,
  stepSize: number,
  total: number,
): Vector {
  const scores = previous.map((w, j) => retain * Math.log(w) - stepSize * gradient[j]!);
  return mirasSoftmax(scores).map((share) => total * share);
}

/**
 * The programme of Eq 19-20 with inverse weights for each entry, where no softmax solves it; μ by bisection.
 *
 * $$\ln W_j=(1-\lambda_j)\ln W'_j-\eta'_j(g_j+\mu)-1,\qquad \sum W=c$$
 */
export function mirasEntropyStepByEntry(
  previous: Vector,
  gradient: Vector,
  inverses: { local: Vector; global: Vector },
  total: number,
): Vector {
  const weightsAt = (mu: number): Vector =>
    previous.map((w, j) => {
      const both = 1 / inverses.global[j]! + 1 / inverses.local[j]!;
      return Math.exp(((1 / inverses.local[j]!) * Math.log(w) - gradient[j]! - mu) / both - 1);
    });
  return weightsAt(rootOfFalling((mu) => sum(weightsAt(mu)) - total, -Infinity));
}

export function mirasSoftmax(scores: Vector): Vector {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const whole = sum(exponentials);
  return exponentials.map((value) => value / whole);
}

/** `sign(z) max(0, |z| - γ)`. */
export function mirasSoftThreshold(z: number, gamma: number): number {
  return Math.sign(z) * Math.max(0, Math.abs(z) - gamma);
}

/** The smooth stand-in for the soft threshold: `|z| arctan(z/γ) / (π/2)`. */
export function mirasArctanThreshold(z: number, gamma: number): number {
  return (Math.abs(z) * Math.atan(z / gamma)) / (Math.PI / 2);
}

/**
 * Eq 22: elastic net as learning and retaining, with local inverse weight η and global ones α (ℓ1) and β (ℓ2).
 *
 * $$W=\mathcal S_\gamma(\lambda W'-\zeta g),\qquad \lambda=\frac{\beta}{\beta+\eta},\quad \zeta=\eta\lambda,\quad \gamma=\zeta/\alpha$$
 */
export function mirasElasticNetStep(
  previous: Vector,
  gradient: Vector,
  inverses: { local: number; l1: number; l2: number },
  threshold: (z: number, gamma: number) => number = mirasSoftThreshold,
): Vector {
  const lambda = inverses.l2 / (inverses.l2 + inverses.local);
  const zeta = inverses.local * lambda;
  return previous.map((w, j) => threshold(lambda * w - zeta * gradient[j]!, zeta / inverses.l1));
}

/** Eq 23: elastic net in the FTRL form. The accumulator is the state, the weights are its thresholded view. */
export function mirasElasticNetFtrlStep(
  accumulator: Vector,
  gradient: Vector,
  inverses: { local: number; l1: number },
): { accumulator: Vector; weights: Vector } {
  const next = accumulator.map((a, j) => a - inverses.local * gradient[j]!);
  return { accumulator: next, weights: next.map((a) => mirasSoftThreshold(a, inverses.local / inverses.l1)) };
}

/** The ℓ_n norm, `(Σ|a|ⁿ)^{1/n}`. */
export function mirasLNorm(a: Vector, exponent: number): number {
  return sum(a.map((entry) => Math.abs(entry) ** exponent)) ** (1 / exponent);
}

/** `(Σ|A|^q + guard)^{(q-2)/q} = ‖A‖_q^{q-2}`, the divisor of both ℓq maps; 1 for q = 2. */
export function mirasLqDivisor(accumulator: Vector, dualExponent: number, guard = 0): number {
  const powers = sum(accumulator.map((a) => Math.abs(a) ** dualExponent)) + guard;
  return powers ** ((dualExponent - 2) / dualExponent);
}

export type MirasLqMap = "printed" | "mirror";

/**
 * The weights that belong to an accumulator under ℓq memory stability; `dualExponent` p is the conjugate of the primal q.
 * The divisor may come from another accumulator.
 *
 * $$\text{printed: } \frac{A}{\|A\|_p^{p-2}},\qquad \text{mirror: } (q-1)\frac{\mathrm{Sign}(A)\odot|A|^{p-1}}{\|A\|_p^{p-2}},\quad q=\frac{p}{p-1}$$
 */
export function mirasLqView(
  accumulator: Vector,
  dualExponent: number,
  map: MirasLqMap,
  divisor: number = mirasLqDivisor(accumulator, dualExponent),
): Vector {
  if (map === "printed") return accumulator.map((a) => a / divisor);
  const primal = dualExponent / (dualExponent - 1);
  return accumulator.map((a) => ((primal - 1) * Math.sign(a) * Math.abs(a) ** (dualExponent - 1)) / divisor);
}

/** Slope of `‖W‖_q² / (2(q-1))`, the inverse of the mirror map: `Sign(W)|W|^{q-1} ‖W‖_q^{2-q} / (q-1)`. */
export function mirasLqSlope(weights: Vector, primalExponent: number): Vector {
  const factor = mirasLNorm(weights, primalExponent) ** (2 - primalExponent) / (primalExponent - 1);
  return weights.map((w) => factor * Math.sign(w) * Math.abs(w) ** (primalExponent - 1));
}

/** Bregman retention with `f = τ²/2`: plain gradient descent. */
export function mirasQuadraticBregmanStep(previous: Vector, gradient: Vector, stepSize: number): Vector {
  return previous.map((w, j) => w - stepSize * gradient[j]!);
}

/** Bregman retention with `f' = logit`: `σ(ln(W'/(1 - W')) - η g)`. */
export function mirasLogitBregmanStep(previous: Vector, gradient: Vector, stepSize: number): Vector {
  return previous.map((w, j) => sigmoid(Math.log(w / (1 - w)) - stepSize * gradient[j]!));
}

/** Applies a rule for one slice to each row, or to the whole matrix as one slice. */
export function mirasOnSlices(
  slice: "row" | "matrix",
  previous: Matrix,
  gradient: Matrix,
  rule: (previous: Vector, gradient: Vector) => Vector,
): Matrix {
  if (slice === "row") return previous.map((row, i) => rule(row, gradient[i]!));
  const columns = previous[0]!.length;
  const flat = rule(previous.flat(), gradient.flat());
  return previous.map((_, i) => flat.slice(i * columns, (i + 1) * columns));
}

/** The root of a falling function on `(edge, ∞)`; without an edge the bracket grows to both sides. */
function rootOfFalling(f: (x: number) => number, edge: number): number {
  let width = 1;
  const centre = Number.isFinite(edge) ? edge : 0;
  while (f(centre + width) > 0) width *= 2;
  let high = centre + width;
  let low = centre;
  if (!Number.isFinite(edge)) {
    width = 1;
    while (f(centre - width) < 0) width *= 2;
    low = centre - width;
  }
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) low = middle;
    else high = middle;
  }
  return high;
}

function sum(values: Vector): number {
  return values.reduce((total, value) => total + value, 0);
}
