/** Windows of tokens: drawn at random for training, one after another for evaluation. */
import { ConfigError, DataError } from "../utils/errors.ts";
import { counterRandom } from "./counter-random.ts";
import type { TokenSource } from "./token-source.ts";

/** A batch of windows. Row b holds length + 1 tokens: the first `length` are inputs, the last `length` are the targets. */
export interface TokenWindows {
  /** Token ids, shape [batch, length + 1], row after row. Slots without a token hold 0. */
  readonly tokens: Int32Array;
  readonly batch: number;
  readonly length: number;
  /** Where in the source each row begins, shape [batch]. */
  readonly starts: readonly number[];
  /** How many of each row's targets are real, from its first on, shape [batch]. */
  readonly targets: readonly number[];
  /** How much each target counts, shape [batch, length]; all real ones count 1 where there are none. Those beyond a row's targets hold 0. */
  readonly weights?: Float32Array;
  /** How much a model that learns while it reads learns from each target, shape [batch, length]; as `weights` where there are none. */
  readonly observed?: Float32Array;
}

/**
 * Draws windows at uniformly random places.
 *
 * $$\text{start}_b = \lfloor u(\text{seed}, \text{step}, b)\,(N - \text{length}) \rfloor, \qquad u \sim \mathcal{U}[0, 1)$$
 *
 * for a source of N tokens. The result is a pure function of the source and the options: a resumed run draws what the uninterrupted one would.
 *
 * @param source the tokens
 * @param options `batch`: number of windows; `length`: targets in a window; `seed` and `step`: which draw, integers
 * @returns `batch` full windows
 * @throws ConfigError if an option is not an integer in range
 * @throws DataError if the source is shorter than a window
 */
export function sampleWindows(
  source: TokenSource,
  options: { readonly batch: number; readonly length: number; readonly seed: number; readonly step: number },
): TokenWindows {
  const { batch, length, seed, step } = options;
  requireIntegers({ batch, length }, 1);
  requireIntegers({ seed, step }, Number.MIN_SAFE_INTEGER);
  const places = source.length - length;
  if (places < 1) {
    throw new DataError(
      `"${source.name}" has ${source.length} tokens, and a window needs ${length + 1}; use a longer text or a shorter window`,
    );
  }
  const starts = Array.from({ length: batch }, (_, row) => Math.floor(counterRandom(seed, step, row) * places));
  return readWindows(source, starts, length);
}

/**
 * Walks along a source so that every token but the first is a target exactly once. Row after row, batch after batch, the windows follow each
 * other: with `batch` 1 a state may be carried from window to window through the whole source. All batches have the same shape; at the end
 * the last window may have fewer real targets, and rows may have none.
 *
 * @param source the tokens; with fewer than two there is nothing to predict and no window
 * @param options `length`: targets in a window; `batch`: windows at a time
 * @returns the windows in order
 * @throws ConfigError if an option is not a positive integer
 */
export function* sequentialWindows(
  source: TokenSource,
  options: { readonly batch: number; readonly length: number },
): Generator<TokenWindows, void, undefined> {
  const { batch, length } = options;
  requireIntegers({ batch, length }, 1);
  for (let start = 0; start < source.length - 1; start += batch * length) {
    const starts = Array.from({ length: batch }, (_, row) => Math.min(start + row * length, source.length));
    yield readWindows(source, starts, length);
  }
}

function readWindows(source: TokenSource, starts: readonly number[], length: number): TokenWindows {
  const tokens = new Int32Array(starts.length * (length + 1));
  const targets = starts.map((start, row) => {
    const count = Math.min(length + 1, source.length - start);
    // A row of one token has nothing to predict, and its token is the last target of the row before.
    if (count < 2) return 0;
    tokens.set(source.read(start, count), row * (length + 1));
    return count - 1;
  });
  return { tokens, batch: starts.length, length, starts, targets };
}

function requireIntegers(options: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(options)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new ConfigError(`${name} must be ${least === 1 ? "a positive integer" : "an integer"}; it is ${value}`);
  }
}
