/** The memories of MIRAS: a matrix, or an MLP with residual and LayerNorm, with the pull-back of any output error. */

import { type Activation, activate, activationDerivative } from "./activations.ts";
import { add, type Matrix, matVec, outer, scale, scaleMatrix, scaleRows, transpose, type Vector } from "./matrix.ts";
import { standardise } from "./norms.ts";

export interface MirasMemory {
  /** Between layers; the last layer is linear. */
  activation: Activation;
  /** Adds the key to the output. */
  residual: boolean;
  /** LayerNorm of the last layer's output; its scale and shift stay fixed at test time, absent ones are 1 and 0. */
  norm: { epsilon: number; gamma?: Vector; beta?: Vector } | null;
}

/** Weights in the order of application: `[W]` for a matrix, `[W_2, W_1]` for the MLP of the paper. */
export type MirasLayers = Matrix[];

/** `W x`. */
export const mirasMatrixMemory: MirasMemory = { activation: "identity", residual: false, norm: null };

/** `x + LN(W_1 GELU(W_2 x))` with the exact GELU and ε = 1e-5; with one layer `x + LN(W x)`. */
export const mirasMlpMemory: MirasMemory = { activation: "gelu-erf", residual: true, norm: { epsilon: 1e-5 } };

interface MirasTrace {
  inputs: Vector[];
  preActivations: Vector[];
  output: Vector;
}

function trace(memory: MirasMemory, layers: MirasLayers, x: Vector): MirasTrace {
  const inputs: Vector[] = [];
  const preActivations: Vector[] = [];
  let hidden = x;
  for (const layer of layers) {
    const z = matVec(layer, hidden);
    inputs.push(hidden);
    preActivations.push(z);
    hidden = z.map((value) => activate(memory.activation, value));
  }
  let output = preActivations.at(-1)!;
  if (memory.norm) {
    const { epsilon, gamma, beta } = memory.norm;
    output = standardise(output, epsilon).normalised.map((u, i) => (gamma?.[i] ?? 1) * u + (beta?.[i] ?? 0));
  }
  if (memory.residual) output = add(x, output);
  return { inputs, preActivations, output };
}

export function mirasForward(memory: MirasMemory, layers: MirasLayers, x: Vector): Vector {
  return trace(memory, layers, x).output;
}

/** Slope at the last layer's output and at every pre-activation before it: `Δ_u` and `Δ_a` of section 6. */
export function mirasSignals(
  memory: MirasMemory,
  layers: MirasLayers,
  key: Vector,
  outputError: Vector,
): { inputs: Vector[]; deltas: Vector[] } {
  const { inputs, preActivations } = trace(memory, layers, key);
  let delta = outputError;
  if (memory.norm) {
    const { epsilon, gamma } = memory.norm;
    const { normalised, deviation } = standardise(preActivations.at(-1)!, epsilon);
    const scaled = outputError.map((e, i) => (gamma?.[i] ?? 1) * e);
    const meanError = mean(scaled);
    const meanProduct = mean(scaled.map((e, i) => e * normalised[i]!));
    delta = scaled.map((e, i) => (e - meanError - normalised[i]! * meanProduct) / deviation);
  }
  const deltas = [delta];
  for (let l = layers.length - 1; l > 0; l--) {
    const slope = preActivations[l - 1]!.map((z) => activationDerivative(memory.activation, z));
    delta = matVec(transpose(layers[l]!), delta).map((value, i) => slope[i]! * value);
    deltas.unshift(delta);
  }
  return { inputs, deltas };
}

/** Gradient with respect to every weight matrix of a loss whose slope at the output is `outputError`. */
export function mirasPullBack(memory: MirasMemory, layers: MirasLayers, key: Vector, outputError: Vector): MirasLayers {
  const { inputs, deltas } = mirasSignals(memory, layers, key, outputError);
  return deltas.map((delta, l) => outer(delta, inputs[l]!));
}

/** One number, or one number for each channel of the model. */
export type MirasGate = number | Vector;

/**
 * Multiplies a weight matrix by a gate along the model axis: rows of the last layer, columns of an earlier one.
 * With `rowsOnly` (weights that live on rows) an earlier layer gets the mean of the channels.
 */
export function mirasApplyGate(gate: MirasGate, layers: MirasLayers, rowsOnly = false): MirasLayers {
  return layers.map((layer, l) => {
    if (typeof gate === "number") return scaleMatrix(gate, layer);
    if (l === layers.length - 1) return scaleRows(gate, layer);
    if (rowsOnly) return scaleMatrix(mean(gate), layer);
    return layer.map((row) => row.map((value, j) => gate[j]! * value));
  });
}

/** `a x + b y` over all layers. */
export function mirasCombine(a: number, x: MirasLayers, b: number, y: MirasLayers): MirasLayers {
  return x.map((layer, l) => layer.map((row, i) => add(scale(a, row), scale(b, y[l]![i]!))));
}

function mean(values: Vector): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
