/** Shares of right answers, and how sure they are. */

/** An interval of shares. */
export interface ShareInterval {
  readonly low: number;
  readonly high: number;
}

/** The normal distribution's 97.5 % point. */
const Z = 1.959963984540054;

/**
 * Wilson's 95 % interval of a share.
 *
 * $$\frac{\hat p + \frac{z^2}{2n} \pm z\sqrt{\frac{\hat p(1-\hat p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}, \qquad \hat p = \frac{k}{n}$$
 *
 * @param successes k
 * @param trials n, above 0; independent of each other
 */
export function wilsonInterval(successes: number, trials: number): ShareInterval {
  const share = successes / trials;
  const square = Z ** 2 / trials;
  const middle = (share + square / 2) / (1 + square);
  const half = (Z * Math.sqrt((share * (1 - share)) / trials + square / (4 * trials))) / (1 + square);
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
