/** Table 1, models with the squared-error bias: delta rules and gradient steps, W [value, key], read after the write. */

import {
  addMatrix,
  dot,
  hadamard,
  identity,
  type Matrix,
  matMul,
  matVec,
  norm,
  outer,
  scale,
  scaleMatrix,
  subtract,
  type Vector,
} from "./matrix.ts";
import type { MirasLossScale } from "./miras-biases.ts";
import { type MirasLayers, type MirasMemory, mirasCombine, mirasForward, mirasPullBack } from "./miras-memory.ts";
import { type MirasTableRun, type MirasTokens, mirasScaleColumns, mirasTableLoop } from "./miras-table.ts";

/** Row 8, DeltaNet: `W(I - η k kᵀ) + η v kᵀ`. */
export function mirasDeltaNet(tokens: MirasTokens, stepSize: Vector, start: Matrix): MirasTableRun {
  return mirasGatedDeltaNet(tokens, { retain: stepSize.map(() => 1), stepSize }, start);
}

/** Row 9, Longhorn: DeltaNet with `ε = η/(1 + η‖k‖²)`; a rate is one number or one for each value channel. */
export function mirasLonghorn(tokens: MirasTokens, stepSize: (number | Vector)[], start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => {
    const key = tokens.keys[t]!;
    const given = stepSize[t]!;
    const rates = typeof given === "number" ? w.map(() => given) : given;
    const implicit = rates.map((eta) => eta / (1 + eta * dot(key, key)));
    const error = subtract(matVec(w, key), tokens.values[t]!);
    return addMatrix(w, scaleMatrix(-1, outer(hadamard(implicit, error), key)));
  });
}

/** Row 10 with the bare memory `W k`: `W - η ∇ℓ₂(W)`. */
export function mirasTttLinear(
  tokens: MirasTokens,
  stepSize: Vector,
  lossScale: MirasLossScale,
  start: Matrix,
): MirasTableRun {
  const factor = lossScale === "full" ? 2 : 1;
  return mirasTableLoop(tokens, start, (w, t) => {
    const error = subtract(matVec(w, tokens.keys[t]!), tokens.values[t]!);
    return addMatrix(w, scaleMatrix(-factor * stepSize[t]!, outer(error, tokens.keys[t]!)));
  });
}

/** Rows 10 and 14 on any memory: one layer with residual and norm is TTT-Linear, two layers are TTT-MLP. */
export function mirasTtt(
  memory: MirasMemory,
  tokens: MirasTokens,
  stepSize: Vector,
  lossScale: MirasLossScale,
  start: MirasLayers,
): { outputs: Matrix; final: MirasLayers } {
  const factor = lossScale === "full" ? 2 : 1;
  let layers = start;
  const outputs = tokens.keys.map((key, t) => {
    const error = scale(factor, subtract(mirasForward(memory, layers, key), tokens.values[t]!));
    layers = mirasCombine(1, layers, -stepSize[t]!, mirasPullBack(memory, layers, key, error));
    return mirasForward(memory, layers, tokens.queries[t]!);
  });
  return { outputs, final: layers };
}

export interface MirasDeltaGates {
  retain: Vector;
  stepSize: Vector;
}

/** Row 11, Gated DeltaNet, which decays first: `α W(I - η k kᵀ) + η v kᵀ`. */
export function mirasGatedDeltaNet(tokens: MirasTokens, gates: MirasDeltaGates, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) =>
    addMatrix(
      matMul(scaleMatrix(gates.retain[t]!, w), eraser(tokens.keys[t]!, gates.stepSize[t]!)),
      scaleMatrix(gates.stepSize[t]!, write(tokens, t)),
    ),
  );
}

/** The other decayed delta rule, with the gradient before the decay: `W(α I - η k kᵀ) + η v kᵀ`. */
export function mirasDeltaBeforeDecay(tokens: MirasTokens, gates: MirasDeltaGates, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => {
    const erased = addMatrix(eraser(tokens.keys[t]!, gates.stepSize[t]!), scaleMatrix(gates.retain[t]! - 1, eye(w)));
    return addMatrix(matMul(w, erased), scaleMatrix(gates.stepSize[t]!, write(tokens, t)));
  });
}

