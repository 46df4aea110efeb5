/** What biases measure: the residual of a prediction, its norm, and the threshold it is compared with. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError, ShapeError } from "../utils/index.ts";

/** Under the root of a norm, so that its derivatives at zero are finite. */
const NORM_GUARD = 1e-12;

/**
 * @internal r = M(k) - v.
 *
 * @param bias the bias's name, for the message
 * @throws ShapeError unless both have one shape
 */
export function residual(bias: string, prediction: Tensor, value: Tensor): Tensor {
  checkPrediction(bias, prediction, value);
  return np.subtract(prediction, value);
}

/** @internal Throws ShapeError unless prediction and value have one shape. */
export function checkPrediction(bias: string, prediction: Tensor, value: Tensor): void {
  if (prediction.ndim === 0 || `${prediction.shape}` !== `${value.shape}`) {
    throw new ShapeError(
      `the ${bias} bias got a prediction of shape [${prediction.shape}] and a value of shape [${value.shape}]; both must be [..., out]`,
    );
  }
}

/** @internal The Euclidean norm over the channels, never quite zero: [..., out] -> [..., 1]. */
export function guardedNorm(x: Tensor): Tensor {
  return np.sqrt(np.add(np.sum(np.square(x), -1, { keepdims: true }), NORM_GUARD));
}

/**
 * @internal The threshold, if it is there and fits the prediction.
 *
 * @param perChannel whether it may differ between channels
 * @throws ConfigError if it is missing, ShapeError if it does not fit
 */
export function checkedThreshold(bias: string, prediction: Tensor, threshold?: Tensor, perChannel = false): Tensor {
  if (threshold === undefined) {
    throw new ConfigError(`the ${bias} bias got no threshold; give it one a token, of shape [..., 1]`);
  }
  const last = threshold.shape.at(-1);
  if (threshold.ndim !== prediction.ndim || (last !== 1 && !(perChannel && last === prediction.shape.at(-1)))) {
    throw new ShapeError(
      `the ${bias} bias got a threshold of shape [${threshold.shape}] with a prediction of shape [${prediction.shape}]; ` +
        `its last axis must be 1${perChannel ? " or that of the prediction" : ", one threshold a token"}`,
    );
  }
  return threshold;
}
