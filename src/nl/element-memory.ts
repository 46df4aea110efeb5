/** Adam as a memory: a regression from each weight's gradients to a target, one number a weight. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

/** What the memory accumulates, shaped like the weights; zero at first. */
export type ElementMemory = {
  /** The paper's $\tilde M$: the gradients' sum. */
  readonly sum: Tensor;
  /** H: the sum of their squares. */
  readonly squares: Tensor;
};

/** How one of the sums takes in a term: `keep` times itself plus `write` times the term. */
export interface SumGates {
  readonly keep: TensorLike;
  readonly write: TensorLike;
}

/** The gates of both sums. */
export interface ElementGates {
  readonly sum: SumGates;
  readonly squares: SumGates;
}

/**
 * Gates of plain sums, as the paper has them.
 *
 * @param beta1 weight of gradients
 * @param beta2 weight of squares
 */
export function summing(beta1: number, beta2: number): ElementGates {
  return { sum: { keep: 1, write: beta1 }, squares: { keep: 1, write: beta2 } };
}

/** Gates of moving averages, as Adam has them: beta of what is there, 1 - beta of what comes. */
export function averaging(beta1: number, beta2: number): ElementGates {
  return { sum: { keep: beta1, write: 1 - beta1 }, squares: { keep: beta2, write: 1 - beta2 } };
}

/**
 * How badly one factor a weight turns each gradient into a common target.
 *
 * $$\sum_i \rho_i\,\|m \odot g_i - P\|^2 + \lambda\,\|m\|^2$$
 *
 * The paper has rho = 1. Adam needs $\rho_i = \beta^{t-i}$. The gradients are those of the loss, not their negatives as in print: m is subtracted.
 *
 * @param memory m, where the objective is evaluated, of any shape
 * @param gradients g_1, ..., g_t, same shape each
 * @param target P, same shape
 * @param ridge lambda
 * @param shares rho_1, ..., rho_t; ones by default
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 101
 */
export function elementMemoryObjective(
  memory: Tensor,
  gradients: readonly Tensor[],
  target: Tensor,
  ridge: TensorLike,
  shares: readonly number[] = gradients.map(() => 1),
): Tensor {
  const losses = gradients.map((gradient, i) =>
    np.multiply(shares[i]!, np.sum(np.square(np.subtract(np.multiply(memory, gradient), target)))),
  );
  const size = np.multiply(ridge, np.sum(np.square(memory)));
  return losses.reduce((sum, loss) => np.add(sum, loss), size);
}

/**
 * The sums after one more gradient.
 *
 * $$\tilde M_{i+1} = \tilde M_i + \beta_1 g_{i+1}, \qquad H_{i+1} = H_i + \beta_2 g_{i+1}^2$$
 *
 * The paper prints $M_i$ for $\tilde M_i$ on the right. Each gradient is written once, and both sums move at the same rate: they are one level.
 *
 * @param gradient g: any shape, which the memory's sums share
 * @param gates `summing` as printed, or `averaging`
 * @see Nested Learning (arXiv:2512.24695) Eq. 102
 */
export function elementMemoryUpdate(memory: ElementMemory, gradient: Tensor, gates: ElementGates): ElementMemory {
  return {
    sum: accumulated(memory.sum, gradient, gates.sum),
    squares: accumulated(memory.squares, np.square(gradient), gates.squares),
  };
}

/**
 * The best factors for a target.
 *
 * $$m^* = (H + \lambda)^{-1} \odot \tilde M \odot P$$
 *
 * The exact minimum of `elementMemoryObjective` for beta_1 = beta_2 = 1; otherwise beta_1/beta_2 times the minimum with the ridge lambda/beta_2. A weight
 * that never had a gradient has the factor 0.
 *
 * @param target P, in the shape of the weights and of the memory's sums
 * @param ridge lambda
 * @returns m*, same shape
 * @see Nested Learning (arXiv:2512.24695) Eq. 102
 */
export function elementMemoryOptimum({ sum, squares }: ElementMemory, target: Tensor, ridge: TensorLike): Tensor {
  return quotient(np.multiply(sum, target), np.add(squares, ridge));
}

/**
 * Weights moved against the best factors.
 *
 * $$W_{i+1} = W_i - \eta\,(H_i + \lambda)^{-1} \odot \tilde M_i \odot P_i$$
 *
 * @param weights W_i, of any shape
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 103
 */
export function elementMemoryStep(
  weights: Tensor,
  memory: ElementMemory,
  target: Tensor,
  ridge: TensorLike,
  stepSize: TensorLike,
): Tensor {
  return np.subtract(weights, np.multiply(stepSize, elementMemoryOptimum(memory, target, ridge)));
}

/**
 * That step with the sum of squares as target and no ridge: momentum that never forgets.
 *
 * $$P = \textstyle\sum_i g_i^2 = H/\beta_2: \qquad W_{i+1} = W_i - \frac{\eta}{\beta_2}\,\tilde M_i$$
 *
 * The paper's factor is $\eta\beta_2$. A weight that never had a gradient has the sum 0 and stays.
 *
 * @param weights W: any shape, which the memory's sums share
 * @param squareWeight beta_2
 * @returns new weights, same shape
 * @see Nested Learning (arXiv:2512.24695) Eq. 104
 */
export function squareTargetStep(
  weights: Tensor,
  memory: ElementMemory,
  squareWeight: TensorLike,
  stepSize: TensorLike,
): Tensor {
  return np.subtract(weights, np.multiply(np.divide(stepSize, squareWeight), memory.sum));
}

/**
 * That step with the root of the sum of squares as target: the scaling of AdaGrad and Adam.
 *
 * $$P = \sqrt{\textstyle\sum_i g_i^2} = \sqrt{H/\beta_2}: \qquad W_{i+1} = W_i - \frac{\eta}{\sqrt{\beta_2}}\,\frac{\tilde M_i}{\sqrt{H_i} + \epsilon}$$
 *
 * With plain sums this is no Adam. With `averaging` gates and `squareWeight` 1 it is Adam without bias correction; one weighted objective stands behind
 * that only where beta_1 = beta_2, otherwise Adam combines two memories.
 *
 * @param weights W: any shape, which the memory's sums share
 * @param squareWeight beta_2 for plain sums, 1 for averages
 * @param epsilon 0 is exact; a weight that never had a gradient stays
 * @see Nested Learning (arXiv:2512.24695) Eq. 105
 */
export function rootTargetStep(
  weights: Tensor,
  { sum, squares }: ElementMemory,
  squareWeight: TensorLike,
  stepSize: TensorLike,
  epsilon: TensorLike = 0,
): Tensor {
  const direction = quotient(sum, np.add(np.sqrt(squares), epsilon));
  return np.subtract(weights, np.multiply(np.divide(stepSize, np.sqrt(squareWeight)), direction));
}

function accumulated(sum: Tensor, term: Tensor, { keep, write }: SumGates): Tensor {
  return np.add(np.multiply(keep, sum), np.multiply(write, term));
}

/** 0 where the divisor is 0. */
function quotient(dividend: Tensor, divisor: Tensor): Tensor {
  const isZero = np.equal(divisor, 0);
  return np.where(isZero, np.zerosLike(dividend), np.divide(dividend, np.where(isZero, np.onesLike(divisor), divisor)));
}
