/** Attention masks: which keys a query may see, from the positions of both. */
import { np, type Tensor } from "../array/index.ts";

function compare(
  relation: (query: Tensor, key: Tensor) => Tensor,
  queryPositions: Tensor,
  keyPositions: Tensor,
): Tensor {
  return relation(np.expandDims(queryPositions, -1), np.expandDims(keyPositions, -2));
}

/**
 * A token sees itself and everything before it.
 *
 * $$\text{visible}_{ij} = [\,j \le i\,]$$
 *
 * @param queryPositions i: [..., Tq]
 * @param keyPositions j: [..., Tk]
 * @returns booleans [..., Tq, Tk]
 */
export function causalMask(queryPositions: Tensor, keyPositions: Tensor): Tensor {
  return compare(np.greaterEqual, queryPositions, keyPositions);
}

/**
 * A token sees itself and what comes before it in its own segment.
 *
 * $$\text{visible}_{ij} = [\,j \le i \ \wedge\ \lfloor i/C \rfloor = \lfloor j/C \rfloor\,]$$
 *
 * @param queryPositions i: [..., Tq]
 * @param keyPositions j: [..., Tk]
 * @param segment C, tokens a segment
 * @returns booleans [..., Tq, Tk]
 */
export function segmentMask(queryPositions: Tensor, keyPositions: Tensor, segment: number): Tensor {
  const start = (positions: Tensor) => np.subtract(positions, np.remainder(positions, segment));
  const together = compare(np.equal, start(queryPositions), start(keyPositions));
  return np.logicalAnd(causalMask(queryPositions, keyPositions), together);
}

/**
 * A token sees itself and its `window - 1` predecessors.
 *
 * $$\text{visible}_{ij} = [\,0 \le i - j < w\,]$$
 *
 * @param queryPositions i: [..., Tq]
 * @param keyPositions j: [..., Tk]
 * @param window w, how many tokens are visible
 * @returns booleans [..., Tq, Tk]
 */
export function slidingWindowMask(queryPositions: Tensor, keyPositions: Tensor, window: number): Tensor {
  const near = compare(np.less, queryPositions, np.add(keyPositions, window));
  return np.logicalAnd(causalMask(queryPositions, keyPositions), near);
}

/**
 * A sliding window, and the first positions stay visible to everything after them.
 *
 * $$\text{visible}_{ij} = [\,j \le i \ \wedge\ (i - j < w \ \vee\ j < N_p)\,]$$
 *
 * @param queryPositions i: [..., Tq]
 * @param keyPositions j: [..., Tk]
 * @param window w, how many tokens are visible besides the prefix
 * @param prefix N_p, how many positions from 0 on are always visible
 * @returns booleans [..., Tq, Tk]
 */
export function prefixWindowMask(queryPositions: Tensor, keyPositions: Tensor, window: number, prefix: number): Tensor {
  const inPrefix = np.expandDims(np.less(keyPositions, prefix), -2);
  return np.logicalOr(
    slidingWindowMask(queryPositions, keyPositions, window),
    np.logicalAnd(causalMask(queryPositions, keyPositions), inPrefix),
  );
}
