/** The minimum of a function that is quadratic, found from its values alone. */
import { inverse } from "./linear-solve.ts";
import { matVec, scale, type Vector, zeroVector } from "./matrix.ts";
import { flatten, unflatten } from "./tree.ts";

/**
 * The point where a quadratic function of a nested object of numbers is smallest.
 *
 * Gradient and Hessian at zero are differences of values with steps of one, which are exact for a quadratic:
 * $$H_{ij} = f(e_i+e_j)-f(e_i)-f(e_j)+f(0), \qquad g_i = f(e_i)-f(0)-\tfrac12H_{ii}, \qquad x=-H^{-1}g$$
 *
 * @param like has the structure of the argument
 */
export function quadraticMinimum<T>(f: (x: T) => number, like: T): T {
  const n = flatten(like).length;
  const value = (...axes: number[]): number => {
    const x = zeroVector(n);
    for (const axis of axes) x[axis]! += 1;
    return f(unflatten(x, like));
  };
  const origin = value();
  const along = Array.from({ length: n }, (_, i) => value(i));
  const hessian = along.map((fi, i) => along.map((fj, j) => value(i, j) - fi - fj + origin));
  const gradient: Vector = along.map((fi, i) => fi - origin - hessian[i]![i]! / 2);
  return unflatten(scale(-1, matVec(inverse(hessian), gradient)), like);
}
