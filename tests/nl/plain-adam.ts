/** Adam in plain numbers, as it was published (Kingma and Ba, arXiv:1412.6980, Algorithm 1). */
import { combine, flatten, type Matrix, unflatten, zerosLike } from "../oracles/index.ts";

/** The weights after each of some steps; the gradient is asked for with the step's number from 0. */
export function adam(
  start: Matrix,
  steps: number,
  gradientAt: (weights: Matrix, step: number) => Matrix,
  { beta1, beta2, epsilon, rate }: { beta1: number; beta2: number; epsilon: number; rate: number },
): Matrix[] {
  let [w, m, v] = [start, zerosLike(start), zerosLike(start)];
  return Array.from({ length: steps }, (_, t) => {
    const g = gradientAt(w, t);
    const squares = g.map((row) => row.map((entry) => entry * entry));
    m = combine(beta1, m, 1 - beta1, g);
    v = combine(beta2, v, 1 - beta2, squares);
    const sizes = flatten(v).map((entry) => Math.sqrt(entry / (1 - beta2 ** (t + 1))) + epsilon);
    const directions = flatten(m).map((entry, i) => entry / (1 - beta1 ** (t + 1)) / sizes[i]!);
    w = combine(1, w, -rate, unflatten(directions, w));
    return w;
  });
}
