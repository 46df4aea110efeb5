/** The recurrences of Appendix C, with columns k, v and a memory S: [value, key] applied as `S k`. */

import {
  addMatrix,
  dot,
  identity,
  type Matrix,
  matMul,
  matVec,
  outer,
  scaleMatrix,
  scaleRows,
  subtract,
  type Vector,
} from "./matrix.ts";

export interface KeyValueSequence {
  keys: Matrix;
  values: Matrix;
  stepSize: Vector;
}

/** Eq 34, DeltaNet: `S_t = S_{t-1}(I - θ_t k_t k_tᵀ) + θ_t v_t k_tᵀ`. Returns the memory after each token. */
export function deltaNet(sequence: KeyValueSequence, initial: Matrix): Matrix[] {
  return gatedDeltaNet({ ...sequence, forget: sequence.stepSize.map(() => 0) }, initial);
}

/** Gated DeltaNet, which decays first: `S_t = (1 - α_t) S_{t-1}(I - θ_t k_t k_tᵀ) + θ_t v_t k_tᵀ`. */
export function gatedDeltaNet(sequence: KeyValueSequence & { forget: Vector }, initial: Matrix): Matrix[] {
  let memory = initial;
  return sequence.keys.map((key, t) => {
    memory = eraseAndWrite(
      scaleMatrix(1 - sequence.forget[t]!, memory),
      key,
      sequence.values[t]!,
      sequence.stepSize[t]!,
    );
    return memory;
  });
}

/** Eq 35, Longhorn: DeltaNet with the implicit step `δ_t = θ_t / (1 + θ_t ‖k_t‖²)`. */
export function longhorn(sequence: KeyValueSequence, initial: Matrix): Matrix[] {
  const implicit = sequence.stepSize.map((theta, t) => theta / (1 + theta * dot(sequence.keys[t]!, sequence.keys[t]!)));
  return deltaNet({ ...sequence, stepSize: implicit }, initial);
}

export interface LinearMemorySequence {
  keys: Matrix;
  values: Matrix;
  /** Gates per token and output channel, [T, value]; equal entries in a row are the scalar gate of Eq 13-14. */
  forget: Matrix;
  momentum: Matrix;
  stepSize: Matrix;
}

/**
 * Eq 32-33, κ = 1, online: the memory and the surprise after each token.
 *
 * $$S_t=\mathrm{diag}(\eta_t)S_{t-1}-\mathrm{diag}(\theta_t)(\mathcal M_{t-1}k_t-v_t)k_t^\top,\qquad \mathcal M_t=\mathrm{diag}(1-\alpha_t)\mathcal M_{t-1}+S_t$$
 */
export function linearMemory(
  sequence: LinearMemorySequence,
  initial: Matrix,
  initialSurprise: Matrix,
): { memory: Matrix; surprise: Matrix }[] {
  let memory = initial;
  let surprise = initialSurprise;
  return sequence.keys.map((key, t) => {
    const gradient = outer(subtract(matVec(memory, key), sequence.values[t]!), key);
    const step = sequence.stepSize[t]!.map((theta) => -theta);
    surprise = addMatrix(scaleRows(sequence.momentum[t]!, surprise), scaleRows(step, gradient));
    const keep = sequence.forget[t]!.map((alpha) => 1 - alpha);
    memory = addMatrix(scaleRows(keep, memory), surprise);
    return { memory, surprise };
  });
}

function eraseAndWrite(memory: Matrix, key: Vector, value: Vector, stepSize: number): Matrix {
  const erase = addMatrix(identity(key.length), scaleMatrix(-stepSize, outer(key, key)));
  return addMatrix(matMul(memory, erase), scaleMatrix(stepSize, outer(value, key)));
}
