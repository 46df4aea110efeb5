/** Table 1, models that write `v kᵀ` without looking: closed-form recurrences, W [value, key], read after the write. */

import {
  add,
  addMatrix,
  dot,
  hadamard,
  type Matrix,
  matVec,
  outer,
  scale,
  scaleMatrix,
  scaleRows,
  transpose,
  type Vector,
  zeroMatrix,
  zeroVector,
} from "./matrix.ts";

export interface MirasTokens {
  keys: Matrix;
  values: Matrix;
  queries: Matrix;
}

export interface MirasTableRun {
  /** [T, value]. */
  outputs: Matrix;
  /** W_T. */
  final: Matrix;
}

/** Row 1, linear attention: `W + v kᵀ`. */
export function mirasLinearAttention(tokens: MirasTokens, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => addMatrix(w, write(tokens, t)));
}

/** `1 - 2^{-5-head}`: the fixed decay of a RetNet head. */
export function mirasRetNetDecay(head: number): number {
  return 1 - 2 ** (-5 - head);
}

/** Rows 2, 3 and Mamba-2 of row 6: `α_t W + v kᵀ`; RetNet and Lightning have one α for all tokens. */
export function mirasScalarDecay(tokens: MirasTokens, retain: number | Vector, start: Matrix): MirasTableRun {
  const at = (t: number): number => (typeof retain === "number" ? retain : retain[t]!);
  return mirasTableLoop(tokens, start, (w, t) => addMatrix(scaleMatrix(at(t), w), write(tokens, t)));
}

/** Row 4, decaying fast weights: `(β_t α_tᵀ) ⊙ W + v kᵀ`. */
export function mirasDecayingFastWeights(
  tokens: MirasTokens,
  retain: { value: Matrix; key: Matrix },
  start: Matrix,
): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => {
    const gate = outer(retain.value[t]!, retain.key[t]!);
    return addMatrix(
      w.map((row, i) => hadamard(gate[i]!, row)),
      write(tokens, t),
    );
  });
}

/** Row 5, gated linear attention: `W Diag(α_t) + v kᵀ`. */
export function mirasGatedLinearAttention(tokens: MirasTokens, retain: Matrix, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => addMatrix(mirasScaleColumns(w, retain[t]!), write(tokens, t)));
}

export interface MirasMambaTokens {
  /** x_t [T, d]. */
  inputs: Matrix;
  /** Δ_t [T, d]. */
  steps: Matrix;
  /** B_t [T, n]. */
  writes: Matrix;
  /** C_t [T, n]. */
  reads: Matrix;
  /** A [d, n], negative. */
  rates: Matrix;
}

/** Row 6, Mamba: `Γ_t ⊙ W + (Δ_t ⊙ x_t) B_tᵀ` with `Γ_t = exp(Δ_t 1ᵀ ⊙ A)`, read `W C_t`. */
export function mirasMamba(tokens: MirasMambaTokens, start: Matrix): MirasTableRun {
  const { inputs, steps, writes, reads, rates } = tokens;
  return mirasTableLoop({ keys: writes, values: inputs, queries: reads }, start, (w, t) =>
    w.map((row, i) =>
      row.map(
        (entry, j) => Math.exp(steps[t]![i]! * rates[i]![j]!) * entry + steps[t]![i]! * inputs[t]![i]! * writes[t]![j]!,
      ),
    ),
  );
}

/** Row 7, HGRN2: `W Diag(α_t) + v (1 - α_t)ᵀ`; the tokens' keys are not used. */
export function mirasHgrn2(tokens: MirasTokens, retain: Matrix, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => {
    const tied = retain[t]!.map((alpha) => 1 - alpha);
    return addMatrix(mirasScaleColumns(w, retain[t]!), outer(tokens.values[t]!, tied));
  });
}

/** Row 19, the softmax Transformer as a growing set of pairs: `y_t` is the mean of the values weighted by `exp(qᵀk/√d)`. */
export function mirasSoftmaxAttention(tokens: MirasTokens): Matrix {
  const pairs: { key: Vector; value: Vector }[] = [];
  return tokens.queries.map((query, t) => {
    pairs.push({ key: tokens.keys[t]!, value: tokens.values[t]! });
    const kernels = pairs.map(({ key }) => Math.exp(dot(query, key) / Math.sqrt(query.length)));
    const total = kernels.reduce((whole, kernel) => whole + kernel, 0);
    return pairs.reduce(
      (output, { value }, j) => add(output, scale(kernels[j]! / total, value)),
      zeroVector(tokens.values[0]!.length),
    );
  });
}

/** Zero memory for the given tokens. */
export function mirasEmptyMemory(tokens: MirasTokens): Matrix {
  return zeroMatrix(tokens.values[0]!.length, tokens.keys[0]!.length);
}

/** Runs one rule over the tokens, reading after each write. */
export function mirasTableLoop(
  tokens: MirasTokens,
  start: Matrix,
  step: (w: Matrix, t: number) => Matrix,
): MirasTableRun {
  let weights = start;
  const outputs = tokens.queries.map((query, t) => {
    weights = step(weights, t);
    return matVec(weights, query);
  });
  return { outputs, final: weights };
}

function write(tokens: MirasTokens, t: number): Matrix {
  return outer(tokens.values[t]!, tokens.keys[t]!);
}

/** `W Diag(factors)`. */
export function mirasScaleColumns(w: Matrix, factors: Vector): Matrix {
  return transpose(scaleRows(factors, transpose(w)));
}
