/** A stream of random numbers that is a pure function of counters: for what needs many numbers a draw. */
import { murmurHash } from "./counter-random.ts";

/** Draws that are fast to make and the same on every machine. */
export interface RandomStream {
  /** A whole number from 0 to `count` - 1. */
  below(count: number): number;
  /** A number in [0, 1) with 32 random bits. */
  unit(): number;
  /** One of some values. */
  pick<T>(values: readonly T[]): T;
  /** Distinct values in random order: all of them, or as many as are asked for. */
  sample<T>(values: readonly T[], count?: number): T[];
}

/**
 * The generator sfc32, started from hashes of counters.
 *
 * @param counters safe integers, such as (seed, step, row)
 */
export function randomStream(...counters: number[]): RandomStream {
  const words = counters.flatMap((counter) => [counter | 0, Math.floor(counter / 2 ** 32) | 0]);
  let [a, b, c] = [1, 2, 3].map((seed) => murmurHash(words, seed) | 0) as [number, number, number];
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first outputs of near seeds are alike.
  for (let i = 0; i < 12; i++) next();
  const unit = () => next() / 2 ** 32;
  const below = (count: number) => Math.floor(unit() * count);
  return {
    unit,
    below,
    pick: (values) => values[below(values.length)]!,
    sample(values, count = values.length) {
      const rest = [...values];
      for (let i = 0; i < count; i++) {
        const other = i + below(rest.length - i);
        [rest[i], rest[other]] = [rest[other]!, rest[i]!];
      }
      return rest.slice(0, count);
    },
  };
}
