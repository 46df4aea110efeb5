/** The problems on which the paper compares momenta: tasks whose gradients are orthogonal, and a valley whose curvature varies. */
import { np, type Tensor } from "../array/index.ts";

/** The samples of one task: inputs [samples, in] and what should be answered, [samples]. */
export type LinearTask = { readonly inputs: Tensor; readonly targets: Tensor };

/**
 * The loss of a linear task: the mean squared error of a scalar answer.
 *
 * $$\mathcal L_i(W) = \mathbb E_{(x,y)\sim\mathcal D_i}\big[(W^\top x - y)^2\big]$$
 *
 * @param weights W: [in]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 45
 */
export function linearTaskLoss(weights: Tensor, { inputs, targets }: LinearTask): Tensor {
  return np.mean(np.square(np.subtract(np.matmul(inputs, weights), targets)));
}

/**
 * A task whose gradient points along one direction whatever the weights: all inputs are multiples of it.
 *
 * Tasks whose directions are orthogonal leave each other's loss alone, so that one is forgotten by the optimiser and not by the weights.
 *
 * @param direction u, of norm one: [in]
 * @param sizes of the inputs: [samples]
 * @param slope the right weight along the direction
 */
export function directedTask(direction: Tensor, sizes: Tensor, slope: number): LinearTask {
  return { inputs: np.outer(sizes, direction), targets: np.multiply(sizes, slope) };
}

/** The constants of `varyingCurvature`, which the paper does not give. */
export interface CurvatureConstants {
  /** kappa: how steep the valley's walls are. */
  readonly steepness: number;
  /** a: how far the valley swings. */
  readonly swing: number;
  /** omega: how often. */
  readonly frequency: number;
}

/** Where the paper starts. */
export const curvatureStart: readonly [radius: number, angle: number] = [-3.5, 2];

/**
 * Constants under which both kinds of momentum arrive. From around the paper's start with step size 0.005, delta momentum is first with momentum 0.99, and the
 * heavy ball with momentum 0.9 and the best step size for each; steeper valleys need shortened gradients for delta momentum to arrive at all.
 */
export const curvatureConstants: CurvatureConstants = { steepness: 1, swing: 1, frequency: 1 };

/**
 * A function of two numbers with one minimum, of value zero at the origin, in a curved valley.
 *
 * $$\psi(r,\theta) = r^2 + \kappa\,\big(r - \theta + a\sin(\omega r)\big)^2$$
 *
 * @param point r and theta: [2]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 53
 */
export function varyingCurvature(point: Tensor, constants: CurvatureConstants = curvatureConstants): Tensor {
  const { radius, offset } = valley(point, constants);
  return np.add(np.square(radius), np.multiply(constants.steepness, np.square(offset)));
}

/**
 * The gradient of `varyingCurvature`.
 *
 * $$\psi_r = 2r + 2\kappa h\,(1 + a\omega\cos\omega r), \qquad \psi_\theta = -2\kappa h, \qquad h = r - \theta + a\sin\omega r$$
 *
 * @param point r and theta: [2]
 * @returns [2]
 * @see Nested Learning (arXiv:2512.24695) Eq. 53
 */
export function varyingCurvatureGradient(point: Tensor, constants: CurvatureConstants = curvatureConstants): Tensor {
  const { steepness, swing, frequency } = constants;
  const { radius, offset } = valley(point, constants);
  const pull = np.multiply(2 * steepness, offset);
  const bend = np.add(1, np.multiply(swing * frequency, np.cos(np.multiply(frequency, radius))));
  return np.stack([np.add(np.multiply(2, radius), np.multiply(pull, bend)), np.negative(pull)]);
}

function valley(point: Tensor, { swing, frequency }: CurvatureConstants): { radius: Tensor; offset: Tensor } {
  const [radius, angle] = np.split(point, 2).map((x) => np.reshape(x, [])) as [Tensor, Tensor];
  const wave = np.multiply(swing, np.sin(np.multiply(frequency, radius)));
  return { radius, offset: np.add(np.subtract(radius, angle), wave) };
}
