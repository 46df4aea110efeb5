/** Preconditioning as a memory: a map between gradients as they are and gradients as we want them. */
import { grad, np, type Tensor, type TensorLike } from "../array/index.ts";

/** How badly a preconditioner's answer fits the gradient it should give back: a scalar. */
export type PreconditionerLoss = (answer: Tensor, gradient: Tensor) => Tensor;

/**
 * Gradient descent in the metric of a positive definite matrix.
 *
 * $$W_{t+1} = W_t - \eta\,P^{-1} g$$
 *
 * The inverse is never formed: a linear system is solved, outside of compiled programs of the native engine.
 *
 * @param weights W_t, of n numbers in any shape
 * @param gradient g, same shape
 * @param preconditioner P: [n, n]
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 38
 */
export function matrixPreconditionedDescent(
  weights: Tensor,
  gradient: Tensor,
  preconditioner: Tensor,
  stepSize: TensorLike,
): Tensor {
  const solve = (g: Tensor) => np.reshape(np.linalg.solve(preconditioner, np.reshape(g, [-1, 1])), [...g.shape]);
  return preconditionedDescent(weights, gradient, solve, stepSize);
}

/**
 * Gradient descent along a gradient's image under the inverse of any invertible map.
 *
 * $$W_{t+1} = W_t - \eta\,P^{-1}(g)$$
 *
 * @param weights W_t, of any shape
 * @param gradient g, same shape
 * @param inverse P^{-1}: from a gradient to one in our coordinates, same shape
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 39
 */
export function preconditionedDescent(
  weights: Tensor,
  gradient: Tensor,
  inverse: (gradient: Tensor) => Tensor,
  stepSize: TensorLike,
): Tensor {
  return np.subtract(weights, np.multiply(stepSize, inverse(gradient)));
}

/**
 * What a preconditioner is trained on: giving raw gradients back for transformed ones.
 *
 * $$\tilde{\mathcal L}\big(P(\hat g);\,g\big), \qquad \text{by default } \tfrac12\|P\hat g - g\|^2$$
 *
 * @param preconditioner P: [n, n]
 * @param transformed the key, gradients in our coordinates: [..., n]
 * @param gradient the value, raw gradients: [..., n]
 * @param loss of P's answers and the gradients, summed over leading axes
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 40
 */
export function preconditionerObjective(
  preconditioner: Tensor,
  transformed: Tensor,
  gradient: Tensor,
  loss: PreconditionerLoss = halfSquaredDistance,
): Tensor {
  return loss(np.matmul(transformed, np.swapaxes(preconditioner, -1, -2)), gradient);
}

/**
 * A preconditioner after one more gradient.
 *
 * $$P_{t+1} = P_t - \zeta\,\nabla_P\,\tilde{\mathcal L}\big(P_t(\hat g);\,g\big)$$
 *
 * Printed with P_{t+1} on the right and the gradient as key; with that key the map would learn the inverse of what Eq. 39 inverts. Start at the identity.
 *
 * @param preconditioner P_t: [n, n]
 * @param transformed the key: [..., n]
 * @param gradient the value: [..., n]
 * @param stepSize zeta, less than $2/\|\hat g\|^2$ for the squared loss
 * @returns P_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 41
 */
export function preconditionerStep(
  preconditioner: Tensor,
  transformed: Tensor,
  gradient: Tensor,
  stepSize: TensorLike,
  loss: PreconditionerLoss = halfSquaredDistance,
): Tensor {
  const pull = grad((p: Tensor) => preconditionerObjective(p, transformed, gradient, loss))(preconditioner);
  return np.subtract(preconditioner, np.multiply(stepSize, pull));
}

function halfSquaredDistance(answer: Tensor, gradient: Tensor): Tensor {
  return np.multiply(0.5, np.sum(np.square(np.subtract(answer, gradient))));
}
