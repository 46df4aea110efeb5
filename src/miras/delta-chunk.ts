/** Chunks whose tokens each erase from the weights they find: solved at once, exactly the token-by-token rule. */
import { np, type Tensor } from "../array/index.ts";
import { solveUnitLower } from "../common/index.ts";
import {
  applyAfterTokens,
  applyWrites,
  channelsFirst,
  decayBeforeTokens,
  gatedProducts,
  type MatrixDecay,
  matrixAfter,
  sumOfWrites,
} from "./chunk-decay.ts";

/** A chunk's tokens as the erase rule sees them; decay, erase and write of one token are one step. */
export interface EraseTokens {
  /** p: what the memory is asked before it is changed. [..., C, in] */
  readonly probes: Tensor;
  /** q: along which the answer is taken away. [..., C, in] */
  readonly erase: Tensor;
  /** x: how much of the answer is taken away, one number [..., C, 1] or one a row [..., C, out] */
  readonly eraseSize: Tensor;
  /** k: under which is written. [..., C, in] */
  readonly keys: Tensor;
  /** v: what is written, its step size included. [..., C, out] */
  readonly writes: Tensor;
  /** [..., C, in] */
  readonly queries: Tensor;
}

/**
 * A chunk of any rule that erases from the running weights.
 *
 * $$W_t = \rho_t \odot W_{t-1} \odot \kappa_t - \big(x_t \odot W_{t-1} p_t\big) q_t^\top + v_t k_t^\top, \qquad y_t = W_t\,r_t$$
 *
 * The answers $u_t = W_{t-1} p_t$ of a chunk depend on one another linearly, each on earlier ones only:
 * $(I + N)\,U = R$ with N strictly lower triangular, from products of keys and gates. Solved in $\log_2 C$ small products; then all tokens' reads and the
 * weights at the end follow as in any linear chunk. DeltaNet, Gated DeltaNet, RWKV-7, DeltaProduct (several steps a token) and Longhorn are this rule.
 *
 * @param decay of rows and columns: `matrixDecay`
 * @param start W_0: [..., out, in]
 * @returns outputs [..., C, out], answers U [..., C, out], and the weights after the last token
 */
export function eraseChunk(
  decay: MatrixDecay,
  start: Tensor,
  tokens: EraseTokens,
): { outputs: Tensor; answers: Tensor; weights: Tensor } {
  const { probes, erase, eraseSize, keys, writes, queries } = tokens;
  const before = decayBeforeTokens(decay);
  const written = { input: keys, error: np.negative(writes) };
  const known = applyAfterTokens(before, written, start, undefined, probes);
  const answers = solveAnswers(before, tokens, known);
  const erased = { input: erase, error: np.multiply(eraseSize, answers) };
  const outputs = np.subtract(
    applyAfterTokens(decay, written, start, undefined, queries),
    applyWrites(decay, erased, queries),
  );
  const last = probes.shape.at(-2)! - 1;
  const { matrix } = matrixAfter(decay, written, start, undefined, last);
  return { outputs, answers, weights: np.subtract(matrix, sumOfWrites(decay, erased, last)) };
}

/** U from what is known without it. */
function solveAnswers({ rows, columns }: MatrixDecay, tokens: EraseTokens, known: Tensor): Tensor {
  const pairs = gatedProducts(columns, tokens.probes, tokens.erase);
  const byRow = np.multiply(np.expandDims(channelsFirst(tokens.eraseSize), -2), rows.writes); // [..., 1 or out, C, C]
  const strictlyLower = np.multiply(np.expandDims(pairs, -3), byRow);
  if (strictlyLower.shape.at(-3) === 1) return solveUnitLower(np.squeeze(strictlyLower, -3), known);
  const columnwise = np.expandDims(channelsFirst(known), -1); // [..., out, C, 1]
  return channelsFirst(np.squeeze(solveUnitLower(strictlyLower, columnwise), -1));
}
