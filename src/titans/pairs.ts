/** Several key-value pairs a token: a chunk of C tokens then holds C n writes, the pairs of a token one after another. */
import { np, slice, type Tensor } from "../array/index.ts";

/**
 * One number a token, for each of its pairs.
 *
 * @param x [..., C]
 * @returns [..., C pairs]
 */
export function perPair(x: Tensor, pairs: number): Tensor {
  return pairs === 1 ? x : np.repeat(x, pairs, -1);
}

/**
 * One number a token from those of its pairs: their mean.
 *
 * @param x [..., C pairs]
 * @returns [..., C]
 */
export function perToken(x: Tensor, pairs: number): Tensor {
  return pairs === 1 ? x : np.mean(np.reshape(x, [...x.shape.slice(0, -1), -1, pairs]), -1);
}

/**
 * What holds after each token's last pair.
 *
 * @param x one row a pair: [..., C pairs, ...features]
 * @param axis where the pairs stand
 * @returns [..., C, ...features]
 */
export function afterLastPair(x: Tensor, pairs: number, axis: number): Tensor {
  if (pairs === 1) return x;
  const before = x.shape.slice(0, axis);
  const grouped = np.reshape(x, [...before, x.shape[axis]! / pairs, pairs, ...x.shape.slice(axis + 1)]);
  return slice(grouped, ...before.map((): [] => []), [], pairs - 1);
}

/**
 * The pairs of every token in the order in which they are written.
 *
 * @param parts the first, second, ... pair's vectors of all tokens: [..., C, features] each
 * @returns [..., C pairs, features]
 */
export function interleaved(parts: readonly Tensor[]): Tensor {
  const [first] = parts as readonly [Tensor];
  if (parts.length === 1) return first;
  const [tokens, features] = first.shape.slice(-2) as [number, number];
  return np.reshape(np.stack([...parts], -2), [...first.shape.slice(0, -2), tokens * parts.length, features]);
}
