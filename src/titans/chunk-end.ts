/** What may be done to a memory where one chunk ends and the next begins: rules that need its whole weights, which a chunk never builds a token at a time. */
import { nn, np, type Tensor, zipTrees } from "../array/index.ts";
import type { MemoryWeights } from "../common/index.ts";
import { newtonSchulz } from "../optim/index.ts";
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

/** What the rules need to know of the chunk that ends. */
export interface EndedChunk {
  /** b_C: what is left of the weights at the chunk's start, one number a memory. */
  readonly retained: Tensor;
  /** M_0, where forgetting leads there. */
  readonly forgetTowards?: MemoryWeights;
  /** 1 for tokens, 0 for empty slots: broadcastable to [..., C]. A chunk of empty slots alone ends nothing. */
  readonly mask?: Tensor;
}

/**
 * The memory's matrices with the chunk's surprise orthogonalised: the chunk counts as one step of Muon.
 *
 * $$W' = b_C W_0 + \mathrm{NS}_5(S_C), \qquad \text{or with forgetting towards } M_0: \quad W' = M_0 + b_C (W_0 - M_0) + \mathrm{NS}_5(S_C)$$
 *
 * Step sizes then decide the direction of a step and no longer its length, which is about one in every direction: a memory that is to change less needs
 * `gatedTransition` as well. The carried surprise stays as it is. Source: the spectral norm of surprises of lucidrains/titans-pytorch, there for every token,
 * which the low-rank form cannot do.
 *
 * @param start W_0: the weights at the chunk's start, matrices [..., out, in]
 * @param surprise S_C: what the chunk's last token adds to the weights
 * @returns one matrix a layer
 */
export function orthogonalizedWrite(start: MemoryWeights, surprise: MemoryWeights, chunk: EndedChunk): Tensor[] {
  const retained = np.expandDims(chunk.retained, [-2, -1]);
  return start.layers.map((matrix, l) => {
    const towards = chunk.forgetTowards?.layers[l];
    const kept =
      towards === undefined
        ? np.multiply(retained, matrix)
        : np.add(towards, np.multiply(retained, np.subtract(matrix, towards)));
    return np.add(kept, newtonSchulz(surprise.layers[l]!));
  });
}

/**
 * A memory that moves from one gradient point to the next by a learned part of the way.
 *
 * $$W_0' = W_0 + \sigma(g)\,(W_C - W_0)$$
 *
 * Source: the gated transition of lucidrains/titans-pytorch, whose gate starts at $\sigma(-5)$.
 *
 * @param start W_0: the weights at the chunk's start, matrices [..., out, in]
 * @param end W_C, same shapes
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
 * The state that is handed to the next chunk: the weights changed by the rules, the surprises as they are.
 *
 * @param start before the chunk
 * @param end after its last token
 */
export function chunkEnd(rules: ChunkEnd, start: MemoryState, end: MemoryState, chunk: EndedChunk): MemoryState {
  const { orthogonalizeSurprise = false, transitionGate, normsOf } = rules;
  let { memory } = end;
  if (orthogonalizeSurprise) memory = { ...memory, layers: orthogonalizedWrite(start.memory, end.surprise, chunk) };
  if (transitionGate !== undefined) memory = gatedTransition(start.memory, memory, transitionGate);
  if (normsOf !== undefined) memory = renormalized(memory, normsOf);
  if (chunk.mask === undefined || memory === end.memory) return { ...end, memory };
  const hasTokens = np.greater(np.max(chunk.mask, -1), 0);
  const chosen = (ruled: Tensor, plain: Tensor) => np.where(spread(hasTokens, ruled), ruled, plain);
  return { ...end, memory: zipTrees(chosen, memory, end.memory) };
}
