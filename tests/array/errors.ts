/** How far float32 results are from exact ones. */

/** The largest errors of a result, and where they are. */
export interface Errors {
  /** Largest |actual - expected| / |expected|; entries whose expected value is 0 are left out. */
  readonly relative: number;
  /** Largest |actual - expected|. */
  readonly absolute: number;
  /** The Euclidean norm of the difference over that of the expected values. */
  readonly ofNorm: number;
}

export function errorsOf(actual: ArrayLike<number>, expected: ArrayLike<number>): Errors {
  if (actual.length !== expected.length) throw new RangeError(`${actual.length} results for ${expected.length} values`);
  let relative = 0;
  let absolute = 0;
  let squares = 0;
  let total = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(difference)) return { relative: Number.NaN, absolute: Number.NaN, ofNorm: Number.NaN };
    absolute = Math.max(absolute, difference);
    if (expected[i] !== 0) relative = Math.max(relative, difference / Math.abs(expected[i]!));
    squares += difference ** 2;
    total += expected[i]! ** 2;
  }
  return { relative, absolute, ofNorm: Math.sqrt(squares / total) };
}

/** Evenly spaced float32 numbers, both ends included. */
export function evenly(from: number, to: number, count = 4001): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** Float32 numbers evenly spaced in their logarithm, both ends included. */
export function logarithmically(from: number, to: number, count = 4001): Float32Array {
  return evenly(Math.log(from), Math.log(to), count).map((x) => Math.exp(x));
}
