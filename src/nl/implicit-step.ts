/** The proximal-point step: a step whose gradient is taken where it ends. */
import { grad, np, type Tensor, type TensorLike, type Tree } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { squaredDistance } from "./linear-maps.ts";
import { gradientDescentStep } from "./proximal-descent.ts";

/** How `implicitStep` looks for the minimum. */
export interface ImplicitSolver {
  /** Steps of gradient descent on the objective. */
  readonly iterations: number;
  /** Less than two over the objective's curvature, which is the loss's plus $1/\eta$. */
  readonly innerStepSize: number;
}

/**
 * What the implicit form of a nested problem minimises: the loss itself, and the way from the old parameters.
 *
 * $$\mathcal L(\Phi; x_{t+1}) + \frac{1}{2\eta}\|\Phi - \theta_t\|^2$$
 *
 * The paper calls its minimum gradient descent; it is that to first order in eta, and exactly for losses linear in Phi.
 *
 * @param params Phi, where the objective is evaluated: any tree
 * @param before theta_t, a tree like it
 * @param loss of parameters on the current sample, or key and value: a scalar
 * @param stepSize eta
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 98-99
 */
export function implicitObjective<P extends Tree>(
  params: P,
  before: P,
  loss: (params: P) => Tensor,
  stepSize: TensorLike,
): Tensor {
  return np.add(loss(params), np.divide(np.multiply(0.5, squaredDistance(params, before)), stepSize));
}

/**
 * The implicit step, approached by a few inner iterations.
 *
 * $$\theta_{t+1} = \arg\min_\Phi\ \mathcal L(\Phi; x_{t+1}) + \frac{1}{2\eta}\|\Phi - \theta_t\|^2$$
 *
 * The exact one is stable for every eta. A matrix memory that learns by regression has it in closed form: `longhornUpdate`.
 *
 * @param before theta_t, any tree
 * @param loss of parameters on the current sample, or key and value: a scalar
 * @param stepSize eta
 * @returns theta_{t+1}
 * @throws ConfigError if the number of iterations is not a whole one above 0
 * @see Nested Learning (arXiv:2512.24695) Eq. 98-99
 */
export function implicitStep<P extends Tree>(
  before: P,
  loss: (params: P) => Tensor,
  stepSize: TensorLike,
  { iterations, innerStepSize }: ImplicitSolver,
): P {
  if (!Number.isInteger(iterations) || iterations < 1)
    throw new ConfigError(`iterations is ${iterations}; it must be a whole number of at least 1`);
  const slope = grad((params: P) => implicitObjective(params, before, loss, stepSize));
  let params = before;
  for (let i = 0; i < iterations; i++) params = gradientDescentStep(params, slope(params), innerStepSize);
  return params;
}
