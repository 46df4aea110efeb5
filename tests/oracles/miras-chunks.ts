/** Chunk-parallel forms: the sums and the reads of one chunk without its token loop. Rows are tokens. */

import { activate } from "./activations.ts";
import {
  add,
  dot,
  hadamard,
  type Matrix,
  matMul,
  matVec,
  scale,
  subtract,
  transpose,
  type Vector,
  zeroMatrix,
} from "./matrix.ts";
import { type MirasLayers, type MirasMemory, mirasForward, mirasSignals } from "./miras-memory.ts";
import { standardise } from "./norms.ts";

/** Gates of one chunk for each channel of the model, [b, channels]. */
export interface MirasChunkGates {
  retain: Matrix;
  stepSize: Matrix;
}

/** `β_i = Π_{j≤i} α_j` by channel, [b, channels]. */
export function mirasCumulative(retain: Matrix): Matrix {
  let product = retain[0]!.map(() => 1);
  return retain.map((gate) => {
    product = hadamard(product, gate);
    return product;
  });
}

/**
 * Eq 28: the state of a matrix after each token of a chunk, from its start and the frozen gradients; gates on rows.
 *
 * $$\mathcal M_t=\beta_t\mathcal M_0-\sum_{i\le t}\eta_i\frac{\beta_t}{\beta_i}G_i$$
 */
export function mirasExpandedStates(start: Matrix, gradients: Matrix[], gates: MirasChunkGates): Matrix[] {
  const beta = mirasCumulative(gates.retain);
  return gradients.map((_, t) =>
    start.map((row, r) => {
      const past = gradients.slice(0, t + 1);
      return past.reduce(
        (total, gradient, i) =>
          add(total, scale((-gates.stepSize[i]![r]! * beta[t]![r]!) / beta[i]![r]!, gradient[r]!)),
        scale(beta[t]![r]!, row),
      );
    }),
  );
}

/**
 * Eq 29 and 32: `Σ_i η_i (β_b/β_i) e_i k_iᵀ` as one product, for output errors [b, value] and keys [b, key].
 */
export function mirasBatchedSum(errors: Matrix, keys: Matrix, gates: MirasChunkGates): Matrix {
  const beta = mirasCumulative(gates.retain);
  const weighted = errors.map((error, i) =>
    error.map((e, r) => (e * gates.stepSize[i]![r]! * beta.at(-1)![r]!) / beta[i]![r]!),
  );
  return matMul(transpose(weighted), keys);
}

/** Reads inside a chunk of a matrix memory: `β ⊙ (Q W_0ᵀ) - β ⊙ (tril(Q Kᵀ)(η ⊙ E / β))`. */
export function mirasMatrixReads(
  start: Matrix,
  errors: Matrix,
  keys: Matrix,
  queries: Matrix,
  gates: MirasChunkGates,
): Matrix {
  const beta = mirasCumulative(gates.retain);
  const writes = errors.map((error, i) => divide(hadamard(gates.stepSize[i]!, error), beta[i]!));
  return queries.map((query, t) => {
    const written = pastSum(query, keys, writes, t);
    return hadamard(beta[t]!, subtract(matVec(start, query), written));
  });
}

/** Reads inside a chunk of the two-layer memory, and its weights at the chunk's end, without materialised states. */
export function mirasMlpReads(
  memory: MirasMemory,
  start: MirasLayers,
  outputErrors: Matrix,
  keys: Matrix,
  queries: Matrix,
  gates: MirasChunkGates,
): { outputs: Matrix; final: MirasLayers } {
  const [expand, contract] = start as [Matrix, Matrix];
  const beta = mirasCumulative(gates.retain);
  const signals = keys.map((key, i) => mirasSignals(memory, start, key, outputErrors[i]!));
  const expandDeltas = signals.map(({ deltas }) => deltas[0]!);
  const hidden = signals.map(({ inputs }) => inputs[1]!);
  const scaledKeys = keys.map((key, i) => divide(hadamard(gates.stepSize[i]!, key), beta[i]!));
  const scaledDeltas = signals.map(({ deltas }, i) => divide(hadamard(gates.stepSize[i]!, deltas[1]!), beta[i]!));
  const outputs = queries.map((query, t) => {
    const scaledQuery = hadamard(beta[t]!, query);
    const a = subtract(matVec(expand, scaledQuery), pastSum(scaledQuery, scaledKeys, expandDeltas, t));
    const h = a.map((value) => activate(memory.activation, value));
    const u = hadamard(beta[t]!, subtract(matVec(contract, h), pastSum(h, hidden, scaledDeltas, t)));
    const { epsilon, gamma, beta: shift } = memory.norm!;
    return standardise(u, epsilon).normalised.map(
      (value, i) => query[i]! + (gamma?.[i] ?? 1) * value + (shift?.[i] ?? 0),
    );
  });
  const end = beta.at(-1)!;
  const keyWrites = matMul(transpose(expandDeltas), scaledKeys);
  const deltaWrites = matMul(transpose(scaledDeltas), hidden);
  const final = [
    expand.map((row, i) => hadamard(end, subtract(row, keyWrites[i]!))),
    contract.map((row, i) => scale(end[i]!, subtract(row, deltaWrites[i]!))),
  ];
  return { outputs, final };
}

/** Output errors of every token at the same weights. */
export function mirasFrozenErrors(
  memory: MirasMemory,
  layers: MirasLayers,
  keys: Matrix,
  values: Matrix,
  error: (prediction: Vector, value: Vector) => Vector,
): Matrix {
  return keys.map((key, i) => error(mirasForward(memory, layers, key), values[i]!));
}

/** `Σ_{i≤t} ⟨x, keys_i⟩ writes_i`. */
function pastSum(x: Vector, keys: Matrix, writes: Matrix, t: number): Vector {
  const none = zeroMatrix(1, writes[0]!.length)[0]!;
  return keys.slice(0, t + 1).reduce((total, key, i) => add(total, scale(dot(x, key), writes[i]!)), none);
}

function divide(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value / b[i]!);
}
