/** What a memory is for: mapping keys to values, as well as its attentional bias asks. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";

/** Keys and the values they should bring back. */
export interface AssociativePairs {
  /** K: [..., C, in] */
  readonly keys: Tensor;
  /** V: [..., C, out] */
  readonly values: Tensor;
  /** delta, where the bias has one: [..., C, 1] or [..., C, out] */
  readonly threshold?: Tensor;
}

/** How the losses of the pairs become one. */
export const pairReductions = ["mean", "sum"] as const;
/** One of `pairReductions`. */
export type PairReduction = (typeof pairReductions)[number];

/**
 * The objective of an associative memory: how badly it maps a set of keys to their values.
 *
 * $$\mathcal M^\star = \arg\min_{\mathcal M}\ \mathcal L\big(\mathcal M(\mathcal K);\, \mathcal V\big)$$
 *
 * This is what is minimised; how (by steps of gradient descent, exactly, without parameters) is the memory algorithm's choice.
 *
 * @param bias L, one loss a pair
 * @param memory M: keys [..., C, in] -> predictions [..., C, out]
 * @param pairs K and V
 * @param reduction over the pairs, `mean` by default
 * @returns one number a memory: [...]
 * @throws ConfigError if the reduction is unknown; ShapeError if the predictions do not have the values' shape
 * @see MIRAS (arXiv:2504.13173) Eq. 4
 */
export function associativeObjective(
  bias: AttentionalBias,
  memory: (keys: Tensor) => Tensor,
  { keys, values, threshold }: AssociativePairs,
  reduction: PairReduction = "mean",
): Tensor {
  if (!pairReductions.includes(reduction))
    throw new ConfigError(`losses of pairs cannot be reduced by "${reduction}" (valid: ${pairReductions.join(", ")})`);
  const losses = bias.loss(memory(keys), values, threshold);
  return reduction === "mean" ? np.mean(losses, -1) : np.sum(losses, -1);
}
