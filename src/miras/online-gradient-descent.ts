/** Learning as a memory does it: one pass over a stream of losses, one step each. */
import { grad, np, slice, type Tensor, type TensorLike, type Tree, zipTrees } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";

/**
 * One step of online gradient descent.
 *
 * $$W_t = W_{t-1} - \eta_t\,\nabla\ell(W_{t-1}; k_t, v_t)$$
 *
 * In code: eta = `stepSize`.
 *
 * @param weights W_{t-1}: a matrix [..., out, in], or a tree of several
 * @param gradient the same structure
 * @param stepSize a number, or a tensor that broadcasts against every matrix
 * @returns W_t
 * @throws ShapeError if the trees differ
 * @see MIRAS (arXiv:2504.13173) Eq. 5
 */
export function onlineGradientStep<T extends Tree>(weights: T, gradient: T, stepSize: TensorLike): T {
  return zipTrees((w, g) => np.subtract(w, np.multiply(g, stepSize)), weights, gradient);
}

/**
 * The losses that tokens put before a memory, one after the other.
 *
 * $$\ell(W; k_1, v_1),\ \ell(W; k_2, v_2),\ \dots$$
 *
 * @param loss of weights for one pair of a key [..., in] and a value [..., out]: a tensor of shape []
 * @param keys [..., T, in]
 * @param values [..., T, out]
 * @returns T functions of the weights
 * @throws ShapeError if there are not as many values as keys
 * @see MIRAS (arXiv:2504.13173) Eq. 6
 */
export function lossStream<T extends Tree>(
  loss: (weights: T, key: Tensor, value: Tensor) => Tensor,
  keys: Tensor,
  values: Tensor,
): ((weights: T) => Tensor)[] {
  const tokens = keys.shape.at(-2)!;
  if (values.shape.at(-2) !== tokens)
    throw new ShapeError(`there are keys [${keys.shape}] but values [${values.shape}]; each key needs one value`);
  const token = (x: Tensor, t: number) => slice(x, ...x.shape.slice(0, -2).map((): [] => []), t);
  return Array.from({ length: tokens }, (_, t) => (weights: T) => loss(weights, token(keys, t), token(values, t)));
}

/**
 * Online gradient descent over a stream of losses: each step sees one loss, and none that comes later.
 *
 * $$W_t = W_{t-1} - \eta_t\,\nabla\ell_t(W_{t-1}), \qquad t = 1, 2, \dots$$
 *
 * @param stream losses of the weights, as `lossStream` gives them
 * @param start W_0
 * @param stepSizes eta_t, one a loss
 * @returns W_1, W_2, ...
 * @throws ShapeError if there are not as many step sizes as losses
 * @see MIRAS (arXiv:2504.13173) Eq. 5-6
 */
export function onlineGradientDescent<T extends Tree>(
  stream: readonly ((weights: T) => Tensor)[],
  start: T,
  stepSizes: readonly TensorLike[],
): T[] {
  if (stepSizes.length !== stream.length)
    throw new ShapeError(`there are ${stream.length} losses but ${stepSizes.length} step sizes; give one for each`);
  let weights = start;
  return stream.map((loss, t) => {
    weights = onlineGradientStep(weights, grad((at: T) => loss(at))(weights), stepSizes[t]!);
    return weights;
  });
}
