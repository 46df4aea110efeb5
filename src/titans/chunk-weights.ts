/** What a chunk's tokens make of the weights it started with: the parts of every token's own weights, and the state after the last. */
import { np, type Tensor, zipTrees } from "../array/index.ts";
import { type MemoryFactors, type MemoryWeights, type WeightTerm, weightedGradient } from "../common/index.ts";
import { type MemoryState, stateOf, surprisesByOrder } from "./memory-update.ts";
import { afterLastPair } from "./pairs.ts";
import { type ChunkCoefficients, finalCoefficients } from "./parallel.ts";
import { added, scaled } from "./surprise.ts";

/** How some tokens' weights are made: W_t = b_t W_0 + c_t S_0 - sum_i P[t,i] g_i, with one c for each order of momentum, the highest first. */
export interface TokenShares {
  /** b: [..., C] */
  readonly memory: Tensor;
  /** c of S^(n), ..., S^(1): [..., C] each */
  readonly momentum: readonly Tensor[];
  /** P: [..., C, writes] */
  readonly writes: Tensor;
}

function sharesOf({ memory, momentum, writes, higherOrders = [] }: ChunkCoefficients): TokenShares {
  return { memory, momentum: [momentum, ...higherOrders.map((order) => order.momentum)], writes };
}

/** Shares of the weights after each token, its last pair included. */
export function sharesAfterTokens(coefficients: ChunkCoefficients, pairs: number): TokenShares {
  const { memory, momentum, writes } = sharesOf(coefficients);
  const picked = (x: Tensor) => afterLastPair(x, pairs, x.ndim - 1);
  return {
    memory: picked(memory),
    momentum: momentum.map(picked),
    writes: afterLastPair(writes, pairs, writes.ndim - 2),
  };
}

/** Shares of the weights before each token: the first token finds the chunk's start. */
export function sharesBeforeTokens({ memory, momentum, writes }: TokenShares): TokenShares {
  const size = memory.shape.at(-1) ?? 0;
  const shift = np.subtract(np.tri(size, size, -1), np.tri(size, size, -2));
  const first = np.subtract(np.ones([size]), np.sum(shift, 1));
  const earlier = (x: Tensor) => np.squeeze(np.matmul(shift, np.expandDims(x, -1)), -1);
  return {
    memory: np.add(earlier(memory), first),
    momentum: momentum.map(earlier),
    writes: np.matmul(shift, writes),
  };
}

/**
 * The terms of tokens' weights beside their chunk's writes.
 *
 * $$b_t W_0 + \sum_j c^{(j)}_t S^{(j)}_0, \qquad \text{or with forgetting towards } M_0: \quad M_0 + b_t (W_0 - M_0) + \sum_j c^{(j)}_t S^{(j)}_0$$
 *
 * The second is the same rule for the difference $D = W - M_0$, so $D_t = (1 - \alpha_t) D_{t-1} + S_t$: forgetting leads back to M_0 instead of to zero.
 * A memory that was never written is M_0 exactly, whatever it forgot.
 *
 * @param state W_0 and the surprises carried into the chunk
 * @param forgetTowards M_0: matrices broadcastable to the state's
 */
export function weightTerms(state: MemoryState, shares: TokenShares, forgetTowards?: MemoryWeights): WeightTerm[] {
  const highestFirst = [...surprisesByOrder(state)].reverse();
  const carried = highestFirst.map((weights, order) => ({ weights, share: shares.momentum[order]! }));
  if (forgetTowards === undefined) return [{ weights: state.memory, share: shares.memory }, ...carried];
  const difference = zipTrees((now, initial) => np.subtract(now, initial), state.memory, forgetTowards);
  return [{ weights: forgetTowards }, { weights: difference, share: shares.memory }, ...carried];
}

/** The state after the chunk's last token. */
export function stateAfterChunk(
  state: MemoryState,
  factors: MemoryFactors,
  coefficients: ChunkCoefficients,
  forgetTowards?: MemoryWeights,
): MemoryState {
  const final = finalCoefficients(coefficients);
  const minus = (terms: readonly WeightTerm[], writes: Tensor) =>
    terms
      .map(({ weights, share }) => (share === undefined ? weights : scaled(share, weights)))
      .concat(weightedGradient(factors, np.negative(writes)))
      .reduce(added);
  const memory = minus(weightTerms(state, sharesOf(final), forgetTowards), final.writes);
  const orders = [final, ...(final.higherOrders ?? [])];
  const surprises = surprisesByOrder(state).map((_, k, before) => {
    const terms = before.slice(0, k + 1).map((weights, j) => ({ weights, share: orders[k - j]!.surprise }));
    return minus(terms, orders[k]!.surpriseWrites);
  });
  return stateOf(memory, surprises);
}
