/** Associative memory: any operator that is trained to answer keys with values, be it a layer, a token mixer or an optimiser's state. */
import { grad, np, type Tensor, type TensorLike, type Tree } from "../array/index.ts";
import { gradientDescentStep } from "./proximal-descent.ts";

/** How badly answers fit values: one loss a pair, [...] of answers and values [..., out]. */
export type PairLoss = (answers: Tensor, values: Tensor) => Tensor;

/** The form of a memory and what it is trained on; how it is trained is the solver's affair. */
export interface MemoryDesign<M extends Tree> {
  /** Answers [..., N, out] to keys [..., N, in]. Reading changes nothing. */
  read(memory: M, keys: Tensor): Tensor;
  readonly loss: PairLoss;
}

/**
 * The loss of a memory that stores by agreement, $-\langle y, v\rangle$.
 *
 * @param answers y: [..., out]
 * @param values v, same shape
 * @returns one loss an answer: [...]
 */
export function agreementLoss(answers: Tensor, values: Tensor): Tensor {
  return np.negative(np.sum(np.multiply(answers, values), -1));
}

/**
 * The loss of a memory that stores by regression, $\tfrac12\|y - v\|^2$.
 *
 * @param answers y: [..., out]
 * @param values v, same shape
 * @returns one loss an answer: [...]
 */
export function regressionLoss(answers: Tensor, values: Tensor): Tensor {
  return np.multiply(0.5, np.sum(np.square(np.subtract(answers, values)), -1));
}

/** A memory that is one matrix [..., out, in], with any loss. */
export function matrixDesign(loss: PairLoss): MemoryDesign<Tensor> {
  return { read: (memory, keys) => np.matmul(keys, np.swapaxes(memory, -1, -2)), loss };
}

/**
 * What an associative memory minimises: how badly it answers all keys with their values.
 *
 * $$\mathcal M^* = \arg\min_{\mathcal M}\ \tilde{\mathcal L}\big(\mathcal M(\mathcal K); \mathcal V\big), \qquad \tilde{\mathcal L} = \sum_i w_i\,\tilde\ell\big(\mathcal M(k_i), v_i\big)$$
 *
 * @param memory M, where the objective is evaluated
 * @param keys K: [..., N, in]
 * @param values V: [..., N, out]
 * @param weights w, one a pair: [..., N]; ones by default
 * @returns []
 * @see Nested Learning (arXiv:2512.24695) Eq. 6
 */
export function storageObjective<M extends Tree>(
  design: MemoryDesign<M>,
  memory: M,
  keys: Tensor,
  values: Tensor,
  weights: TensorLike = 1,
): Tensor {
  return np.sum(np.multiply(weights, design.loss(design.read(memory, keys), values)));
}

/**
 * A gradient step of an associative memory on some of its pairs; repeated, it solves `storageObjective`.
 *
 * $$\mathcal M \leftarrow \mathcal M - \eta\,\nabla_{\mathcal M}\,\tilde{\mathcal L}\big(\mathcal M(\mathcal K); \mathcal V\big)$$
 *
 * @param memory M, a tree
 * @param keys [..., N, in]
 * @param values [..., N, out]
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 6
 */
export function storageStep<M extends Tree>(
  design: MemoryDesign<M>,
  memory: M,
  keys: Tensor,
  values: Tensor,
  stepSize: TensorLike,
): M {
  const gradient = grad((at: M) => storageObjective(design, at, keys, values))(memory);
  return gradientDescentStep(memory, gradient, stepSize);
}
