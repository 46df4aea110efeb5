/** How sure a mean over a few seeds is. */

/** A mean; its interval needs two values. */
export interface MeanInterval {
  readonly mean: number;
  /** Ends of the 95 % interval. */
  readonly low?: number;
  readonly high?: number;
  /** How many values it is the mean of. */
  readonly n: number;
}

/** Share of the distribution that lies in the interval. */
const CONFIDENCE = 0.95;
/** Halvings of a bracket: to the last digit. */
const HALVINGS = 100;

/**
 * The mean of some independent values, with the interval that holds the true mean in 95 of 100 cases where they are normally distributed.
 *
 * $$\bar x \pm t_{n-1}\,\frac{s}{\sqrt n}, \qquad s^2 = \tfrac{1}{n-1} \sum_i (x_i - \bar x)^2$$
 *
 * @param values one a seed, at least one
 * @returns no interval for one value: nothing is known of its spread
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, n };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = studentQuantile(n - 1) * Math.sqrt(squares / (n - 1) / n);
  return { mean, low: mean - half, high: mean + half, n };
}

/** Whether two intervals share a number; unknown where one of them is. */
export function overlap(a: Omit<MeanInterval, "n">, b: Omit<MeanInterval, "n">): boolean | undefined {
  if (a.low === undefined || a.high === undefined || b.low === undefined || b.high === undefined) return undefined;
  return a.low <= b.high && b.low <= a.high;
}

/**
 * How many standard errors the interval reaches to either side: the quantile of Student's distribution with so many degrees of freedom.
 *
 * @param freedom a whole number from 1
 */
export function studentQuantile(freedom: number): number {
  let [low, high] = [0, 1];
  while (centralShare(high, freedom) < CONFIDENCE) high *= 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (centralShare(middle, freedom) < CONFIDENCE) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * $$P(|T| \le t)$$ for Student's distribution, a finite sum where the degrees of freedom are whole (Abramowitz and Stegun, 26.7.3 and 26.7.4).
 */
function centralShare(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, square] = [Math.sin(angle), Math.cos(angle) ** 2];
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let sum = 0;
  for (let k = isOdd ? 2 : 1; k <= freedom - 1; k += 2) {
    sum += term;
    term *= (k / (k + 1)) * square;
  }
  return isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}
