/** Means over seeds, and how far from them the mean over all seeds may be. */

/** A mean with the interval that holds the mean over all seeds in 95 of 100 cases. */
export interface MeanInterval {
  readonly mean: number;
  /** NaN where one value alone is known. */
  readonly low: number;
  /** NaN where one value alone is known. */
  readonly high: number;
  /** How many values it is the mean of. */
  readonly n: number;
}

/** Quantiles of Student's t at 97.5 % for 1 to 30 degrees of freedom. */
const QUANTILES = [
  12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985,
  2.178813, 2.160369, 2.144787, 2.13145, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658,
  2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.04523, 2.042272,
];
/** The same for the normal distribution. */
const NORMAL = 1.959964;

/**
 * The mean of some values with its 95 % interval by Student's t.
 *
 * $$\bar x \pm t_{0.975, n-1} \frac{s}{\sqrt n}, \qquad s^2 = \frac{1}{n-1} \sum_i (x_i - \bar x)^2$$
 *
 * @param values one a seed, at least one
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, low: Number.NaN, high: Number.NaN, n };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = studentQuantile(n - 1) * Math.sqrt(squares / (n - 1) / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** Beyond the table, the first two terms of the quantile's expansion in one over the degrees of freedom. */
function studentQuantile(freedom: number): number {
  const [z, v] = [NORMAL, freedom];
  const expanded = z + (z ** 3 + z) / (4 * v) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2);
  return QUANTILES[freedom - 1] ?? expanded;
}
