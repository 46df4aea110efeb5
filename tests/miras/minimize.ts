/** Minimisers in plain numbers that know nothing of the function but its values. */
import type { Vector } from "../oracles/index.ts";

/** Where a unimodal function on an interval is least, by golden section; good to about 1e-8 of the interval, where values stop to differ. */
export function goldenSection(f: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let [c, d] = [b - ratio * (b - a), a + ratio * (b - a)];
  let [atC, atD] = [f(c), f(d)];
  while (b - a > 1e-10) {
    if (atC < atD) {
      [b, d, atD] = [d, c, atC];
      c = b - ratio * (b - a);
      atC = f(c);
    } else {
      [a, c, atC] = [c, d, atD];
      d = a + ratio * (b - a);
      atD = f(d);
    }
  }
  return (a + b) / 2;
}

/** The minimiser of a convex function of a vector, one entry after the other, within `radius` of where each stands. */
export function minimize(f: (x: Vector) => number, start: Vector, { sweeps = 60, radius = 2 } = {}): Vector {
  const x = start.slice();
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const reach = radius * 0.8 ** sweep + 1e-4;
    x.forEach((at, i) => {
      x[i] = goldenSection((value) => f(x.with(i, value)), at - reach, at + reach);
    });
  }
  return x;
}

/** The minimiser of a convex function on a scaled simplex: every pair of entries in turn trades what lowers the function. */
export function minimizeOnSimplex(f: (x: Vector) => number, start: Vector, sweeps = 80): Vector {
  const x = start.slice();
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let i = 0; i < x.length; i++) {
      for (let j = 0; j < i; j++) {
        const traded = (amount: number) => x.with(i, x[i]! + amount).with(j, x[j]! - amount);
        const amount = goldenSection((a) => f(traded(a)), -x[i]!, x[j]!);
        [x[i], x[j]] = [Math.max(0, x[i]! + amount), Math.max(0, x[j]! - amount)];
      }
    }
  }
  return x;
}
