/** What may be done to a memory where one chunk ends and the next begins: rules that need its whole weights, which a chunk never builds a token at a time. */
import { nn, np, type Tensor, zipTrees } from "../array/index.ts";
import { type MemoryWeights, newtonSchulz } from "../common/index.ts";
import type { MemoryState } from "./memory-update.ts";
import { added, scaled, spread } from "./surprise.ts";

/** Which rules apply, in this order; all are left out by default. Tokens of the chunk read the memory as if there were none. */
export interface ChunkEnd {
  /** See `orthogonalizedWrite`. */
  readonly orthogonalizeSurprise?: boolean;
  /** The logits of `gatedTransition`, one a memory. */
  readonly transitionGate?: Tensor;
  /** The weights whose norms `renormalized` restores. */
  readonly normsOf?: MemoryWeights;
}

/**
 * The memory's weights with the surprise of the chunk's last token orthogonalised: a step of Muon a chunk.
 *
 * $$W_C \leftarrow W_C - S_C + \mathrm{NS}_5(S_C)$$
 *
 * The carried surprise stays as it is. Vectors are left alone. Source: the spectral norm of surprises of lucidrains/titans-pytorch, there for every token.
 *
 * @param memory W_C: matrices [..., out, in]
 * @param surprise S_C
 * @see newtonSchulz
 */
export function orthogonalizedWrite(memory: MemoryWeights, surprise: MemoryWeights): MemoryWeights {
  const layers = memory.layers.map((matrix, l) => {
    const raw = surprise.layers[l]!;
    return np.add(matrix, np.subtract(newtonSchulz(raw), raw));
  });
  return { ...memory, layers };
}

/**
 * A memory that moves from one gradient point to the next by a learned part of the way.
 *
 * $$W_0' = W_0 + \sigma(g)\,(W_C - W_0)$$
 *
 * Source: the gated transition of lucidrains/titans-pytorch, whose gate starts at $\sigma(-5)$.
 *
 * @param start W_0: the weights at the chunk's start
 * @param end W_C
 * @param logit g: one a memory, broadcastable to the leading axes of the weights
 */
export function gatedTransition(start: MemoryWeights, end: MemoryWeights, logit: Tensor): MemoryWeights {
  return added(
    start,
    scaled(
      nn.sigmoid(logit),
      zipTrees((to, from) => np.subtract(to, from), end, start),
    ),
  );
}

/** Floor of a squared norm: the memory that has faded to nothing stays so. */
const SMALLEST_SQUARED_NORM = 1e-30;

/**
 * A memory whose matrices have the norms that others have: neither can it fade nor grow.
 *
 * $$W^{(l)} \leftarrow W^{(l)}\,\frac{\|M_0^{(l)}\|_F}{\|W^{(l)}\|_F}$$
 *
 * Vectors are left alone.
 *
 * @param memory matrices [..., out, in]
 * @param normsOf M_0: matrices of the same layers
 */
export function renormalized(memory: MemoryWeights, normsOf: MemoryWeights): MemoryWeights {
  const norm = (matrix: Tensor) =>
    np.sqrt(np.maximum(np.sum(np.square(matrix), [-2, -1], { keepdims: true }), SMALLEST_SQUARED_NORM));
  const layers = memory.layers.map((matrix, l) =>
    np.multiply(matrix, np.divide(norm(normsOf.layers[l]!), norm(matrix))),
  );
  return { ...memory, layers };
}

/**
 * The state that is handed to the next chunk.
 *
 * @param start before the chunk
 * @param end after its last token
 * @param mask 1 for tokens, 0 for empty slots: broadcastable to [..., C]. A chunk of empty slots alone ends nothing.
 */
export function chunkEnd(rules: ChunkEnd, start: MemoryState, end: MemoryState, mask?: Tensor): MemoryState {
  const { orthogonalizeSurprise = false, transitionGate, normsOf } = rules;
  let { memory } = end;
  if (orthogonalizeSurprise) memory = orthogonalizedWrite(memory, end.surprise);
  if (transitionGate !== undefined) memory = gatedTransition(start.memory, memory, transitionGate);
  if (normsOf !== undefined) memory = renormalized(memory, normsOf);
  if (mask === undefined || memory === end.memory) return { ...end, memory };
  const hasTokens = np.greater(np.max(mask, -1), 0);
  const chosen = (ruled: Tensor, plain: Tensor) => np.where(spread(hasTokens, ruled), ruled, plain);
  return { ...end, memory: zipTrees(chosen, memory, end.memory) };
}
