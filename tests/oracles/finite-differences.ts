/** Gradients of scalar functions by central differences. */

import type { Vector } from "./matrix.ts";
import { flatten, unflatten } from "./tree.ts";

export interface DifferenceOptions {
  /** Step relative to `max(1, |x_i|)`; default 1e-5, with Richardson 1e-3. */
  step?: number;
  /** Combine steps h and h/2 so that the h² error term cancels. */
  richardson?: boolean;
}

/**
 * Central difference gradient of a scalar function of a flat vector.
 *
 * $$D_h = \frac{f(x+h)-f(x-h)}{2h}, \qquad \text{Richardson: } \frac{4 D_{h/2} - D_h}{3}$$
 */
export function centralGradient(f: (x: Vector) => number, x: Vector, options: DifferenceOptions = {}): Vector {
  const richardson = options.richardson ?? false;
  const relativeStep = options.step ?? (richardson ? 1e-3 : 1e-5);
  return x.map((value, i) => {
    const difference = (step: number): number => {
      const shifted = x.slice();
      shifted[i] = value + step;
      const above = f(shifted);
      shifted[i] = value - step;
      return (above - f(shifted)) / (2 * step);
    };
    const step = relativeStep * Math.max(1, Math.abs(value));
    return richardson ? (4 * difference(step / 2) - difference(step)) / 3 : difference(step);
  });
}

/** `centralGradient` over every number of a nested object or array; the result has the tree's structure. */
export function centralGradientTree<T>(f: (tree: T) => number, tree: T, options: DifferenceOptions = {}): T {
  return unflatten(
    centralGradient((flat) => f(unflatten(flat, tree)), flatten(tree), options),
    tree,
  );
}
