/** Windows of tokens for evaluation: the same number everywhere in a text, none overlapping. */
import type { TokenSource, TokenWindows } from "../data/index.ts";
import { DataError } from "../utils/index.ts";

/** How `spreadWindows` reads. */
export interface SpreadOptions {
  /** Windows at a time; fewer where the text has fewer. */
  readonly batch: number;
  /** Targets in a window. */
  readonly length: number;
  /** Targets wanted in all; as many whole batches as come nearest to it, and at least one. */
  readonly targets: number;
}

/**
 * Batches of whole windows spread evenly over a text. The windows of one batch lie far apart, those of one row follow each other.
 *
 * A text is cut into windows, the windows into as many strips as a batch has rows; every batch takes one window of each strip. So all of a text is
 * read where `targets` asks for it (but for the rest that fills no window), and a fair part of it otherwise.
 *
 * @param source the text's tokens
 * @returns the batches, all of the same shape
 * @throws DataError if the text has fewer than two windows
 */
export function spreadWindows(source: TokenSource, options: SpreadOptions): TokenWindows[] {
  const { length } = options;
  const available = Math.floor((source.length - 1) / length);
  if (available < 2) {
    throw new DataError(
      `"${source.name}" has ${source.length} tokens, and two windows to evaluate on need ${2 * length + 1}; use a longer text or a shorter window`,
    );
  }
  const batch = Math.min(options.batch, available);
  const strip = Math.floor(available / batch);
  const rounds = Math.min(strip, Math.max(1, Math.round(options.targets / (batch * length))));
  return Array.from({ length: rounds }, (_, round) => {
    const inStrip = Math.floor((round * strip) / rounds);
    const starts = Array.from({ length: batch }, (_, row) => (row * strip + inStrip) * length);
    const tokens = new Int32Array(batch * (length + 1));
    for (const [row, start] of starts.entries()) tokens.set(source.read(start, length + 1), row * (length + 1));
    return { tokens, batch, length, starts, targets: starts.map(() => length) };
  });
}
