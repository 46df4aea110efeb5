/** Operations on the state of any layer or model: every array's first axis is the batch. */
import { lax, mapTree, np, type Tensor, type Tree, tensor, zipTrees } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";

/**
 * Some rows of a state, in the order given; rows may repeat.
 *
 * @param state arrays [batch, ...]
 * @param rows indices from 0 to batch - 1
 * @throws ShapeError if a row does not exist
 */
export function selectRows<S extends Tree>(state: S, rows: readonly number[]): S {
  const index = tensor(Int32Array.from(rows));
  return mapTree(state, (leaf) => {
    const batch = leaf.shape[0] ?? 0;
    const bad = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= batch);
    if (bad !== undefined)
      throw new ShapeError(`row ${bad} does not exist: the state has ${batch} rows, numbered from 0`);
    return np.take(leaf, index, 0);
  });
}

/**
 * A state whose given rows are as before the first token, the others unchanged.
 *
 * @param state arrays [batch, ...]
 * @param initial the state before the first token, same shapes
 * @param rows which rows to reset
 */
export function resetRows<S extends Tree>(state: S, initial: S, rows: readonly number[]): S {
  return zipTrees(
    (now, before) => {
      const batch = now.shape[0] ?? 0;
      const chosen = Float32Array.from({ length: batch }, (_, row) => (rows.includes(row) ? 1 : 0));
      const column = tensor(chosen, [batch, ...now.shape.slice(1).map(() => 1)]);
      return np.where(np.greater(column, 0), before, now);
    },
    state,
    initial,
  );
}

/** The same state with its history cut off: outer gradients do not flow into earlier calls. */
export function detachState<S extends Tree>(state: S): S {
  return mapTree(state, (leaf: Tensor) => lax.stopGradient(leaf));
}
