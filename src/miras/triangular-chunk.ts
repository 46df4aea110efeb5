/** Chunks of a matrix memory that take every token's gradient at its own weights. */
import { np, slice, type Tensor } from "../array/index.ts";
import { gatedWrites, matrixDecay } from "./chunk-decay.ts";
import { eraseChunk } from "./delta-chunk.ts";
import { type ChunkTokens, isAfterDecay, type MemoryChoices } from "./memory-choices.ts";
import type { AssociativeState } from "./memory-state.ts";
import type { ChunkResult } from "./network-writes.ts";
import { matrixGates, type WriteGates } from "./write-gates.ts";

/**
 * A matrix memory with an error that is linear in its answer: each token erases from the weights that it finds, decayed or not.
 *
 * With n pairs a token they are written one after another, and the query reads what is there after the last.
 */
export function triangularChunk(
  choices: MemoryChoices,
  state: AssociativeState,
  tokens: ChunkTokens,
  gates: WriteGates,
): ChunkResult {
  const { prediction, value } = choices.bias.affine!;
  const { keys, erase } = tokens;
  const own = matrixGates(gates, choices.gateAxis, 0, 1);
  const decay = matrixDecay(own);
  const { input, error: writes } = gatedWrites(own, { input: keys, error: np.multiply(tokens.values, value) });
  const taken = erase
    ? gatedWrites(own, { input: np.multiply(erase.gate, erase.keys), error: tokens.values }).input
    : input;
  const asked = erase?.keys ?? keys;
  // The answer of decayed weights, asked of those before the decay.
  const isDecayed = isAfterDecay(choices);
  const probes = isDecayed && own.columns ? np.multiply(asked, np.exp(own.columns.logRetain)) : asked;
  const fading = isDecayed && own.rows ? np.exp(own.rows.logRetain) : undefined;
  const stepRows = own.rows?.stepSize ?? np.onesLike(np.sum(keys, -1, { keepdims: true }));
  const pairs = keys.shape.at(-2)! / tokens.queries.shape.at(-2)!;
  const chunk = eraseChunk(decay, state.layers[0]!, {
    probes,
    erase: taken,
    eraseSize: np.multiply(fading ? np.multiply(stepRows, fading) : stepRows, prediction),
    keys: input,
    writes,
    queries: pairs === 1 ? tokens.queries : np.repeat(tokens.queries, pairs, -2),
  });
  const answers = fading ? np.multiply(fading, chunk.answers) : chunk.answers;
  return {
    outputs: afterLastPair(chunk.outputs, pairs),
    state: { layers: [chunk.weights] },
    errors: np.subtract(np.multiply(answers, prediction), np.multiply(tokens.values, value)),
  };
}

/** What is read after the last of each token's pairs: [..., C n, out] to [..., C, out]. */
function afterLastPair(x: Tensor, pairs: number): Tensor {
  if (pairs === 1) return x;
  const [rows = 0, features = 0] = x.shape.slice(-2);
  const leading = x.shape.slice(0, -2);
  const byToken = np.reshape(x, [...leading, rows / pairs, pairs, features]);
  return slice(byToken, ...leading.map((): [] => []), [], pairs - 1);
}
