/** Persistent memory: learned tokens before every sequence, which never change at test time. */
import { type Key, mapTree, np, random, type Tensor, type Tree } from "../array/index.ts";
import type { SequenceLayer } from "../common/index.ts";
import { ConfigError } from "../utils/index.ts";

/**
 * Fresh persistent tokens, of the size of normed tokens.
 *
 * @param count N_p
 * @returns [N_p, dim]; `undefined` for none of them
 * @throws ConfigError if the count is not a whole number from 0
 */
export function initPersistentTokens(key: Key, count: number, dim: number): Tensor | undefined {
  checkPersistentTokens(count);
  return count === 0 ? undefined : random.normal(key, [count, dim]);
}

/** @internal Throws unless the number of persistent tokens can be one. */
export function checkPersistentTokens(count: number): void {
  if (!Number.isInteger(count) || count < 0) {
    throw new ConfigError(`persistentTokens is ${count}; it must be a whole number: 0 for none of them, or more`);
  }
}

/** @internal What attention reaches where it sees some persistent tokens besides. */
export function withPersistent(reached: string, count: number): string {
  return count === 0 ? reached : `${reached}, and ${count} persistent ${count === 1 ? "token" : "tokens"}`;
}

/**
 * Puts the persistent tokens before a sequence.
 *
 * $$x_{new} = [\,p_1\ p_2\ \dots\ p_{N_p}\,]\ \|\ x$$
 *
 * The tokens are the same for every sequence and, where there are segments, for every segment. They are outer-loop parameters: nothing at test time
 * writes to them.
 *
 * @param persistent p: [N_p, dim]; `undefined` for none of them
 * @param x [batch, tokens, dim]
 * @returns [batch, N_p + tokens, dim]
 * @see Titans (arXiv:2501.00663) Eq. 19
 */
export function prependPersistent(persistent: Tensor | undefined, x: Tensor): Tensor {
  if (persistent === undefined) return x;
  const [batch = 0] = x.shape;
  return np.concatenate([np.broadcastTo(persistent, [batch, ...persistent.shape]), x], 1);
}

/**
 * Starts a layer on the persistent tokens: the beginning of every stream is prepended here, once, so that later steps see their tokens only.
 *
 * All sequences begin alike, so the tokens are read once and the result is handed to each.
 *
 * @param layer reads the tokens as a call of their own, before the grid of the sequence's tokens begins
 * @param persistent [N_p, dim]; `undefined` for none of them
 * @param batch sequences
 * @returns the state after the persistent tokens, and the layer's outputs for them: [batch, N_p, dim]
 */
export function readPersistent<P extends Tree, S extends Tree>(
  layer: SequenceLayer<P, S>,
  params: P,
  persistent: Tensor | undefined,
  batch: number,
): { readonly state: S; readonly outputs?: Tensor } {
  if (persistent === undefined) return { state: layer.initialState(params, batch) };
  const [y, state] = layer.step(params, layer.initialState(params, 1), np.expandDims(persistent, 0));
  const forEach = (leaf: Tensor) => np.broadcastTo(leaf, [batch, ...leaf.shape.slice(1)]);
  return { state: mapTree(state, forEach), outputs: forEach(y) };
}