export interface MirasRwkv7Gates {
  /** w_t [T, key]. */
  retain: Matrix;
  /** a_t [T, key]. */
  removal: Matrix;
  /** k̂_t [T, key], unit vectors. */
  removalKeys: Matrix;
  /** k̃_t [T, key]. */
  writeKeys: Matrix;
}

/** Row 12, RWKV-7: `W(Diag(w) - k̂ (a ⊙ k̂)ᵀ) + v k̃ᵀ`; the tokens' keys are not used. */
export function mirasRwkv7(tokens: MirasTokens, gates: MirasRwkv7Gates, start: Matrix): MirasTableRun {
  return mirasTableLoop(tokens, start, (w, t) => {
    const key = gates.removalKeys[t]!;
    const removed = outer(matVec(w, key), hadamard(gates.removal[t]!, key));
    const kept = addMatrix(mirasScaleColumns(w, gates.retain[t]!), scaleMatrix(-1, removed));
    return addMatrix(kept, outer(tokens.values[t]!, gates.writeKeys[t]!));
  });
}

/** k̂ and k̃ of RWKV-7 from the projected key: the unit vector of `k ⊙ ξ`, and `k ⊙ (1 + (a - 1) ν)`. */
export function mirasRwkv7Keys(
  key: Vector,
  removal: Vector,
  xi: Vector,
  nu: Vector,
): { removalKey: Vector; writeKey: Vector } {
  const scaled = hadamard(key, xi);
  const mixed = removal.map((a, j) => 1 + (a - 1) * nu[j]!);
  return { removalKey: scale(1 / norm(scaled), scaled), writeKey: hadamard(key, mixed) };
}

/** n pairs of one token. */
export interface MirasProductToken {
  keys: Matrix;
  values: Matrix;
  stepSize: Vector;
  retain: number;
  query: Vector;
}

/** Row 13, DeltaProduct as a loop: one decay, then a delta step for each pair of the token. */
export function mirasDeltaProductLoop(tokens: MirasProductToken[], start: Matrix): MirasTableRun {
  return runProduct(tokens, start, (w, token) => {
    let next = scaleMatrix(token.retain, w);
    token.keys.forEach((key, j) => {
      const error = subtract(matVec(next, key), token.values[j]!);
      next = addMatrix(next, scaleMatrix(-token.stepSize[j]!, outer(error, key)));
    });
    return next;
  });
}

/** Row 13 in its product form: `α W Π_j (I - η_j k_j k_jᵀ) + Σ_j η_j v_j k_jᵀ Π_{i>j} (I - η_i k_i k_iᵀ)`. */
export function mirasDeltaProductForm(tokens: MirasProductToken[], start: Matrix): MirasTableRun {
  return runProduct(tokens, start, (w, token) => {
    const erasers = token.keys.map((key, j) => eraser(key, token.stepSize[j]!));
    const after = (j: number): Matrix => erasers.slice(j).reduce(matMul, eye(w));
    return token.keys.reduce(
      (total, key, j) =>
        addMatrix(total, matMul(scaleMatrix(token.stepSize[j]!, outer(token.values[j]!, key)), after(j + 1))),
      matMul(scaleMatrix(token.retain, w), after(0)),
    );
  });
}

function runProduct(
  tokens: MirasProductToken[],
  start: Matrix,
  step: (w: Matrix, token: MirasProductToken) => Matrix,
): MirasTableRun {
  let weights = start;
  const outputs = tokens.map((token) => {
    weights = step(weights, token);
    return matVec(weights, token.query);
  });
  return { outputs, final: weights };
}

function write(tokens: MirasTokens, t: number): Matrix {
  return outer(tokens.values[t]!, tokens.keys[t]!);
}

function eraser(key: Vector, stepSize: number): Matrix {
  return addMatrix(identity(key.length), scaleMatrix(-stepSize, outer(key, key)));
}

function eye(w: Matrix): Matrix {
  return identity(w[0]!.length);
}
