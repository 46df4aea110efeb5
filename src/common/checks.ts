/** Checks that layers share: numbers of a configuration, and the shapes a step is given. */
import type { Tensor } from "../array/index.ts";
import { ConfigError, ShapeError } from "../utils/index.ts";

/**
 * Throws unless a configuration value is a whole number that is large enough.
 *
 * @param name what the value is called, such as `attention heads`
 * @param least the smallest value that works
 * @throws ConfigError otherwise
 */
export function checkWhole(name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least) {
    throw new ConfigError(`${name} is ${value}; it must be a whole number of at least ${least}`);
  }
}

/**
 * Throws unless the features split evenly over the heads.
 *
 * @param layer what the layer is called, for the message
 * @throws ConfigError otherwise
 */
export function checkHeads(layer: string, dim: number, heads: number): void {
  checkWhole(`${layer} dim`, dim);
  checkWhole(`${layer} heads`, heads);
  if (dim % heads !== 0) {
    throw new ConfigError(
      `${layer} cannot split dim ${dim} over ${heads} heads; choose a dim that is a multiple of the heads`,
    );
  }
}

/**
 * Throws unless a step's input fits the layer, the state and the mask.
 *
 * @param layer what the layer is called, for the message
 * @param x should be [batch, tokens, dim] with at least one token
 * @param dim features the layer was made for
 * @param batch rows of the state
 * @param mask should be [batch, tokens]
 * @throws ShapeError otherwise
 */
export function checkSegment(layer: string, x: Tensor, dim: number, batch: number, mask?: Tensor): void {
  const [rows, tokens] = x.shape;
  if (x.ndim !== 3 || x.shape[2] !== dim || tokens === 0) {
    throw new ShapeError(
      `${layer} got an input of shape [${x.shape}]; it must be [batch, tokens, ${dim}] with at least one token`,
    );
  }
  if (rows !== batch) {
    throw new ShapeError(
      `${layer} got ${rows} sequences with a state of ${batch}; make the state with initialState(params, ${rows})`,
    );
  }
  if (mask !== undefined && (mask.ndim !== 2 || mask.shape[0] !== rows || mask.shape[1] !== tokens)) {
    throw new ShapeError(
      `${layer} got a mask of shape [${mask.shape}]; it must be [${rows}, ${tokens}] like the batch and tokens of the input`,
    );
  }
}
