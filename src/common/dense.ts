/** Linear maps of features, without bias. */
import { type Key, np, random, type Tensor } from "../array/index.ts";

/**
 * A fresh weight matrix: normal with variance `gain^2 / inputs`, so that unit inputs give outputs of size `gain`.
 *
 * @param inputs features in
 * @param outputs features out
 * @param gain size of the outputs for inputs of size one
 * @returns [inputs, outputs]
 */
export function initDense(key: Key, inputs: number, outputs: number, gain = 1): Tensor {
  return np.multiply(random.normal(key, [inputs, outputs]), gain / Math.sqrt(inputs));
}

/**
 * A linear map of every token's features.
 *
 * $$y = x W$$
 *
 * @param weight W: [inputs, outputs]
 * @param x [..., inputs]
 * @returns [..., outputs]
 */
export function dense(weight: Tensor, x: Tensor): Tensor {
  return np.matmul(x, weight);
}
