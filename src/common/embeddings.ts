/** Embeddings: a vector for each token, and for each position. */
import { type Key, np, random, type Tensor } from "../array/index.ts";
import { ConfigError, ShapeError } from "../utils/index.ts";

/**
 * A fresh table of learned vectors, for tokens or for positions.
 *
 * @param count how many vectors: the size of the vocabulary, or the number of positions
 * @param deviation standard deviation of the entries
 * @returns [count, dim]
 */
export function initEmbedding(key: Key, count: number, dim: number, deviation = 0.02): Tensor {
  return np.multiply(random.normal(key, [count, dim]), deviation);
}

/**
 * Looks vectors up.
 *
 * @param table [count, dim]
 * @param indices whole numbers below `count`, of any shape [...]
 * @returns [..., dim]
 * @throws ShapeError if the indices are not of an integer type
 */
export function embed(table: Tensor, indices: Tensor): Tensor {
  if (indices.dtype !== "int32" && indices.dtype !== "uint32") {
    throw new ShapeError(`embedding indices are ${indices.dtype}; they must be int32 or uint32`);
  }
  return np.take(table, indices, 0);
}

/**
 * Fixed vectors for consecutive positions: sines and cosines of wavelengths from 2 pi to 2 pi * 10000.
 *
 * $$e_{p,i} = \sin\big(p\,10000^{-2i/d}\big), \qquad e_{p,\,i+d/2} = \cos\big(p\,10000^{-2i/d}\big), \qquad i < d/2$$
 *
 * @param start the first position
 * @param count how many positions
 * @param dim even
 * @returns [count, dim]
 * @throws ConfigError if dim is odd
 */
export function sinusoidalEmbedding(start: number, count: number, dim: number): Tensor {
  if (dim % 2 !== 0) throw new ConfigError(`sinusoidal embeddings need an even dim, got ${dim}`);
  const half = dim / 2;
  const rows = Array.from({ length: count }, (_, t) => {
    const angles = Array.from({ length: half }, (_, i) => (start + t) * 10000 ** (-i / half));
    return [...angles.map(Math.sin), ...angles.map(Math.cos)];
  });
  return np.array(Float32Array.from(rows.flat()), { shape: [count, dim] });
}
