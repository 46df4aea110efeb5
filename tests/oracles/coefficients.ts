/** Closed-form coefficients of one chunk (section 7.2), by explicit products and loops. */

import { addMatrix, type Matrix, scaleMatrix, type Vector, zeroMatrix } from "./matrix.ts";

export interface ChunkGates {
  forget: Vector;
  momentum: Vector;
  stepSize: Vector;
  mask?: boolean[];
}

export interface ChunkCoefficients {
  /** `A[t][i] = Π_{j=i+1..t} a_j`, a = 1 - α; 0 above the diagonal. */
  A: Matrix;
  /** `H[t][i] = Π_{j=i+1..t} η_j`. */
  H: Matrix;
  /** `L[t][i] = Σ_{s=i..t} A[t][s] m_s H[s][i]`. */
  L: Matrix;
  /** `P = L diag(θ)`: share of gradient i in W_t. */
  P: Matrix;
  /** `R = H diag(θ)`: share of gradient i in S_t. */
  R: Matrix;
  /** `b_t = Π_{j<=t} a_j`: share of W_0 in W_t. */
  b: Vector;
  /** `c_t = Σ_{s<=t} A[t][s] m_s h_s`: share of S_0 in W_t. */
  c: Vector;
  /** `h_t = Π_{j<=t} η_j`: share of S_0 in S_t. */
  h: Vector;
}

/**
 * Coefficients for C tokens; a masked token has a = η = 1 and θ = 0 and adds no momentum to the weights (section 7.9).
 *
 * $$W_t=b_tW_0+c_tS_0-\sum_{i\le t}P_{ti}\,g_i,\qquad S_t=h_tS_0-\sum_{i\le t}R_{ti}\,g_i$$
 */
export function chunkCoefficients(gates: ChunkGates): ChunkCoefficients {
  const length = gates.forget.length;
  const active = (t: number): number => ((gates.mask?.[t] ?? true) ? 1 : 0);
  const keep = gates.forget.map((value, t) => (active(t) ? 1 - value : 1));
  const carry = gates.momentum.map((value, t) => (active(t) ? value : 1));
  const step = gates.stepSize.map((value, t) => active(t) * value);

  const A = zeroMatrix(length, length);
  const H = zeroMatrix(length, length);
  const L = zeroMatrix(length, length);
  for (let t = 0; t < length; t++) {
    for (let i = 0; i <= t; i++) {
      A[t]![i] = product(keep, i + 1, t);
      H[t]![i] = product(carry, i + 1, t);
    }
  }
  for (let t = 0; t < length; t++) {
    for (let i = 0; i <= t; i++) {
      for (let s = i; s <= t; s++) L[t]![i]! += A[t]![s]! * active(s) * H[s]![i]!;
    }
  }
  const h = carry.map((_, t) => product(carry, 0, t));
  const b = keep.map((_, t) => product(keep, 0, t));
  const c = keep.map((_, t) => {
    let sum = 0;
    for (let s = 0; s <= t; s++) sum += A[t]![s]! * active(s) * h[s]!;
    return sum;
  });
  const weightColumns = (matrix: Matrix): Matrix => matrix.map((row) => row.map((value, i) => value * step[i]!));
  return { A, H, L, P: weightColumns(L), R: weightColumns(H), b, c, h };
}

/** Coefficients of W_{t-1} in place of W_t (read mode A'): rows move down by one, the first row is (1, 0, 0). */
export function beforeCoefficients({ b, c, P }: ChunkCoefficients): Pick<ChunkCoefficients, "b" | "c" | "P"> {
  return {
    b: [1, ...b.slice(0, -1)],
    c: [0, ...c.slice(0, -1)],
    P: [b.map(() => 0), ...P.slice(0, -1)],
  };
}

/** W_t and S_t of every token from the boxed formulas of section 7.2, for one weight matrix. */
export function closedFormStates(
  { b, c, h, P, R }: ChunkCoefficients,
  startWeights: Matrix,
  startMomentum: Matrix,
  gradients: Matrix[],
): { weights: Matrix[]; momentum: Matrix[] } {
  const minusSum = (start: Matrix, shares: Vector): Matrix =>
    gradients.reduce((sum, gradient, i) => addMatrix(sum, scaleMatrix(-shares[i]!, gradient)), start);
  return {
    weights: b.map((_, t) =>
      minusSum(addMatrix(scaleMatrix(b[t]!, startWeights), scaleMatrix(c[t]!, startMomentum)), P[t]!),
    ),
    momentum: h.map((_, t) => minusSum(scaleMatrix(h[t]!, startMomentum), R[t]!)),
  };
}

function product(values: Vector, first: number, last: number): number {
  let result = 1;
  for (let j = first; j <= last; j++) result *= values[j]!;
  return result;
}
