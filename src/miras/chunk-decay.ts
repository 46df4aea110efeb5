/** How gates combine over a chunk: what is left of its start and of each write at every later token, for one weight matrix. */
import { np, slice, type Tensor } from "../array/index.ts";
import { cumulativeProducts, segmentProducts } from "../common/index.ts";
import type { MatrixGates } from "./write-gates.ts";

/** The linear recurrence of one matrix over a chunk, solved: $A_t = \rho_t A_0 \kappa_t + c_t S_0 - \sum_{i \le t} (\rho_{t,i} e_i)(\kappa_{t,i} h_i)^\top$. */
export interface MatrixDecay {
  readonly rows: AxisDecay;
  /** Where the columns have gates of their own. */
  readonly columns?: AxisDecay;
  /** Where steps are carried on: how much of the step carried into the chunk has been added by t, [..., C, n], and what is left of it and of later ones. */
  readonly momentum?: { readonly carried: Tensor; readonly decay: AxisDecay };
}

/** What is left along one axis of a matrix. */
export interface AxisDecay {
  /** Of the chunk's start, at each token: [..., C, n] */
  readonly start: Tensor;
  /** Of the write at i, at t; 0 above the diagonal: [..., n, C, C] */
  readonly writes: Tensor;
}

/** [..., C, n] with the channels before the tokens: [..., n, C]. */
export function channelsFirst(x: Tensor): Tensor {
  return np.swapaxes(x, -1, -2);
}

function axisDecay(logGates: Tensor): AxisDecay {
  const byChannel = channelsFirst(logGates);
  return { start: channelsFirst(cumulativeProducts(byChannel)), writes: segmentProducts(byChannel) };
}

/**
 * The closed form of retention, and of momentum where there is one, over one chunk.
 *
 * $$\mathcal M_t = \beta_t \mathcal M_0 - \sum_{i=1}^{t} \frac{\beta_t}{\beta_i}\,\eta_i\,g_i, \qquad \beta_t = \prod_{j=1}^{t} \alpha_j$$
 *
 * Every quotient is the exponential of its own sum of logarithms, so nothing is divided. With momentum $S_t = m_t S_{t-1} - \eta_t g_t$ is what is
 * added, and the products of both gates multiply.
 *
 * @param gates of the matrix
 * @param logMomentum log m: [..., C, 1]; none without momentum, which gates of columns exclude
 * @param mask 1 for tokens, 0 for empty slots [..., C], at which no carried step is added
 */
export function matrixDecay(gates: MatrixGates, logMomentum?: Tensor, mask?: Tensor): MatrixDecay {
  const { rows: rowGates, columns: columnGates } = gates;
  const rows = axisDecay(rowGates?.logRetain ?? noDecay(columnGates!.logRetain));
  if (columnGates !== undefined) return { rows, columns: axisDecay(columnGates.logRetain) };
  if (logMomentum === undefined) return { rows };
  const decay = axisDecay(logMomentum);
  const added = mask === undefined ? rows.writes : np.multiply(rows.writes, np.expandDims(mask, [-2, -3]));
  const carried = np.squeeze(np.matmul(added, np.expandDims(channelsFirst(decay.start), -1)), -1);
  return {
    rows: { start: rows.start, writes: np.matmul(added, decay.writes) },
    momentum: { carried: channelsFirst(carried), decay },
  };
}

function noDecay(like: Tensor): Tensor {
  return np.zerosLike(np.sum(like, -1, { keepdims: true }));
}

/** Entry `token` of an axis that stands `fromEnd` places before the last: `at(x, 1, t)` is x[..., t, :]. */
export function at(x: Tensor, fromEnd: number, token: number): Tensor {
  const leading = x.shape.slice(0, x.ndim - 1 - fromEnd).map((): [] => []);
  return slice(x, ...leading, token);
}

/** One matrix's writes over a chunk: token i's gradient, taken in by its step, is $e_i h_i^\top$. */
export interface MatrixWrites {
  /** h: [..., C, in] */
  readonly input: Tensor;
  /** e: [..., C, out] */
  readonly error: Tensor;
}

/** The writes that a matrix's gates make of its gradient's factors. */
export function gatedWrites({ rows, columns }: MatrixGates, { input, error }: MatrixWrites): MatrixWrites {
  const scaled = (gate: Tensor | undefined, x: Tensor) => (gate === undefined ? x : np.multiply(gate, x));
  return { input: scaled(columns?.stepSize, input), error: scaled(rows?.stepSize, error) };
}

/**
 * What is left of the writes at one token, added up.
 *
 * $$\sum_{i \le t} (\rho_{t,i} \odot e_i)(\kappa_{t,i} \odot h_i)^\top$$
 *
 * @returns [..., out, in]
 */
export function sumOfWrites(
  { rows, columns }: Pick<MatrixDecay, "rows" | "columns">,
  { input, error }: MatrixWrites,
  token: number,
): Tensor {
  const left = np.multiply(channelsFirst(error), at(rows.writes, 1, token));
  const right = columns ? np.multiply(input, channelsFirst(at(columns.writes, 1, token))) : input;
  return np.matmul(left, right);
}

/**
 * The matrix, and the carried step where there is one, after one of the chunk's tokens.
 *
 * @param start A_0: [..., out, in]
 * @param step S_0, same shape; none without momentum
 * @returns A_t and S_t
 */
