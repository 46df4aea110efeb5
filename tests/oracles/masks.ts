/** Attention masks as predicates: may the query at position i see the key at position j? */

export type Mask = (query: number, key: number) => boolean;

/** Itself and everything before it. */
export function causalMask(): Mask {
  return (i, j) => j <= i;
}

/** Copies of `inner` along the diagonal, one for each block of `size` positions; nothing across blocks. */
export function blockDiagonalMask(size: number, inner: Mask): Mask {
  return (i, j) => Math.floor(i / size) === Math.floor(j / size) && inner(i % size, j % size);
}

/** Causal inside segments of `size` positions, nothing across segments. */
export function segmentMask(size: number): Mask {
  return blockDiagonalMask(size, causalMask());
}

/** Eq 31: itself and `window - 1` predecessors; a prefix counts as ordinary positions. */
export function slidingWindowMask(window: number): Mask {
  return (i, j) => j <= i && i - j < window;
}

/** Eq 27: the sliding window, and the first `prefix` positions stay visible to everybody after them. */
export function prefixWindowMask(window: number, prefix: number): Mask {
  return (i, j) => j <= i && (j < prefix || i - j < window);
}

/**
 * Eq 23 for one segment laid out as `[persistent | retrieved | segment]`, causal-safe: token s_j sees all persistent tokens,
 * retrieved rows h_1..h_j and segment tokens s_1..s_j.
 */
export function memoryAsContextMask(persistent: number, segment: number): Mask {
  const firstToken = persistent + segment;
  return (i, j) => {
    if (j > i) return false;
    if (i < firstToken || j < persistent || j >= firstToken) return true;
    return j - persistent <= i - firstToken;
  };
}

/** The mask as rows of booleans. */
export function maskTable(mask: Mask, queries: number, keys: number): boolean[][] {
  return Array.from({ length: queries }, (_, i) => Array.from({ length: keys }, (_, j) => mask(i, j)));
}

/** How many keys each query sees. */
export function visibleCounts(mask: Mask, queries: number, keys: number): number[] {
  return maskTable(mask, queries, keys).map((row) => row.filter(Boolean).length);
}
