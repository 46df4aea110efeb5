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
 * @see Nested Learning (arXiv:2512.24695) Eq. 63
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

/**
 * Whom a segment's retrieved rows are shown to.
 *
 * - `causal`: token j sees the rows of tokens 1 to j, so that it learns nothing of what follows it
 * - `literal`: every token sees all rows of its segment, as the paper's figure draws it. A row is made from its token, so this shows the future.
 */
export const contextMaskForms = ["causal", "literal"] as const;
/** One of `contextMaskForms`. */
export type ContextMaskForm = (typeof contextMaskForms)[number];

/**
 * Attention inside one segment laid out as persistent tokens, retrieved rows, tokens.
 *
 * $$\text{visible}(s_j) = p_1..p_{N_p},\ h_1..h_j,\ s_1..s_j, \qquad \text{visible}(h_j) = p_1..p_{N_p},\ h_1..h_j, \qquad \text{visible}(p_j) = p_1..p_j$$
 *
 * The literal form is plain causal order over the whole layout: s_j sees every h.
 *
 * @param persistent N_p, how many persistent tokens
 * @param segment C, tokens of the segment and rows retrieved for them
 * @param form `causal` by default
 * @returns booleans [N_p + 2 C, N_p + 2 C]
 */
export function memoryAsContextMask(persistent: number, segment: number, form: ContextMaskForm = "causal"): Tensor {
  const positions = np.arange(persistent + 2 * segment);
  const inOrder = causalMask(positions, positions);
  if (form === "literal") return inOrder;
  const isToken = np.expandDims(np.greaterEqual(positions, persistent + segment), -1);
  const isRetrieved = np.logicalAnd(np.greaterEqual(positions, persistent), np.less(positions, persistent + segment));
  const ofLaterToken = compare(np.less, np.subtract(positions, segment), positions);
  return np.logicalAnd(inOrder, np.logicalNot(np.logicalAnd(isToken, np.logicalAnd(isRetrieved, ofLaterToken))));
}
