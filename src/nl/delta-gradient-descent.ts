/** Delta gradient descent, and the family of rules that it shares with plain gradient descent. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";

/** One write: the input as key, and the error's gradient at the weights before. */
export interface DeltaWrite {
  /** W_t: [out, in] */
  readonly weights: Tensor;
  /** x_t, of any norm: [in] */
  readonly input: Tensor;
  /** The loss's gradient with respect to the answer $W_t x_t$: [out] */
  readonly outputGradient: Tensor;
  /** eta_t */
  readonly stepSize: TensorLike;
}

/** How well weights answer an input [in] with a value [out]: a scalar. */
export type WriteLoss = (weights: Tensor, input: Tensor, value: Tensor) => Tensor;

/**
 * What delta gradient descent minimises exactly: the distance of the answer from the negative gradient, and the way from the old weights.
 *
 * $$\tfrac12\|W x_t - u_t\|^2 + \frac{1}{2\eta_t}\|W - W_t\|_F^2, \qquad u_t = -\nabla_{y_t}\mathcal L(W_t; x_t)$$
 *
 * @param weights W, where the objective is evaluated: [out, in]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 56, 113
 */
export function deltaDescentObjective(weights: Tensor, write: DeltaWrite): Tensor {
  const past = [{ weights: write.weights, share: 1 }];
  const value = np.negative(write.outputGradient);
  return generalizedObjective(weights, write.input, value, regressionAnswerLoss, proximity(past, write.stepSize));
}

/**
 * The step size that the exact minimum has.
 *
 * $$\eta' = \frac{\eta}{1 + \eta\,\|x\|^2}$$
 *
 * The paper prints $\eta/(1+\eta)$, which holds for inputs of norm one.
 *
 * @param input x: [in]
 * @param stepSize eta
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 57
 */
export function deltaStepSize(input: Tensor, stepSize: TensorLike): Tensor {
  return np.divide(stepSize, np.add(1, np.multiply(stepSize, np.sum(np.square(input)))));
}

/**
 * Delta gradient descent: a gradient step that also erases what the weights answer to the input.
 *
 * $$W_{t+1} = W_t\big(I - \eta'_t x_t x_t^\top\big) - \eta'_t\,\nabla_{y_t}\mathcal L(W_t; x_t) \otimes x_t$$
 *
 * One rank-one update; inputs need no normalisation. It stops where the answer equals the negative gradient, not where the gradient is zero.
 *
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 57
 */
export function deltaDescent({ weights, input, outputGradient, stepSize }: DeltaWrite): Tensor {
  const error = np.add(np.matmul(weights, input), outputGradient);
  return np.subtract(weights, np.multiply(deltaStepSize(input, stepSize), np.outer(error, input)));
}

/**
 * What generalised gradient descent minimises: an inner loss of the answer to the input, and a term that holds on to the past states.
 *
 * $$W_{t+1} = \arg\min_W\ \tilde{\mathcal L}(W; x_t, u_t) + \mathrm{Ret}\big(W, \{W_i\}_{i=t-c+1}^{t}\big)$$
 *
 * With `dotProductAnswerLoss` and `proximity` to the last state it is gradient descent, with `regressionAnswerLoss` delta gradient descent.
 *
 * @param weights W, where the objective is evaluated: [out, in]
 * @param input x_t: [in]
 * @param value u_t, such as `selfGeneratedValue` gives; it stays what it is while W moves: [out]
 * @param loss the inner loss
 * @param retention Ret, of the new weights: a scalar
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 59
 */
export function generalizedObjective(
  weights: Tensor,
  input: Tensor,
  value: Tensor,
  loss: WriteLoss,
  retention: (weights: Tensor) => Tensor,
): Tensor {
  return np.add(loss(weights, input, value), retention(weights));
}

/**
 * The value that weights generate for themselves: the negative gradient of the loss at their own answer.
 *
 * $$u_t = f_{W_t}(x_t) = -\nabla_y\mathcal L\big(y = W_t x_t\big)$$
 *
 * @param weights W_t: [out, in]
 * @param input x_t: [in]
 * @param outputGradient the loss's gradient at an answer [out], same shape
 * @returns [out]
 * @see Nested Learning (arXiv:2512.24695) Eq. 60
 */
export function selfGeneratedValue(weights: Tensor, input: Tensor, outputGradient: (answer: Tensor) => Tensor): Tensor {
  return np.negative(outputGradient(np.matmul(weights, input)));
}

/**
 * The inner loss $-\langle W x, u\rangle$.
 *
 * @param weights W: [out, in]
 * @param input x: [in]
 * @param value u: [out]
 * @returns []
 */
export function dotProductAnswerLoss(weights: Tensor, input: Tensor, value: Tensor): Tensor {
  return np.negative(np.sum(np.multiply(np.matmul(weights, input), value)));
}

/**
 * The inner loss $\tfrac12\|W x - u\|^2$.
 *
 * @param weights W: [out, in]
 * @param input x: [in]
 * @param value u: [out]
 * @returns []
 */
export function regressionAnswerLoss(weights: Tensor, input: Tensor, value: Tensor): Tensor {
  return np.multiply(0.5, np.sum(np.square(np.subtract(np.matmul(weights, input), value))));
}

/**
 * Retention by distance: $\frac{1}{2\eta}\sum_i \rho_i\,\|W - \alpha W_i\|_F^2$.
 *
 * @param past states W_i: [out, in] each, with their shares rho_i
 * @param stepSize eta
 * @param retain alpha, 1 by default
 */
export function proximity(
  past: readonly { readonly weights: Tensor; readonly share: number }[],
  stepSize: TensorLike,
  retain: TensorLike = 1,
): (weights: Tensor) => Tensor {
  return (weights) => {
    const distances = past.map(({ weights: state, share }) =>
      np.multiply(share, np.sum(np.square(np.subtract(weights, np.multiply(retain, state))))),
    );
    return np.divide(
      distances.reduce((sum, distance) => np.add(sum, distance)),
      np.multiply(2, stepSize),
    );
  };
}

/**
 * Delta gradient descent that also forgets: the regression loss, with retention of faded weights.
 *
 * $$W_{t+1} = \alpha\,W_t\big(I - \eta' x x^\top\big) + \eta'\,u\,x^\top$$
 *
 * @param retain alpha: 1 keeps, as `deltaDescent` does
 * @returns W_{t+1}: [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 59
 */
export function gatedDeltaDescent(write: DeltaWrite, retain: TensorLike): Tensor {
  return deltaDescent({ ...write, weights: np.multiply(retain, write.weights) });
}
