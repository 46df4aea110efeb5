/** Momentum as a memory of gradients: what its update minimises, and what it becomes with another objective. */
import { grad, np, type Tensor, type TensorLike } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { type BackpropagationPair, weightGradient } from "./backpropagation.ts";

/** How a memory takes in one more gradient. */
export interface MomentumGates {
  /** The paper's alpha: 1 keeps all of what is there. */
  readonly retain: TensorLike;
  /** The paper's eta. */
  readonly stepSize: TensorLike;
}

/** What a momentum is trained on: how badly it answers a key [..., in] with a value [..., out]; a scalar. */
export type InnerLoss = (momentum: Tensor, key: Tensor, value: Tensor) => Tensor;

/**
 * Momentum that forgets; its sum with the weights are the next weights.
 *
 * $$W_{t+1} = W_t + m_{t+1}, \qquad m_{t+1} = \alpha\,m_t - \eta\,\nabla\mathcal L(W_t; x_{t+1})$$
 *
 * It is no average: under a constant gradient g it grows to $-\eta g/(1-\alpha)$. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param momentum m_t, shaped like the weights; 0 at first
 * @param gradient the loss's gradient at W_t, same shape
 * @returns m_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 33, 100
 */
export function decayedMomentum(momentum: Tensor, gradient: Tensor, { retain, stepSize }: MomentumGates): Tensor {
  return np.subtract(np.multiply(retain, momentum), np.multiply(stepSize, gradient));
}

/**
 * What momentum minimises by one gradient step of size eta: its agreement with the error, and its own size where it forgets.
 *
 * $$\langle m\,\hat x, \delta\rangle + \frac{1-\alpha}{2\eta}\|m\|_F^2$$
 *
 * The paper prints the first term, which is all of it at alpha = 1. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param momentum m: [out, in]
 * @param pair input [..., in] and error [..., out], summed over leading axes
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 34
 */
export function momentumObjective(momentum: Tensor, pair: BackpropagationPair, gates: MomentumGates): Tensor {
  const agreement = dotProductInnerLoss(momentum, pair.input, np.negative(pair.error));
  const forgotten = np.divide(np.subtract(1, gates.retain), np.multiply(2, gates.stepSize));
  return np.add(agreement, np.multiply(forgotten, np.sum(np.square(momentum))));
}

/**
 * The inner loss $-\langle m k, v\rangle$, summed over leading axes: plain momentum's.
 *
 * @param momentum m: [..., out, in]
 * @param key k: [..., in]
 * @param value v: [..., out]
 * @returns []
 */
export function dotProductInnerLoss(momentum: Tensor, key: Tensor, value: Tensor): Tensor {
  return np.negative(np.sum(np.multiply(np.matmul(key, np.swapaxes(momentum, -1, -2)), value)));
}

/**
 * The inner loss $\tfrac12\|m k - v\|^2$, summed over leading axes: that of the delta rule.
 *
 * @param momentum m: [..., out, in]
 * @param key k: [..., in]
 * @param value v: [..., out]
 * @returns []
 */
export function regressionInnerLoss(momentum: Tensor, key: Tensor, value: Tensor): Tensor {
  const error = np.subtract(np.matmul(key, np.swapaxes(momentum, -1, -2)), value);
  return np.multiply(0.5, np.sum(np.square(error)));
}

/**
 * Momentum as any memory that learns to answer a layer's input with its negative error.
 *
 * $$W_{t+1} = W_t + m_{t+1}, \qquad m_{t+1} = \alpha\,m_t - \eta\,\nabla_m\tilde{\mathcal L}(m_t;\ \hat x,\,-\delta)$$
 *
 * With `dotProductInnerLoss` it is `decayedMomentum`; with `regressionInnerLoss` it erases before it writes (`inputKeyedDeltaMomentum`).
 * Number 36 of the paper is an empty line between the two formulas. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param momentum m_t: [out, in]
 * @param pair input [..., in] and error [..., out]
 * @param loss of the momentum, the key and the value
 * @returns m_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 35, 37
 */
export function associativeMomentum(
  momentum: Tensor,
  { input, error }: BackpropagationPair,
  loss: InnerLoss,
  gates: MomentumGates,
): Tensor {
  const pull = grad((m: Tensor) => loss(m, input, np.negative(error)))(momentum);
  return decayedMomentum(momentum, pull, gates);
}

/**
 * The momentum that learns by the delta rule, keyed by the layer's input, in closed form.
 *
 * $$m_{t+1} = m_t\,(\alpha I - \eta\,\hat x\hat x^\top) - \eta\,\delta\,\hat x^\top$$
 *
 * It equals `decayedMomentum` as long as an input is orthogonal to all earlier ones.
 *
 * @param momentum m_t: [out, in]
 * @param pair input [..., in] and error [..., out]
 * @returns m_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 37
 */
export function inputKeyedDeltaMomentum(momentum: Tensor, pair: BackpropagationPair, gates: MomentumGates): Tensor {
  const answer = np.matmul(pair.input, np.swapaxes(momentum, -1, -2));
  const error = np.add(answer, pair.error);
  return decayedMomentum(momentum, weightGradient({ input: pair.input, error }), gates);
}

/**
 * How many of the latest gradients make up a share of a moving average of gradients.
 *
 * $$\min\{n : 1 - \beta^n \ge s\}$$
 *
 * For beta = 0.9 and shares of 50 % and 99 % these are 7 and 44 gradients; the paper's section 4.3 counts from zero.
 *
 * @param beta how much of the average is kept a step, between 0 and 1
 * @param share s, from 0 and below 1
 * @throws ConfigError if either is out of its range
 */
export function momentumHorizon(beta: number, share: number): number {
  if (!(beta > 0 && beta < 1)) throw new ConfigError(`beta must lie between 0 and 1, not ${beta}`);
  if (!(share >= 0 && share < 1)) throw new ConfigError(`share must be at least 0 and less than 1, not ${share}`);
  let [gradients, left] = [0, 1];
  while (1 - left < share) {
    left *= beta;
    gradients++;
  }
  return gradients;
}
