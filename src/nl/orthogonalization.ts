/** Muon's orthogonalisation, and orthogonalisation as an optimisation of its own. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { type NewtonSchulzIteration, newtonSchulz } from "../optim/index.ts";
import { decayedMomentum, type MomentumGates } from "./momentum.ts";

/** Weights and momentum after a step. */
export type MomentumStep = { readonly weights: Tensor; readonly momentum: Tensor };

/** How `muonStep` orthogonalises, and how far it goes. */
export interface MuonStepOptions {
  /** k; 5 by default. */
  readonly steps?: number;
  /** `cubic` by default. */
  readonly iteration?: NewtonSchulzIteration;
  /** gamma, which the paper does not have; 1 by default. */
  readonly scale?: TensorLike;
}

/**
 * One step of Muon: the weights move by the orthogonalised momentum.
 *
 * $$W_{t+1} = W_t + \gamma\,\mathrm{NS}_k(m_{t+1}), \qquad m_{t+1} = \alpha\,m_t - \eta\,\nabla\mathcal L(W_t; x_{t+1})$$
 *
 * Newton-Schulz normalises its input, so that a constant eta has no effect and a step has the spectral norm gamma. In code: alpha = `retain`,
 * eta = `stepSize`.
 *
 * @param weights W_t: [..., out, in]
 * @param momentum m_t, same shape
 * @param gradient the loss's gradient at W_t, same shape
 * @see Nested Learning (arXiv:2512.24695) Eq. 42
 */
export function muonStep(
  weights: Tensor,
  momentum: Tensor,
  gradient: Tensor,
  gates: MomentumGates,
  { steps = 5, iteration = "cubic", scale = 1 }: MuonStepOptions = {},
): MomentumStep {
  const next = decayedMomentum(momentum, gradient, gates);
  return { weights: np.add(weights, np.multiply(scale, newtonSchulz(next, steps, iteration))), momentum: next };
}

/**
 * How far a matrix's columns are from being orthonormal.
 *
 * $$\|O^\top O - I\|_F^2$$
 *
 * @param matrix O: [rows, columns]
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 43
 */
export function orthogonalityLoss(matrix: Tensor): Tensor {
  return np.sum(np.square(gramError(matrix)));
}

/**
 * What the steps of `orthogonalizationStep` descend: half the distance from the gradient, and half the distance from orthonormal columns.
 *
 * $$\tfrac12\|O - g\|_F^2 + \tfrac12\|O^\top O - I\|_F^2$$
 *
 * The paper gives the loss of its Eq. 43 alone, whose gradient $4O(O^\top O - I)$ is not what its step subtracts.
 *
 * @param matrix O: [rows, columns]
 * @param gradient g, same shape
 * @param proximity whether the first term counts
 * @returns []
 */
export function orthogonalizationObjective(matrix: Tensor, gradient: Tensor, proximity: boolean): Tensor {
  const distance = np.sum(np.square(np.subtract(matrix, gradient)));
  const loss = orthogonalityLoss(matrix);
  return np.multiply(0.5, proximity ? np.add(loss, distance) : loss);
}

/**
 * One step towards an orthogonal matrix that stays near the gradient.
 *
 * $$O_{i+1} = O_i - \zeta\Big(O_i - g + 2\,O_i\big(O_i^\top O_i - I\big)\Big), \qquad O_0 = g$$
 *
 * With zeta = 1/4 and no proximity it is the cubic Newton-Schulz step, which ends at an orthogonal matrix; with proximity it ends between that and g.
 *
 * @param matrix O_i: [rows, columns]
 * @param gradient g, same shape
 * @param stepSize zeta
 * @param proximity whether $O_i - g$ counts; true as printed
 * @returns O_{i+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 44
 */
export function orthogonalizationStep(
  matrix: Tensor,
  gradient: Tensor,
  stepSize: TensorLike,
  proximity = true,
): Tensor {
  const towardsOrthogonal = np.multiply(2, np.matmul(matrix, gramError(matrix)));
  const pull = proximity ? np.add(np.subtract(matrix, gradient), towardsOrthogonal) : towardsOrthogonal;
  return np.subtract(matrix, np.multiply(stepSize, pull));
}

function gramError(matrix: Tensor): Tensor {
  return np.subtract(np.matmul(np.swapaxes(matrix, -1, -2), matrix), np.eye(matrix.shape.at(-1)!));
}
