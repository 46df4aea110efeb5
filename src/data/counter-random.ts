/** Random numbers as a pure function of counters, so that nothing has to be stored to resume a run exactly. */

const rotateLeft = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits));

/**
 * MurmurHash3 (x86, 32 bits) of whole words.
 *
 * @param words 32-bit words; each stands for four bytes, the lowest first
 * @param seed which of 2^32 hash functions
 * @returns an integer from 0 to 2^32 - 1
 */
export function murmurHash(words: readonly number[], seed: number): number {
  let hash = seed | 0;
  for (const word of words) {
    hash ^= Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
    hash = (Math.imul(rotateLeft(hash, 13), 5) + 0xe6546b64) | 0;
  }
  hash ^= words.length * 4;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A uniform random number that depends on its arguments alone.
 *
 * @param counters safe integers, such as (seed, step, row)
 * @returns a number in [0, 1) with 53 random bits
 */
export function counterRandom(...counters: number[]): number {
  const words = counters.flatMap((counter) => [counter | 0, Math.floor(counter / 2 ** 32) | 0]);
  const high = murmurHash(words, 0) >>> 5;
  const low = murmurHash(words, 0x9747b28c) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}
