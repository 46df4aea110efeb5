/** What each token's output costs, given what it should have been. */
import { nn, np, type Tensor } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";

/** A loss a token: [batch, tokens] from a model's outputs and what they should have been, [batch, tokens, ...] each. */
export type TokenLoss = (outputs: Tensor, targets: Tensor) => Tensor;

/**
 * Negative log-likelihood of each target, in nats.
 *
 * $$\ell_t = -\log \mathrm{softmax}(z_t)_{c_t}$$
 *
 * @param logits z: [batch, tokens, classes]
 * @param targets c, whole numbers below `classes`: int32 [batch, tokens]
 * @returns [batch, tokens]
 */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const chosen = nn.oneHot(targets, logits.shape.at(-1)!);
  return np.negative(np.sum(np.multiply(nn.logSoftmax(logits, -1), chosen), -1));
}

/**
 * Whether each target was held for more likely than every other class. Of several that are as likely none is predicted.
 *
 * @param logits [batch, tokens, classes]
 * @param targets whole numbers below `classes`: int32 [batch, tokens]
 * @returns 1 or 0, float32 [batch, tokens]
 */
export function isPredicted(logits: Tensor, targets: Tensor): Tensor {
  const chosen = nn.oneHot(targets, logits.shape.at(-1)!);
  const own = np.sum(np.multiply(logits, chosen), -1, { keepdims: true });
  const asLikely = np.sum(np.where(np.greaterEqual(logits, own), 1, 0), -1);
  return np.where(np.equal(asLikely, 1), np.ones([...targets.shape]), 0);
}

/**
 * Mean squared error of each token's output.
 *
 * $$\ell_t = \tfrac1n \sum_i (y_{t,i} - \hat y_{t,i})^2$$
 *
 * @param outputs [batch, tokens, ...features], such as [batch, tokens, horizon, channels]
 * @param targets same shape
 * @returns [batch, tokens]
 * @throws ShapeError if the shapes differ
 */
export function squaredError(outputs: Tensor, targets: Tensor): Tensor {
  return meanOverFeatures(np.square(difference(outputs, targets)));
}

/**
 * Mean absolute error of each token's output.
 *
 * $$\ell_t = \tfrac1n \sum_i |y_{t,i} - \hat y_{t,i}|$$
 *
 * @param outputs [batch, tokens, ...features], such as [batch, tokens, horizon, channels]
 * @param targets same shape
 * @returns [batch, tokens]
 * @throws ShapeError if the shapes differ
 */
export function absoluteError(outputs: Tensor, targets: Tensor): Tensor {
  return meanOverFeatures(np.absolute(difference(outputs, targets)));
}

function difference(outputs: Tensor, targets: Tensor): Tensor {
  if (outputs.shape.join() !== targets.shape.join()) {
    throw new ShapeError(
      `outputs have shape [${outputs.shape}], their targets [${targets.shape}]; give one target for each output`,
    );
  }
  return np.subtract(outputs, targets);
}

function meanOverFeatures(errors: Tensor): Tensor {
  const [batch = 0, tokens = 0] = errors.shape;
  return np.mean(np.reshape(errors, [batch, tokens, -1]), -1);
}
