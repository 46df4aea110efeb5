/** AdaGrad with a full matrix as a memory: a regression from whole gradients to a target. For few weights: it decomposes matrices, outside of compiled programs. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

/** What the memory accumulates of gradients with n numbers; zero at first. */
export type MatrixMemory = {
  /** M: the targets' sum times the gradients, [p, n]. */
  readonly targetSum: Tensor;
  /** The paper's $\tilde M$: the gradients' sum, [n]. */
  readonly sum: Tensor;
  /** H: the sum of their outer products, [n, n]. */
  readonly squares: Tensor;
};

/** How gradients are taken in. */
export interface MatrixGates {
  /** beta_1: weight of a gradient in its sums. */
  readonly sumWeight: TensorLike;
  /** beta_2: weight of its outer product. */
  readonly squareWeight: TensorLike;
  /** How much of the gradients' sum is kept: 1 as printed, 0 for AdaGrad, between for AdaGrad with momentum. */
  readonly sumKeep?: TensorLike;
}

/**
 * How badly a matrix turns each gradient into a common target.
 *
 * $$\sum_i \|m\,g_i - P\|^2 + \lambda\,\|m\|_F^2$$
 *
 * @param memory m, where the objective is evaluated: [p, n]; one row is the reading with a single number as target
 * @param gradients g_1, ..., g_t: [t, n]
 * @param target P: [p]
 * @param ridge lambda
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 106
 */
export function matrixMemoryObjective(memory: Tensor, gradients: Tensor, target: Tensor, ridge: TensorLike): Tensor {
  const errors = np.subtract(np.matmul(gradients, np.swapaxes(memory, 0, 1)), target);
  return np.add(np.sum(np.square(errors)), np.multiply(ridge, np.sum(np.square(memory))));
}

/**
 * The sums after one more gradient.
 *
 * $$M_{i+1} = M_i + \beta_1 P\,g_{i+1}^\top, \qquad \tilde M_{i+1} = \tilde M_i + \beta_1 g_{i+1}, \qquad H_{i+1} = H_i + \beta_2\,g_{i+1} g_{i+1}^\top$$
 *
 * The paper accumulates M where the second formula must have itself.
 *
 * @param gradient g: [n]
 * @param target P: [p]
 * @see Nested Learning (arXiv:2512.24695) Eq. 108-110
 */
export function matrixMemoryUpdate(
  memory: MatrixMemory,
  gradient: Tensor,
  target: Tensor,
  { sumWeight, squareWeight, sumKeep = 1 }: MatrixGates,
): MatrixMemory {
  return {
    targetSum: np.add(memory.targetSum, np.multiply(sumWeight, np.outer(target, gradient))),
    sum: np.add(np.multiply(sumKeep, memory.sum), np.multiply(sumWeight, gradient)),
    squares: np.add(memory.squares, np.multiply(squareWeight, np.outer(gradient, gradient))),
  };
}

/**
 * The best vector for a number as target, with which the paper then lets a matrix stand for the number.
 *
 * $$m^* = (H + \lambda I)^{-1} P\,\tilde M$$
 *
 * With a number P it is the exact minimum of `matrixMemoryObjective` with one row (for beta_1 = beta_2 = 1).
 *
 * @param target P: a number, or a matrix [n, n]
 * @param ridge lambda
 * @returns [n]
 * @see Nested Learning (arXiv:2512.24695) Eq. 107
 */
export function matrixMemoryOptimum({ sum, squares }: MatrixMemory, target: Tensor, ridge: TensorLike): Tensor {
  const scaled = target.ndim === 0 ? np.multiply(target, sum) : np.matmul(target, sum);
  return np.reshape(np.linalg.solve(ridged(squares, ridge), np.reshape(scaled, [-1, 1])), [-1]);
}

/**
 * The best matrix for a vector as target: the other reading under which the shapes close, with the inverse on the right.
 *
 * $$m^* = M\,(H + \lambda I)^{-1}$$
 *
 * The exact minimum of `matrixMemoryObjective` for beta_1 = beta_2 = 1.
 *
 * @param ridge lambda
 * @returns [p, n]
 * @see Nested Learning (arXiv:2512.24695) Eq. 107
 */
export function vectorTargetOptimum({ targetSum, squares }: MatrixMemory, ridge: TensorLike): Tensor {
  return np.swapaxes(np.linalg.solve(ridged(squares, ridge), np.swapaxes(targetSum, 0, 1)), 0, 1);
}

/**
 * AdaGrad with a full matrix: the root of all outer products as target.
 *
 * $$P = (H/\beta_2)^{1/2}: \qquad W_{i+1} = W_i - \frac{\eta}{\sqrt{\beta_2}}\,H_i^{-1/2}\,\tilde M_i$$
 *
 * Directions that no gradient ever had do not move. The paper takes AdaGrad to be beta_1 = 1; it is the memory whose sum keeps nothing (`sumKeep` 0), so
 * that the numerator is the latest gradient.
 *
 * @param weights W_i, of n numbers in any shape
 * @param squareWeight beta_2
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 111
 */
export function matrixAdaGradStep(
  weights: Tensor,
  { sum, squares }: MatrixMemory,
  squareWeight: TensorLike,
  stepSize: TensorLike,
): Tensor {
  const direction = np.reshape(np.matmul(inverseRoot(squares), sum), [...weights.shape]);
  return np.subtract(weights, np.multiply(np.divide(stepSize, np.sqrt(squareWeight)), direction));
}

/**
 * The inverse of the root of a symmetric positive semidefinite matrix, on its range: $H^{-1/2}$.
 *
 * @param matrix H: [n, n]
 * @param floor eigenvalues below this share of the largest one count as zero; 1e-12 by default
 * @returns [n, n]
 */
export function inverseRoot(matrix: Tensor, floor = 1e-12): Tensor {
  const [values, vectors] = np.linalg.eigh(matrix) as unknown as [Tensor, Tensor];
  const isNull = np.lessEqual(values, np.multiply(floor, np.max(values)));
  const inverse = np.where(
    isNull,
    np.zerosLike(values),
    np.divide(1, np.sqrt(np.where(isNull, np.onesLike(values), values))),
  );
  return np.matmul(np.multiply(vectors, inverse), np.swapaxes(vectors, 0, 1));
}

function ridged(matrix: Tensor, ridge: TensorLike): Tensor {
  return np.add(matrix, np.multiply(ridge, np.identity(matrix.shape[0]!, { dtype: matrix.dtype })));
}
