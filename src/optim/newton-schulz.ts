/** Orthogonalisation by matrix products alone. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";

/** The polynomials that a step may apply to the singular values: `quintic` is fast and ends near one, `cubic` is slow and converges to one. */
export const newtonSchulzIterations = ["quintic", "cubic"] as const;
/** One of `newtonSchulzIterations`. */
export type NewtonSchulzIteration = (typeof newtonSchulzIterations)[number];

/** Coefficients of the quintic iteration of Jordan et al. (Muon, 2024): steepest at 0, so that small singular values grow fast. */
const [LINEAR, CUBIC, QUINTIC] = [3.4445, -4.775, 2.0315];

/** Keeps the division differentiable for a matrix of zeros, which stays one. */
const SMALLEST_SQUARED_NORM = 1e-24;

/**
 * A matrix with nearly the same singular vectors and all singular values near one, without a decomposition.
 *
 * $$X_0 = \frac{G}{\|G\|_F}, \qquad A = X X^\top, \qquad X \leftarrow 3.4445\,X + (-4.775\,A + 2.0315\,A^2)\,X$$
 *
 * After five steps the singular values that were above 0.2 % of the norm lie between 0.68 and 1.21; smaller ones are on their way. The cubic iteration,
 * $X \leftarrow \tfrac32 X - \tfrac12 A X$, converges to the polar factor $UV^\top$ itself, but multiplies small singular values by only 1.5 a step.
 * A matrix with more rows than columns is transposed first, which gives the same result with smaller products. Zero stays zero.
 *
 * @param matrix G: [..., rows, columns]
 * @param steps how often the iteration is applied; 5 by default
 * @param iteration `quintic` by default
 * @returns [..., rows, columns]
 * @throws ConfigError if there is no such iteration
 */
export function newtonSchulz(matrix: Tensor, steps = 5, iteration: NewtonSchulzIteration = "quintic"): Tensor {
  if (!newtonSchulzIterations.includes(iteration))
    throw new ConfigError(unknownName("Newton-Schulz iteration", iteration, newtonSchulzIterations));
  const isTall = matrix.shape.at(-2)! > matrix.shape.at(-1)!;
  const squaredNorm = np.sum(np.square(matrix), [-2, -1], { keepdims: true });
  const unit = np.divide(matrix, np.sqrt(np.maximum(squaredNorm, SMALLEST_SQUARED_NORM)));
  let x = isTall ? transposed(unit) : unit;
  const polynomial = iteration === "quintic" ? quinticStep : cubicStep;
  for (let step = 0; step < steps; step++) x = polynomial(x);
  return isTall ? transposed(x) : x;
}

function quinticStep(x: Tensor): Tensor {
  const gram = np.matmul(x, transposed(x));
  const bend = np.add(np.multiply(gram, CUBIC), np.multiply(np.matmul(gram, gram), QUINTIC));
  return np.add(np.multiply(x, LINEAR), np.matmul(bend, x));
}

function cubicStep(x: Tensor): Tensor {
  const gram = np.matmul(x, transposed(x));
  return np.subtract(np.multiply(x, 1.5), np.multiply(np.matmul(gram, x), 0.5));
}

function transposed(x: Tensor): Tensor {
  return np.swapaxes(x, -1, -2);
}
