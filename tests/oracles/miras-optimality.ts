/** How far a claimed minimiser is from being one: objectives, their slopes, optimality residuals, and generic minimisers. */

import { dot, scale, subtract, type Vector } from "./matrix.ts";
import type { MirasDivergence } from "./miras-retentions.ts";

/** `⟨W - W', g⟩ + (1/η) Σ W' f(W/W')`: what Eq 18 minimises on the scaled simplex. */
export function mirasDivergenceObjective(
  divergence: MirasDivergence,
  weights: Vector,
  previous: Vector,
  gradient: Vector,
  stepSize: number,
): number {
  const retention = weights.reduce((total, w, j) => total + previous[j]! * divergence.f(w / previous[j]!), 0);
  return dot(subtract(weights, previous), gradient) + retention / stepSize;
}

/** Slope of `mirasDivergenceObjective`: `g + f'(W/W')/η`. */
export function mirasDivergenceObjectiveSlope(
  divergence: MirasDivergence,
  weights: Vector,
  previous: Vector,
  gradient: Vector,
  stepSize: number,
): Vector {
  return gradient.map((g, j) => g + divergence.slope(weights[j]! / previous[j]!) / stepSize);
}

/** Eq 19: `⟨W - W', g⟩ + Σ (1/η_j) W ln(W/W') + Σ (1/α_j) W ln W`. */
export function mirasEntropyObjective(
  weights: Vector,
  previous: Vector,
  gradient: Vector,
  inverses: { local: Vector; global: Vector },
): number {
  const term = (w: number, ratio: number): number => (w === 0 ? 0 : w * Math.log(ratio));
  return weights.reduce(
    (total, w, j) =>
      total +
      (w - previous[j]!) * gradient[j]! +
      term(w, w / previous[j]!) / inverses.local[j]! +
      term(w, w) / inverses.global[j]!,
    0,
  );
}

/** Slope of `mirasEntropyObjective`. */
export function mirasEntropyObjectiveSlope(
  weights: Vector,
  previous: Vector,
  gradient: Vector,
  inverses: { local: Vector; global: Vector },
): Vector {
  return weights.map(
    (w, j) =>
      gradient[j]! + (Math.log(w / previous[j]!) + 1) / inverses.local[j]! + (Math.log(w) + 1) / inverses.global[j]!,
  );
}

/** `⟨W - W', g⟩ + ‖W - W'‖²/(2η) + ‖W‖²/(2β) + ‖W‖₁/α`: what Eq 22 minimises. */
export function mirasElasticNetObjective(
  weights: Vector,
  previous: Vector,
  gradient: Vector,
  inverses: { local: number; l1: number; l2: number },
): number {
  const step = subtract(weights, previous);
  const l1 = weights.reduce((total, w) => total + Math.abs(w), 0);
  return (
    dot(step, gradient) +
    dot(step, step) / (2 * inverses.local) +
    dot(weights, weights) / (2 * inverses.l2) +
    l1 / inverses.l1
  );
}

/**
 * KKT residual of a minimum over `{W >= 0, ΣW = total}`: the worst of the violated sum, a negative entry, the spread of
 * the slope over the positive entries, and a slope at a zero entry below that of the positive ones. 0 at the minimum.
 */
export function mirasSimplexResidual(weights: Vector, slope: Vector, total: number): number {
  const positive = slope.filter((_, j) => weights[j]! > 0);
  const level = positive.reduce((whole, value) => whole + value, 0) / positive.length;
  const violations = weights.map((w, j) => {
    if (w < 0) return -w;
    return w > 0 ? Math.abs(slope[j]! - level) : Math.max(0, level - slope[j]!);
  });
  const sum = weights.reduce((whole, w) => whole + w, 0);
  return Math.max(Math.abs(sum - total), ...violations);
}

/** Distance of 0 from `smoothSlope + l1Weight ∂|W|`, worst entry; 0 at the minimum. */
export function mirasSubgradientResidual(weights: Vector, smoothSlope: Vector, l1Weight: number): number {
  const distances = weights.map((w, j) =>
    w === 0 ? Math.max(0, Math.abs(smoothSlope[j]!) - l1Weight) : Math.abs(smoothSlope[j]! + Math.sign(w) * l1Weight),
  );
  return Math.max(...distances);
}

/** Bregman divergence of a separable F with entries f: `Σ f(w) - f(w') - f'(w')(w - w')`. */
export function mirasBregmanDivergence(
  f: (w: number) => number,
  slope: (w: number) => number,
  weights: Vector,
  previous: Vector,
): number {
  return weights.reduce((total, w, j) => total + f(w) - f(previous[j]!) - slope(previous[j]!) * (w - previous[j]!), 0);
}

/** The minimiser of a convex function of one number on `[low, high]` by golden sections; exact to about 1e-8. */
export function goldenSection(f: (x: number) => number, low: number, high: number): number {
  const share = (Math.sqrt(5) - 1) / 2;
  let left = high - share * (high - low);
  let right = low + share * (high - low);
  let atLeft = f(left);
  let atRight = f(right);
  for (let i = 0; i < 80; i++) {
    if (atLeft < atRight) {
      high = right;
      [right, atRight] = [left, atLeft];
      left = high - share * (high - low);
      atLeft = f(left);
    } else {
      low = left;
      [left, atLeft] = [right, atRight];
      right = low + share * (high - low);
      atRight = f(right);
    }
  }
  return (low + high) / 2;
}

/** Minimises a convex function of a vector by golden sections along one coordinate after the other. */
export function minimiseByCoordinates(f: (x: Vector) => number, start: Vector, reach: number, sweeps: number): Vector {
  const x = start.slice();
  for (let sweep = 0; sweep < sweeps; sweep++) {
    start.forEach((_, i) => {
      const centre = x[i]!;
      x[i] = goldenSection((value) => f(x.with(i, value)), centre - reach, centre + reach);
    });
  }
  return x;
}

/** Minimises a convex function over `{x >= 0, Σx = Σstart}` by moving mass between two entries at a time. */
export function minimiseOnSimplex(f: (x: Vector) => number, start: Vector, sweeps: number): Vector {
  let x = start.slice();
  const moved = (i: number, j: number, mass: number): Vector =>
    x.with(i, Math.max(0, x[i]! + mass)).with(j, Math.max(0, x[j]! - mass));
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let i = 0; i < x.length; i++) {
      for (let j = i + 1; j < x.length; j++) {
        const mass = goldenSection((m) => f(moved(i, j, m)), -x[i]!, x[j]!);
        x = moved(i, j, mass);
      }
    }
  }
  return x;
}

/** The largest value found of `½‖r - s‖²` over `‖s‖ <= radius`, by projected ascent from a given shift. */
export function ascendInBall(residual: Vector, radius: number, start: Vector, steps: number): Vector {
  let shift = start;
  for (let i = 0; i < steps; i++) {
    const moved = subtract(shift, scale(0.5, subtract(residual, shift)));
    const size = Math.sqrt(dot(moved, moved));
    shift = size > radius ? scale(radius / size, moved) : moved;
  }
  return shift;
}
