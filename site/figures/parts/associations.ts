/** Random associations: keys and values of length one. */
import { detached, key, random, scope, splitKey, type Tensor } from "neural-memory/array";
import { l2Normalize } from "neural-memory/common";

/** Keys and values, [pairs, dim] each. */
export type Associations = { readonly keys: Tensor; readonly values: Tensor };

/** The same pairs for the same seed; the caller releases them. */
export function associations(seed: number, pairs: number, dim: number): Associations {
  return detached(() =>
    scope(() => {
      const [forKeys, forValues] = splitKey(key(seed), 2);
      return {
        keys: l2Normalize(random.normal(forKeys!, [pairs, dim])),
        values: l2Normalize(random.normal(forValues!, [pairs, dim])),
      };
    }),
  );
}
