/** Chunks whose tokens each erase from the weights they find: solved at once, exactly the token-by-token rule. */
import { np, type Tensor } from "../array/index.ts";
import { solveUnitLower } from "../common/index.ts";
import {
  type AxisDecay,
  applyAfterTokens,
  applyWrites,
  channelsFirst,
  decayBeforeTokens,
  gatedProducts,
  type MatrixDecay,
  matrixAfter,
  sumOfWrites,
} from "./chunk-decay.ts";

/** What a chunk's tokens take away, each from the weights that it finds. */
export interface Erasure {
  /** p: what the memory is asked before it is changed. [..., C, in] */
  readonly probes: Tensor;
  /** q: along which the answer is taken away. [..., C, in] */
  readonly erase: Tensor;
  /** x: how much of the answer is taken away, one number [..., C, 1] or one a row [..., C, out] */
  readonly eraseSize: Tensor;
}

/** What a chunk's tokens write. */
export interface Additions {
  /** k: under which is written. [..., C, in] */
  readonly keys: Tensor;
  /** v: what is written, its step size included. [..., C, out] */
  readonly writes: Tensor;
}

/** A chunk's tokens as the erase rule sees them; decay, erase and write of one token are one step. */
export interface EraseTokens extends Erasure, Additions {
  /** [..., C, in] */
  readonly queries: Tensor;
}

/** Momentum of what is written: the decay of the same gates with `logMomentum`, and the step carried into the chunk, [..., out, in]. Erasing carries nothing on. */
export interface CarriedStep {
  readonly decay: MatrixDecay;
  readonly step: Tensor;
}

/** A chunk of one matrix, solved; what is not asked for is not computed. */
export interface MatrixChunk {
  /** $u_t = W_{t-1} p_t$, where tokens erase: [..., C, out] */
  readonly answers?: Tensor;
  /** $W_t r_t$ for a vector a token: [..., C, in] to [..., C, out] */
  afterTokens(r: Tensor): Tensor;
  /** $W_{t-1} r_t$, the token's own step not taken yet. */
  beforeTokens(r: Tensor): Tensor;
  /** The weights, and the carried step where there is one, after the last token: [..., out, in] */
  atEnd(): { readonly matrix: Tensor; readonly step?: Tensor };
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
  const chunk = matrixChunk(decay, start, tokens, tokens);
  return { outputs: chunk.afterTokens(tokens.queries), answers: chunk.answers!, weights: chunk.atEnd().matrix };
}

/**
 * The same rule with what is asked of it left open, with or without erasing, and with momentum where steps are carried.
 *
 * $$W_t = \rho_t \odot W_{t-1} \odot \kappa_t - \big(x_t \odot W_{t-1} p_t\big) q_t^\top + S_t, \qquad S_t = m_t S_{t-1} + v_t k_t^\top$$
 *
 * @param decay of rows and columns, without momentum: `matrixDecay`
 * @param start W_0: [..., out, in]
 * @param erasure none leaves what is there to the decay
 */
export function matrixChunk(
  decay: MatrixDecay,
  start: Tensor,
  { keys, writes }: Additions,
  erasure?: Erasure,
  carried?: CarriedStep,
): MatrixChunk {
  const written = { input: keys, error: np.negative(writes) };
  const ofWrites = carried?.decay ?? decay;
  const last = keys.shape.at(-2)! - 1;
  const unerased = (decays: MatrixDecay, r: Tensor) => applyAfterTokens(decays, written, start, carried?.step, r);
  const unerasedEnd = () => matrixAfter(ofWrites, written, start, carried?.step, last);
  if (erasure === undefined) {
    return {
      afterTokens: (r) => unerased(ofWrites, r),
      beforeTokens: (r) => unerased(decayBeforeTokens(ofWrites), r),
      atEnd: unerasedEnd,
    };
  }
  const before = decayBeforeTokens(decay);
  const writtenBefore = carried ? decayBeforeTokens(carried.decay) : before;
  const answers = solveAnswers(before, erasure, unerased(writtenBefore, erasure.probes));
  const erased = { input: erasure.erase, error: np.multiply(erasure.eraseSize, answers) };
  return {
    answers,
    afterTokens: (r) => np.subtract(unerased(ofWrites, r), applyWrites(decay, erased, r)),
    beforeTokens: (r) => np.subtract(unerased(writtenBefore, r), applyWrites(before, erased, r)),
    atEnd: () => {
      const end = unerasedEnd();
      return { ...end, matrix: np.subtract(end.matrix, sumOfWrites(decay, erased, last)) };
    },
  };
}

/**
 * What of the start and of earlier writes each token takes away: the decay as a token finds it, times how much it erases. Matrices with the same gates share it.
 *
 * @param decay of rows alone, one number a token
 * @param eraseSize x: [..., C, 1]
 */
export function eraseShares(decay: MatrixDecay, eraseSize: Tensor): AxisDecay {
  const { start, writes } = decayBeforeTokens(decay).rows;
  return { start: np.multiply(start, eraseSize), writes: np.multiply(writes, np.expandDims(eraseSize, -3)) };
}

/**
 * A chunk that erases along the keys under which it writes, in fewer operations than `matrixChunk`.
 *
 * $$W_t = \rho_t W_{t-1} - s_t k_t^\top, \qquad s_t = x_t W_{t-1} k_t - v_t$$
 *
 * What is taken away and what is written are one change of rank one, and the changes of a chunk solve $(I + N)\,S = R$; given them, the chunk is a linear one.
 *
 * @param shares `eraseShares` of the decay
 * @param start W_0: [..., out, in]
 */
export function deltaChunk(
  decay: MatrixDecay,
  shares: AxisDecay,
  start: Tensor,
  { keys, writes }: Additions,
): MatrixChunk {
  const found = np.multiply(shares.start, np.matmul(keys, channelsFirst(start)));
  const strictlyLower = np.multiply(gatedProducts(undefined, keys, keys), np.squeeze(shares.writes, -3));
  const changes = solveUnitLower(strictlyLower, np.subtract(found, writes));
  return matrixChunk(decay, start, { keys, writes: np.negative(changes) });
}

/** U from what is known without it. */
function solveAnswers({ rows, columns }: MatrixDecay, tokens: Erasure, known: Tensor): Tensor {
  const pairs = gatedProducts(columns, tokens.probes, tokens.erase);
  const byRow = np.multiply(np.expandDims(channelsFirst(tokens.eraseSize), -2), rows.writes); // [..., 1 or out, C, C]
  const strictlyLower = np.multiply(np.expandDims(pairs, -3), byRow);
  if (strictlyLower.shape.at(-3) === 1) return solveUnitLower(np.squeeze(strictlyLower, -3), known);
  const columnwise = np.expandDims(channelsFirst(known), -1); // [..., out, C, 1]
  return channelsFirst(np.squeeze(solveUnitLower(strictlyLower, columnwise), -1));
}
