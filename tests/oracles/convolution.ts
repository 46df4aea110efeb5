/** Causal depthwise convolution with a carried tail (section 8.1, step 3). */

import { hadamard, type Matrix, zeroMatrix, zeroVector } from "./matrix.ts";

/**
 * One filter a channel: `y_t[c] = Σ_{n=0..K-1} taps[n][c] x_{t-(K-1)+n}[c]`, so tap K-1 multiplies the current token.
 *
 * A masked slot enters no later window: the tail holds the last K - 1 valid inputs. Its own output is computed as if it were valid.
 *
 * @param x [tokens, channels]
 * @param taps [K, channels]
 * @param tail [K - 1, channels], oldest first; zeros at the start of a stream
 */
export function causalConvolution(
  x: Matrix,
  taps: Matrix,
  tail: Matrix = zeroMatrix(taps.length - 1, taps[0]!.length),
  mask?: boolean[],
): { outputs: Matrix; tail: Matrix } {
  let history = tail;
  const outputs = x.map((row, t) => {
    const window = [...history, row];
    if (mask?.[t] ?? true) history = window.slice(1);
    return window
      .map((input, n) => hadamard(taps[n]!, input))
      .reduce((sum, term) => sum.map((value, c) => value + term[c]!), zeroVector(row.length));
  });
  return { outputs, tail: history };
}
