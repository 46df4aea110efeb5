/** Scores of the same windows under two conditions, and whether their difference is more than chance. */

/** How many bits each window cost, and of how many bytes of text it is. */
export interface WindowScores {
  readonly bits: readonly number[];
  readonly bytes: readonly number[];
}

/** A difference in bits per byte, with how sure it is. */
export interface PairedDifference {
  /** Bits per byte more than the reference; negative where fewer. */
  readonly difference: number;
  /** Standard error over windows. They are of one text, so it is a lower bound. */
  readonly standardError: number;
}

/** $$\frac{\sum_w \text{bits}_w}{\sum_w \text{bytes}_w}$$ */
export function bitsPerByte({ bits, bytes }: WindowScores): number {
  return sum(bits) / sum(bytes);
}

/**
 * The difference of two scores of the same windows.
 *
 * $$d = \frac{\sum_w (a_w - b_w)}{\sum_w n_w}, \qquad
 * \mathrm{SE}(d) = \frac{1}{\sum_w n_w} \sqrt{\frac{W}{W-1} \sum_w (a_w - b_w - d\,n_w)^2}$$
 *
 * for W windows of n_w bytes that cost a_w bits under one condition and b_w under the other. What a window costs under both cancels, so that differences
 * far below the spread of the windows themselves can be seen.
 *
 * @param scores a
 * @param reference b, of the same windows in the same order
 */
export function pairedDifference(scores: WindowScores, reference: WindowScores): PairedDifference {
  const bytes = sum(scores.bytes);
  const differences = scores.bits.map((bits, w) => bits - reference.bits[w]!);
  const difference = sum(differences) / bytes;
  const squares = sum(differences.map((d, w) => (d - difference * scores.bytes[w]!) ** 2));
  const windows = differences.length;
  return { difference, standardError: Math.sqrt((windows / Math.max(1, windows - 1)) * squares) / bytes };
}

/** The scores of the windows of all parts. */
export function joinScores(parts: readonly WindowScores[]): WindowScores {
  return { bits: parts.flatMap(({ bits }) => bits), bytes: parts.flatMap(({ bytes }) => bytes) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
