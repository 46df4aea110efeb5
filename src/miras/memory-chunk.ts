/** One chunk of any memory, in the form that its choices allow. */
import type { Tensor } from "../array/index.ts";
import { forwardThrough } from "../common/index.ts";
import { boundaryChunk } from "./boundary-chunk.ts";
import { applyAfterTokens, type MatrixDecay, type MatrixWrites, matrixAfter } from "./chunk-decay.ts";
import { leastSquaresChunk } from "./least-squares-chunk.ts";
import {
  type ChunkTokens,
  checkGates,
  checkPlainTokens,
  chunkFormOf,
  gatesInUse,
  type MappedRetention,
  type MemoryChoices,
} from "./memory-choices.ts";
import type { AssociativeState } from "./memory-state.ts";
import { type ChunkOptions, type ChunkResult, networkWrites } from "./network-writes.ts";
import { triangularChunk } from "./triangular-chunk.ts";
import { maskedGates, type WriteGates } from "./write-gates.ts";

/**
 * Writes a chunk and reads it: `associativeRecurrence` with the chunk as its period, without its loop over tokens.
 *
 * $$A_t = \beta_t A_0 - \sum_{i=1}^{t} \eta_i \frac{\beta_t}{\beta_i}\,\nabla\ell(W_0; k_i, v_i), \qquad \beta_i = \prod_{j=1}^{i}\alpha_j, \qquad
 * W_t = R(A_t), \qquad y_t = \mathcal M(W_t, q_t)$$
 *
 * with R the retention's map, the identity where retention is linear; where the algorithm is exact, gradients are taken at each
 * token's own weights. Moneta, Yaad and Memora in chunks are this with their bias and their map; Memora's first token is a chunk of its own.
 *
 * @param state before the chunk, arrays [..., out, in]
 * @param tokens [..., C, features]
 * @param gates [..., C, 1 or channels]
 * @throws ConfigError if the choices cannot be combined
 * @see MIRAS (arXiv:2504.13173) Eq. 28
 * @see MIRAS (arXiv:2504.13173) Algorithm 1-3
 */
export function associativeChunk(
  choices: MemoryChoices,
  state: AssociativeState,
  tokens: ChunkTokens,
  gates: WriteGates,
  options: ChunkOptions = {},
): ChunkResult {
  const form = chunkFormOf(choices);
  if (form !== "triangular") checkPlainTokens(tokens, form);
  checkGates(choices, gates);
  const own = gatesInUse(choices, tokens.keys, gates);
  const used = options.mask === undefined ? own : maskedGates(own, options.mask);
  switch (form) {
    case "lowRank":
      return lowRankChunk(choices, state, tokens, used, options);
    case "triangular":
      return triangularChunk(choices, state, tokens, used);
    case "boundary":
      return boundaryChunk(choices, choices.retention as MappedRetention, state, tokens, used, options);
    case "recurrent":
      return leastSquaresChunk(state, tokens, used);
  }
}

function lowRankChunk(
  choices: MemoryChoices,
  state: AssociativeState,
  tokens: ChunkTokens,
  gates: WriteGates,
  options: ChunkOptions,
): ChunkResult {
  const { decays, writes, errors } = networkWrites(choices, state.layers, tokens, gates, options);
  const depth = state.layers.length;
  const apply = (layer: number, r: Tensor) =>
    applyAfterTokens(decays[layer]!, writes[layer]!, state.layers[layer]!, state.steps?.[layer], r);
  const outputs = forwardThrough(choices.architecture, depth, apply, tokens.queries, options.norm);
  return { outputs, state: afterLastToken(state, decays, writes), errors };
}

function afterLastToken(
  { layers, steps }: AssociativeState,
  decays: readonly MatrixDecay[],
  writes: readonly MatrixWrites[],
): AssociativeState {
  const last = writes[0]!.input.shape.at(-2)! - 1;
  const after = layers.map((start, layer) => matrixAfter(decays[layer]!, writes[layer]!, start, steps?.[layer], last));
  const carried = { layers: after.map(({ matrix }) => matrix) };
  return steps === undefined ? carried : { ...carried, steps: after.map(({ step }) => step!) };
}
