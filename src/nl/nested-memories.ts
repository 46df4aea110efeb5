/** Nested systems whose problems are associative memories: contexts are pairs of keys and values. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { applied } from "./linear-maps.ts";
import type { PairLoss } from "./memory-design.ts";
import type { Moment, NestedProblem } from "./nested-system.ts";
import { outputSurprise, surpriseDescent } from "./surprise-memory.ts";

/** One pair of a memory's context: key [..., in] and value [..., out]. */
export type MemoryPair = { readonly key: Tensor; readonly value: Tensor };

/** What makes a matrix memory a problem of a nested system. */
export interface MemoryProblemOptions<D> {
  readonly name: string;
  readonly period: number;
  readonly needs?: readonly string[];
  readonly stepSize: TensorLike;
  readonly loss: PairLoss;
  /** The next pair of the memory's context. */
  pair(moment: Moment<D>): MemoryPair;
}

/**
 * One write of a matrix memory of a nested system.
 *
 * $$\theta_{t+1} = \theta_t - \eta\,\nabla_y\tilde{\mathcal L}(\theta_t; k, v)\,k^\top
 * = \arg\min_\Phi\ \langle\Phi k, \nabla_y\tilde{\mathcal L}(\theta_t; k, v)\rangle + \frac{1}{2\eta}\|\Phi - \theta_t\|_F^2$$
 *
 * With `agreementLoss` it is a write of linear attention, with `regressionLoss` the delta rule. The print has a minus before the gradient, which ascends.
 *
 * @param memory theta_t: [..., out, in]
 * @param pair k [..., in] and v [..., out]
 * @param loss of the answer $y = \theta_t k$ and v
 * @param stepSize eta
 * @returns theta_{t+1}
 * @see Nested Learning (arXiv:2512.24695) Eq. 20
 */
export function memoryWrite(memory: Tensor, { key, value }: MemoryPair, loss: PairLoss, stepSize: TensorLike): Tensor {
  const surprise = outputSurprise(memory, key, (answer) => np.sum(loss(answer, value)));
  return surpriseDescent(memory, key, surprise, stepSize);
}

/**
 * A matrix memory as a problem of a nested system: `nestedStep` writes it as `memoryWrite` does, its read is the matrix applied to a query.
 *
 * $$\mathcal L(\theta; k, v) = \tilde{\mathcal L}(\theta k, v), \qquad (k, v) \sim \mathcal C$$
 *
 * @see Nested Learning (arXiv:2512.24695) Eq. 20
 */
export function memoryProblem<D>({
  pair,
  loss,
  ...component
}: MemoryProblemOptions<D>): NestedProblem<Tensor, MemoryPair, D> {
  return {
    ...component,
    context: pair,
    objective: (memory, { key, value }) => np.sum(loss(applied(memory, key), value)),
  };
}
