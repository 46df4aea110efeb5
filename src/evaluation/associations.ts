/** Random associations for a memory to hold: unit keys, and the values that a random linear map gives them. */
import { detached, key, np, random, scope, splitKey, type Tensor } from "../array/index.ts";
import { l2Normalize } from "../common/index.ts";
import { counterRandom } from "../data/index.ts";

/** Pairs for several memories at once, one row a seed; the caller releases them. */
export type Associations = {
  /** Of length 1: [seeds, pairs, dim] */
  readonly keys: Tensor;
  /** Of length about 1: [seeds, pairs, dim] */
  readonly values: Tensor;
};

/** Numbers of the pairs of which each seed has others. */
export interface AssociationsOptions {
  readonly seeds: readonly number[];
  readonly pairs: number;
  readonly dim: number;
}

/**
 * Associations that a matrix can hold, all of them: $v_i = W^* k_i$ with entries of $W^*$ of variance one over the dimension.
 *
 * The pairs of a seed do not depend on which other seeds are drawn.
 */
export function linearAssociations({ seeds, pairs, dim }: AssociationsOptions): Associations {
  return detached(() =>
    scope(() => {
      const drawn = seeds.map((seed) => {
        const [forKeys, forMap] = splitKey(key(seed), 2);
        const keys = l2Normalize(random.normal(forKeys!, [pairs, dim]));
        const map = np.divide(random.normal(forMap!, [dim, dim]), Math.sqrt(dim));
        return { keys, values: np.matmul(keys, map) };
      });
      return { keys: np.stack(drawn.map(({ keys }) => keys)), values: np.stack(drawn.map(({ values }) => values)) };
    }),
  );
}

/**
 * Which pairs of a seed are outliers: a fixed share of them, at random places.
 *
 * @param share of the pairs, from 0 to 1
 * @returns true for outliers, one a pair
 */
export function outliersOf(seed: number, pairs: number, share: number): boolean[] {
  const order = Array.from({ length: pairs }, (_, pair) => ({ pair, at: counterRandom(seed, pair) }));
  const chosen = order.sort((a, b) => a.at - b.at).slice(0, Math.round(share * pairs));
  const isOutlier = new Array<boolean>(pairs).fill(false);
  for (const { pair } of chosen) isOutlier[pair] = true;
  return isOutlier;
}

/** The mean and the standard deviation (over one less than their number) of some numbers. */
export function meanAndDeviation(numbers: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
  const squares = numbers.reduce((sum, n) => sum + (n - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / Math.max(1, numbers.length - 1)) };
}
