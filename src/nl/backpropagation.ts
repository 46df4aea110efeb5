/** Back-propagation as a memory: every layer stores its input under the error that comes back, an error it has made itself. */
import { np, type Tensor, type TensorLike, vjp } from "../array/index.ts";

/** One layer of a perceptron, $\hat x_\ell = \phi_\ell(W_\ell \hat x_{\ell-1} + b_\ell)$. */
export interface PerceptronLayer {
  /** W: [out, in] */
  readonly weights: Tensor;
  /** b: [out] */
  readonly bias?: Tensor;
  /** phi, of pre-activations [..., out]; it may mix them, as a softmax does. */
  activation(z: Tensor): Tensor;
}

/** What a layer is asked to store: its input as key, the error of its output as value. */
export type BackpropagationPair = {
  /** The activation of the layer below: [..., in] */
  readonly input: Tensor;
  /** delta, the loss's gradient with respect to the layer's pre-activation: [..., out] */
  readonly error: Tensor;
};

/**
 * Every layer's input and back-propagated error, in one sweep forwards and one backwards.
 *
 * $$\delta_L = J_{\phi_L}(z_L)^\top \nabla_{\hat x_L}\mathcal L, \qquad \delta_\ell = J_{\phi_\ell}(z_\ell)^\top\big(W_{\ell+1}^\top\delta_{\ell+1}\big)$$
 *
 * @param layers from the input on
 * @param x [..., in of the first layer]
 * @param outputGradient the loss's gradient at an output [..., out of the last layer], the same shape
 * @returns a pair a layer, in the layers' order; the bias's gradient is the error
 * @see Nested Learning (arXiv:2512.24695) Eq. 29
 */
export function backpropagationPairs(
  layers: readonly PerceptronLayer[],
  x: Tensor,
  outputGradient: (output: Tensor) => Tensor,
): BackpropagationPair[] {
  const inputs: Tensor[] = [];
  const preActivations: Tensor[] = [];
  let activation = x;
  for (const layer of layers) {
    const mapped = np.matmul(activation, np.swapaxes(layer.weights, -1, -2));
    const z = layer.bias === undefined ? mapped : np.add(mapped, layer.bias);
    inputs.push(activation);
    preActivations.push(z);
    activation = layer.activation(z);
  }
  const pairs: BackpropagationPair[] = [];
  let pull = outputGradient(activation);
  for (let l = layers.length - 1; l >= 0; l--) {
    const { activation, weights } = layers[l]!;
    const [error] = vjp(
      (z: Tensor) => activation(z),
      [preActivations[l]!] as const,
      (_, back) => back(pull),
    );
    pairs.unshift({ input: inputs[l]!, error: error! });
    pull = np.matmul(error!, weights);
  }
  return pairs;
}

/**
 * The gradient of a layer's weights: the error times the input, summed over all leading axes.
 *
 * $$\frac{\partial\mathcal L}{\partial W_\ell} = \delta_\ell\,\hat x_{\ell-1}^\top$$
 *
 * @param pair input [..., in] and error [..., out]
 * @returns [out, in]
 * @see Nested Learning (arXiv:2512.24695) Eq. 29
 */
export function weightGradient({ input, error }: BackpropagationPair): Tensor {
  const rows = (x: Tensor) => np.reshape(x, [-1, x.shape.at(-1)!]);
  return np.matmul(np.swapaxes(rows(error), 0, 1), rows(input));
}

/**
 * A layer's weights after a gradient step, written as a Hebbian write of the error under the input.
 *
 * $$W_{t+1} = W_t - \eta\,\delta\,\hat x^\top$$
 *
 * @param weights W_t: [out, in]
 * @param pair input [..., in] and error [..., out], both made at W_t
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 30, 54
 */
export function layerDescent(weights: Tensor, pair: BackpropagationPair, stepSize: TensorLike): Tensor {
  return np.subtract(weights, np.multiply(stepSize, weightGradient(pair)));
}

/**
 * What that step minimises: agreement with the error, and the way from the old weights.
 *
 * $$\langle W\hat x, \delta\rangle + \frac{1}{2\eta}\|W - W_t\|_F^2$$
 *
 * The new weights themselves are the argument; the error stays what it was at W_t.
 *
 * @param weights W, where the objective is evaluated: [out, in]
 * @param before W_t: [out, in]
 * @param pair input [..., in] and error [..., out] at W_t; several inputs are summed
 * @param stepSize eta
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 31, 55, 112
 */
export function layerWriteObjective(
  weights: Tensor,
  before: Tensor,
  { input, error }: BackpropagationPair,
  stepSize: TensorLike,
): Tensor {
  const output = np.matmul(input, np.swapaxes(weights, -1, -2));
  const distance = np.sum(np.square(np.subtract(weights, before)));
  return np.add(np.sum(np.multiply(output, error)), np.divide(distance, np.multiply(2, stepSize)));
}

/**
 * Gradient descent as a recurrence that makes its own values: each is the answer of the present weights to the input.
 *
 * $$W_{t+1} = W_t + \eta\,v_t \otimes x_t, \qquad v_t = f_{W_t}(x_t) = -\nabla_{y_t}\mathcal L(W_t; x_t)$$
 *
 * Because the value depends on the weights before it, no scan over inputs gives all weights at once, unless the values are made at frozen weights.
 *
 * @param weights W_t: [out, in]
 * @param input x_t: [in]
 * @param generate f: the value [out] that weights give an input, such as `selfGeneratedValue`
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 58
 */
export function selfReferentialWrite(
  weights: Tensor,
  input: Tensor,
  generate: (weights: Tensor, input: Tensor) => Tensor,
  stepSize: TensorLike,
): Tensor {
  const value = generate(weights, input);
  return np.add(weights, np.multiply(stepSize, np.outer(value, input)));
}
