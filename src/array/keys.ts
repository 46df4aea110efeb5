/** Random keys: everything random derives from a seed, and the same seed gives the same numbers. */
import { ConfigError } from "../utils/index.ts";
import { random, slice } from "./namespaces.ts";
import type { Tensor } from "./tensor.ts";

/** A random key: a uint32 tensor that `random` functions consume; split it, never use one twice. */
export type Key = Tensor;

/**
 * The key of a seed, a tensor [2].
 *
 * @param seed an integer from 0 to 2^32 - 1
 * @throws ConfigError if the seed is another number, which would be rounded to the seed of somebody else's run
 */
export function key(seed: number): Key {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new ConfigError(`the seed must be a whole number from 0 to ${2 ** 32 - 1}, not ${seed}`);
  }
  return random.key(seed);
}

/**
 * Independent keys from one, tensors [2] as it is.
 *
 * @param parent the key to split; not to be used otherwise
 * @param count how many
 */
export function splitKey(parent: Key, count: number): Key[] {
  const keys = random.split(parent, count);
  return Array.from({ length: count }, (_, i) => slice(keys, i));
}
