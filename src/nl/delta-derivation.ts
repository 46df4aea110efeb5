/** How delta gradient descent follows from its objective, line by line, with signs and norms as they must be. */
import { np, type Tensor } from "../array/index.ts";
import type { DeltaWrite } from "./delta-gradient-descent.ts";

/** A linear equation for the new weights, $W_{t+1} A = B$. */
export type NormalEquation = { readonly matrix: Tensor; readonly right: Tensor };

/**
 * The objective's gradient at weights that should be its minimum: zero if they are.
 *
 * $$(W_{t+1} x - u)\,x^\top + \frac{1}{\eta}\,(W_{t+1} - W_t), \qquad u = -\nabla_y\mathcal L(W_t; x)$$
 *
 * The paper has the opposite sign of u, and eta where 1/eta belongs, here and in the lines that follow.
 *
 * @param next W_{t+1}: [out, in]
 * @returns [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 114
 */
export function stationarityResidual(next: Tensor, write: DeltaWrite): Tensor {
  const error = np.add(np.matmul(next, write.input), write.outputGradient);
  return np.add(np.outer(error, write.input), np.divide(np.subtract(next, write.weights), write.stepSize));
}

/**
 * The same with the unknown collected on the left.
 *
 * $$W_{t+1}\Big(x x^\top + \frac1\eta I\Big) = u\,x^\top + \frac1\eta W_t$$
 *
 * @returns the matrix [in, in] and the right side [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 115
 */
export function normalEquation({ weights, input, outputGradient, stepSize }: DeltaWrite): NormalEquation {
  const identity = np.identity(input.shape[0]!, { dtype: input.dtype });
  return {
    matrix: np.add(np.outer(input, input), np.divide(identity, stepSize)),
    right: np.subtract(np.divide(weights, stepSize), np.outer(outputGradient, input)),
  };
}

/**
 * The new weights by solving the linear equation.
 *
 * $$W_{t+1} = \Big(u\,x^\top + \frac1\eta W_t\Big)\Big(x x^\top + \frac1\eta I\Big)^{-1}$$
 *
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 116
 */
export function solvedDeltaDescent(write: DeltaWrite): Tensor {
  const { matrix, right } = normalEquation(write);
  return np.swapaxes(np.linalg.solve(matrix, np.swapaxes(right, 0, 1)), 0, 1);
}

/**
 * The inverse of a rank-one matrix plus a multiple of the identity (Sherman and Morrison).
 *
 * $$\big(x x^\top + c I\big)^{-1} = \frac1c\Big(I - \frac{1}{\lambda^2 + c}\,x x^\top\Big), \qquad \lambda = \|x\|$$
 *
 * @param input x: [in]
 * @param ridge c, []: 1/eta
 * @returns [in, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 117
 */
export function shermanMorrison(input: Tensor, ridge: Tensor): Tensor {
  const outer = np.divide(np.outer(input, input), np.add(squaredLength(input), ridge));
  return np.divide(np.subtract(np.identity(input.shape[0]!, { dtype: input.dtype }), outer), ridge);
}

/**
 * The new weights with that inverse multiplied out.
 *
 * $$W_t\Big(I - \frac{1}{\lambda^2+c}\,x x^\top\Big) + \frac1c\,u\,x^\top - \frac{\lambda^2}{c\,(\lambda^2+c)}\,u\,x^\top$$
 *
 * The paper has lambda where $x^\top x = \lambda^2$ belongs.
 *
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 118-119
 */
export function expandedDeltaDescent({ weights, input, outputGradient, stepSize }: DeltaWrite): Tensor {
  const ridge = np.divide(1, stepSize);
  const length = squaredLength(input);
  const total = np.add(length, ridge);
  const written = np.negative(np.outer(outputGradient, input));
  const erased = np.divide(np.outer(np.matmul(weights, input), input), total);
  const first = np.divide(written, ridge);
  const second = np.multiply(np.divide(length, np.multiply(ridge, total)), written);
  return np.subtract(np.add(np.subtract(weights, erased), first), second);
}

/**
 * The new weights with both writes collected.
 *
 * $$W_t\big(I - \alpha\,x x^\top\big) + \alpha\,u\,x^\top, \qquad \alpha = \frac{1}{\lambda^2 + 1/\eta}$$
 *
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 120
 */
export function collectedDeltaDescent(write: DeltaWrite): Tensor {
  const { weights, input, outputGradient } = write;
  const coefficient = deltaCoefficient(write);
  const kept = np.subtract(
    np.identity(input.shape[0]!, { dtype: input.dtype }),
    np.multiply(coefficient, np.outer(input, input)),
  );
  const value = np.negative(outputGradient);
  return np.add(np.matmul(weights, kept), np.multiply(coefficient, np.outer(value, input)));
}

/**
 * The result in terms of the loss's gradient: erasure and write have one coefficient, and the step descends.
 *
 * $$W_t\big(I - \alpha\,x x^\top\big) - \beta\,\nabla_y\mathcal L(W_t; x)\,x^\top, \qquad \alpha = \beta = \frac{1}{\lambda^2 + 1/\eta}$$
 *
 * The paper's beta differs from its alpha, and with lambda squared becomes -alpha: a step uphill.
 *
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 121
 */
export function derivedDeltaDescent(write: DeltaWrite): Tensor {
  const { weights, input, outputGradient } = write;
  const coefficient = deltaCoefficient(write);
  const erased = np.multiply(coefficient, np.outer(np.matmul(weights, input), input));
  return np.subtract(np.subtract(weights, erased), np.multiply(coefficient, np.outer(outputGradient, input)));
}

function deltaCoefficient({ input, stepSize }: DeltaWrite): Tensor {
  return np.divide(1, np.add(squaredLength(input), np.divide(1, stepSize)));
}

function squaredLength(x: Tensor): Tensor {
  return np.sum(np.square(x));
}