export function matrixAfter(
  decay: MatrixDecay,
  writes: MatrixWrites,
  start: Tensor,
  step: Tensor | undefined,
  token: number,
): { matrix: Tensor; step?: Tensor } {
  const { rows, columns, momentum } = decay;
  const ofRows = (x: Tensor) => np.expandDims(at(x, 1, token), -1);
  const byRow = np.multiply(ofRows(rows.start), start);
  const decayed = columns ? np.multiply(byRow, np.expandDims(at(columns.start, 1, token), -2)) : byRow;
  const written = np.subtract(decayed, sumOfWrites(decay, writes, token));
  if (momentum === undefined || step === undefined) return { matrix: written };
  return {
    matrix: np.add(written, np.multiply(ofRows(momentum.carried), step)),
    step: np.subtract(
      np.multiply(ofRows(momentum.decay.start), step),
      sumOfWrites({ rows: momentum.decay }, writes, token),
    ),
  };
}

/**
 * The matrix after every token of the chunk, built: what a non-linear retention needs.
 *
 * @returns A_1..A_C: [..., C, out, in]
 */
export function matricesAfterTokens(
  { rows, columns, momentum }: MatrixDecay,
  writes: MatrixWrites,
  start: Tensor,
  step: Tensor | undefined,
): Tensor {
  const left = np.multiply(np.expandDims(channelsFirst(writes.error), -3), np.swapaxes(rows.writes, -3, -2));
  const inputs = np.expandDims(writes.input, -3);
  const right = columns ? np.multiply(inputs, np.moveaxis(columns.writes, -3, -1)) : inputs; // [..., C, writes, in]
  const begun = np.multiply(np.expandDims(rows.start, -1), np.expandDims(start, -3));
  const decayed = columns ? np.multiply(begun, np.expandDims(columns.start, -2)) : begun;
  const written = np.subtract(decayed, np.matmul(left, right));
  if (momentum === undefined || step === undefined) return written;
  return np.add(written, np.multiply(np.expandDims(momentum.carried, -1), np.expandDims(step, -3)));
}

/**
 * What every token's own matrix makes of its vector, without building any: $z_t = A_t r_t$.
 *
 * $$z_t = \rho_t \odot A_0 (\kappa_t \odot r_t) + c_t\,S_0 r_t - \sum_{i \le t} \rho_{t,i} \odot e_i\,\big\langle \kappa_{t,i} \odot h_i,\ r_t\big\rangle$$
 *
 * @param r [..., C, in]
 * @returns [..., C, out]
 */
export function applyAfterTokens(
  decay: MatrixDecay,
  writes: MatrixWrites,
  start: Tensor,
  step: Tensor | undefined,
  r: Tensor,
): Tensor {
  const { rows, columns, momentum } = decay;
  const applied = (matrix: Tensor, x: Tensor) => np.matmul(x, channelsFirst(matrix));
  const fromStart = np.multiply(rows.start, applied(start, columns ? np.multiply(columns.start, r) : r));
  const z = np.subtract(fromStart, applyWrites(decay, writes, r));
  if (momentum === undefined || step === undefined) return z;
  return np.add(z, np.multiply(momentum.carried, applied(step, r)));
}

/**
 * What the chunk's writes so far make of every token's vector: the last term of `applyAfterTokens`, with its sign reversed.
 *
 * @param r [..., C, in]
 * @returns [..., C, out]
 */
export function applyWrites({ rows, columns }: MatrixDecay, { input, error }: MatrixWrites, r: Tensor): Tensor {
  const scores = gatedProducts(columns, r, input);
  const weighted = np.multiply(np.expandDims(scores, -3), rows.writes); // [..., 1 or out, C, writes]
  if (rows.writes.shape.at(-3) === 1) return np.matmul(np.squeeze(weighted, -3), error);
  const perChannel = np.matmul(weighted, np.expandDims(channelsFirst(error), -1)); // [..., out, C, 1]
  return channelsFirst(np.squeeze(perChannel, -1));
}

/**
 * Inner products of every token's vector with every write's input, what the columns' gates leave of it in between: [..., C, C].
 *
 * $$\sum_j \kappa_{t,i}[j]\,r_t[j]\,h_i[j]$$
 *
 * @param r [..., C, in]
 * @param input [..., C, in]
 */
export function gatedProducts(columns: AxisDecay | undefined, r: Tensor, input: Tensor): Tensor {
  if (columns === undefined) return np.matmul(r, channelsFirst(input));
  const pairs = np.multiply(np.expandDims(channelsFirst(r), -1), np.expandDims(channelsFirst(input), -2));
  return np.sum(np.multiply(columns.writes, pairs), -3);
}

/** The decay as a token finds it, before its own: the closed form one token later, the first token finding the start. */
export function decayBeforeTokens({ rows, columns, momentum }: MatrixDecay): MatrixDecay {
  const size = rows.writes.shape.at(-1) ?? 0;
  const shift = np.subtract(np.tri(size, size, -1), np.tri(size, size, -2));
  const first = np.expandDims(np.subtract(np.ones([size]), np.sum(shift, 1)), -1);
  const later = ({ start, writes }: AxisDecay): AxisDecay => ({
    start: np.add(np.matmul(shift, start), first),
    writes: np.matmul(shift, writes),
  });
  return {
    rows: later(rows),
    ...(columns ? { columns: later(columns) } : {}),
    ...(momentum ? { momentum: { carried: np.matmul(shift, momentum.carried), decay: later(momentum.decay) } } : {}),
  };
}
