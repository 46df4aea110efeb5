/** Entries along a time axis of which some are empty: selecting the last valid ones and closing the gaps, by matrix products. */
import { lax, np, slice, type Tensor } from "../array/index.ts";

/**
 * Entries followed by more entries, with empty (zero) ones in front that make their number a multiple of four.
 *
 * Matrix products along an axis of another length take three to six times as long on the `wasm` engine.
 *
 * @param before [batch, n, ...features]
 * @param added [batch, m, ...features]
 * @returns [batch, entries, ...features], entries the next multiple of four from n + m on
 */
export function appendEntries(before: Tensor, added: Tensor): Tensor {
  const entries = (before.shape[1] ?? 0) + (added.shape[1] ?? 0);
  const missing = (4 - (entries % 4)) % 4;
  const widths = before.shape.map((_, axis): [number, number] => [axis === 1 ? missing : 0, 0]);
  return np.concatenate([missing === 0 ? before : np.pad(before, widths), added], 1);
}

/**
 * The last entries, whether valid or not.
 *
 * @param entries [batch, n, ...features]
 * @returns [batch, count, ...features]
 */
export function lastEntries(entries: Tensor, count: number): Tensor {
  const n = entries.shape[1] ?? 0;
  return slice(entries, [], [n - count, n]);
}

/** How many valid entries there are up to each one, itself included: [batch, entries]. */
export function countValid(validity: Tensor): Tensor {
  return np.cumsum(np.astype(np.greater(validity, 0), "float32"), -1);
}

/**
 * A matrix that picks valid entries by their number, counted from 1; a row without such an entry is zero.
 *
 * $$P_{r,n} = [\,n \text{ is valid and the } o_r\text{-th valid entry}\,]$$
 *
 * One-hot products instead of a gather: they are exact, and their gradient works in every compiled program.
 *
 * @param validity [batch, entries]; positive where there is an entry
 * @param ordinals o: whole numbers [batch, rows]
 * @param like the selector has this tensor's dtype
 * @returns P: [batch, rows, entries]
 */
export function validSelector(validity: Tensor, ordinals: Tensor, like: Tensor): Tensor {
  const isWanted = np.equal(np.expandDims(countValid(validity), 1), np.expandDims(ordinals, -1));
  const chosen = np.logicalAnd(isWanted, np.expandDims(np.greater(validity, 0), 1));
  // Without this, programs would compute a gradient of the choice, only to multiply it by zero.
  return lax.stopGradient(np.astype(chosen, like.dtype));
}

/**
 * A matrix that moves the last `count` valid entries to the right end, in order; rows without an entry are zero.
 *
 * @param validity [batch, entries]; positive where there is an entry
 * @param count how many entries to keep
 * @param like the selector has this tensor's dtype
 * @returns [batch, count, entries]
 */
export function lastValidSelector(validity: Tensor, count: number, like: Tensor): Tensor {
  const total = lastEntries(countValid(validity), 1); // [batch, 1]
  return validSelector(validity, np.add(total, np.arange(1 - count, 1)), like);
}

/**
 * Applies a selector to entries with any features.
 *
 * @param selector [batch, rows, entries]
 * @param entries [batch, entries, ...features]; empty ones must be finite
 * @returns [batch, rows, ...features]
 */
export function selectEntries(selector: Tensor, entries: Tensor): Tensor {
  const [batch = 0, count = 0, ...features] = entries.shape;
  const flat = np.reshape(entries, [batch, count, features.reduce((product, n) => product * n, 1)]);
  return np.reshape(np.matmul(selector, flat), [batch, selector.shape[1] ?? 0, ...features]);
}

/**
 * Zeroes the outputs of empty slots.
 *
 * @param x [batch, tokens, dim]
 * @param mask [batch, tokens], positive where a slot holds a token; all slots by default
 */
export function zeroEmptySlots(x: Tensor, mask?: Tensor): Tensor {
  return mask === undefined ? x : np.where(np.expandDims(np.greater(mask, 0), -1), x, 0);
}
