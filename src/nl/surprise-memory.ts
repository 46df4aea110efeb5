/** A layer in training as an associative memory: each step stores, under the input, how surprising the answer was. */
import { grad, np, type Tensor, type TensorLike } from "../array/index.ts";
import { applied, outerProduct, squaredDistance } from "./linear-maps.ts";

/**
 * The local surprise signal: the gradient of the loss with respect to a linear layer's output.
 *
 * $$u = \nabla_y\,\mathcal L(W; x) = \frac{\partial\mathcal L}{\partial y}\Big|_{y = Wx}$$
 *
 * @param weights W: [..., out, in]
 * @param input x: [..., in]
 * @param loss of an output [..., out], a scalar
 * @returns [..., out]
 * @see Nested Learning (arXiv:2512.24695) Eq. 8
 */
export function outputSurprise(weights: Tensor, input: Tensor, loss: (output: Tensor) => Tensor): Tensor {
  return grad(loss)(applied(weights, input));
}

/**
 * A training step of a linear layer, written as what it stores: the surprise, under the input.
 *
 * $$W_{t+1} = W_t - \eta\,\nabla_y\mathcal L(W_t; x_{t+1}) \otimes x_{t+1}$$
 *
 * @param weights W_t: [..., out, in]
 * @param input x_{t+1}: [..., in]
 * @param surprise u, made at W_t, such as `outputSurprise` gives: [..., out]
 * @param stepSize eta: a number, or broadcasting to the weights
 * @returns W_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 8-9
 */
export function surpriseDescent(weights: Tensor, input: Tensor, surprise: Tensor, stepSize: TensorLike): Tensor {
  return np.subtract(weights, np.multiply(stepSize, outerProduct(surprise, input)));
}

/**
 * What that step minimises: the agreement of the answer with the surprise, and the way from the old weights.
 *
 * $$\langle W x_{t+1}, u_{t+1}\rangle + \frac{1}{2\eta}\|W - W_t\|_F^2, \qquad u_{t+1} = \nabla_y\mathcal L(W_t; x_{t+1})$$
 *
 * The surprise is a constant: computed anew while W moves, it would give the implicit step of `implicitObjective`. The second form in print has x_t where
 * x_{t+1} is meant. In a nested system of associative memories every memory's step is this one; printed there with a minus, which ascends.
 *
 * @param weights W, where the objective is evaluated: [..., out, in]
 * @param before W_t: [..., out, in]
 * @param input x_{t+1}, the key: [..., in]
 * @param surprise u_{t+1}: [..., out]
 * @param stepSize eta
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 9, 20
 */
export function surpriseObjective(
  weights: Tensor,
  before: Tensor,
  input: Tensor,
  surprise: Tensor,
  stepSize: TensorLike,
): Tensor {
  const agreement = np.sum(np.multiply(applied(weights, input), surprise));
  return np.add(agreement, np.divide(np.multiply(0.5, squaredDistance(weights, before)), stepSize));
}
