/** The memory network: a plain MLP, optionally with an output LayerNorm and an output residual. */

import { type Activation, activate, activationDerivative } from "./activations.ts";
import { centralGradientTree } from "./finite-differences.ts";
import { add, dot, hadamard, type Matrix, matVec, outer, scale, subtract, transpose, type Vector } from "./matrix.ts";
import { layerNorm, standardise } from "./norms.ts";
import type { RandomSource } from "./random.ts";

export interface MemoryNetwork {
  /** Between layers; the last layer is linear, so depth 1 never uses it. */
  activation: Activation;
  /** Adds the key to the output. */
  residual: boolean;
  /** ε of the output LayerNorm; used when the weights hold `norm`. */
  normEpsilon: number;
}

/** Test-time state of the memory: all of it is updated by the inner loop. */
export interface MemoryWeights {
  /** One [out, in] matrix a layer, applied to columns. */
  layers: Matrix[];
  /** Scale and shift of the output LayerNorm, or null without one. */
  norm: { gamma: Vector; beta: Vector } | null;
}

interface MemoryTrace {
  /** h^{(l-1)}: what layer l receives. */
  inputs: Vector[];
  /** z^{(l)}: what layer l gives before its activation. */
  preActivations: Vector[];
  output: Vector;
}

/** Random weights with deviation `gain / sqrt(in)`: widths [d, hidden, ..., d], norm near (1, 0) if asked for. */
export function randomMemory(random: RandomSource, widths: number[], withNorm: boolean, gain = 1): MemoryWeights {
  const layers = widths.slice(1).map((out, l) => random.normalMatrix(out, widths[l]!, gain / Math.sqrt(widths[l]!)));
  const width = widths.at(-1)!;
  const norm = {
    gamma: add(new Array<number>(width).fill(1), random.normalVector(width, 0.2)),
    beta: random.normalVector(width, 0.2),
  };
  return { layers, norm: withNorm ? norm : null };
}

/**
 * Forward pass that keeps layer inputs and pre-activations (section 7.4).
 *
 * $$h^{(0)}=k,\quad z^{(l)}=W^{(l)}h^{(l-1)},\quad h^{(l)}=\varphi(z^{(l)}),\quad f=[k+]\,z^{(L)}\ \text{or}\ [k+]\,\gamma\odot\mathrm{LN}(z^{(L)})+\beta$$
 */
export function memoryTrace(network: MemoryNetwork, weights: MemoryWeights, key: Vector): MemoryTrace {
  const inputs: Vector[] = [];
  const preActivations: Vector[] = [];
  let hidden = key;
  for (const layer of weights.layers) {
    const z = matVec(layer, hidden);
    inputs.push(hidden);
    preActivations.push(z);
    hidden = z.map((value) => activate(network.activation, value));
  }
  let output = preActivations.at(-1)!;
  if (weights.norm) output = layerNorm(output, weights.norm.gamma, weights.norm.beta, network.normEpsilon);
  if (network.residual) output = add(key, output);
  return { inputs, preActivations, output };
}

/** Output of the memory for a key or a query: Eq 15, a read that writes nothing. */
export function memoryForward(network: MemoryNetwork, weights: MemoryWeights, key: Vector): Vector {
  return memoryTrace(network, weights, key).output;
}

/** Eq 12 with the loss scale: `κ/2 ‖M(k) - v‖²`; κ = 2 is the printed equation, κ = 1 the halved loss. */
export function memoryLoss(
  network: MemoryNetwork,
  weights: MemoryWeights,
  key: Vector,
  value: Vector,
  kappa: number,
): number {
  const error = subtract(memoryForward(network, weights, key), value);
  return (kappa / 2) * dot(error, error);
}

/** Gradient of `memoryLoss` with respect to all weights, by a hand-written reverse pass (section 7.4 and 7.7). */
export function memoryGradient(
  network: MemoryNetwork,
  weights: MemoryWeights,
  key: Vector,
  value: Vector,
  kappa: number,
): MemoryWeights {
  const { inputs, preActivations, output } = memoryTrace(network, weights, key);
  const outputError = scale(kappa, subtract(output, value));
  let delta = outputError;
  let norm: MemoryWeights["norm"] = null;
  if (weights.norm) {
    const z = preActivations.at(-1)!;
    norm = { gamma: hadamard(outputError, standardise(z, network.normEpsilon).normalised), beta: outputError };
    delta = matVec(transpose(standardiseJacobian(z, network.normEpsilon)), hadamard(outputError, weights.norm.gamma));
  }
  const layers: Matrix[] = [];
  for (let l = weights.layers.length - 1; l >= 0; l--) {
    layers.unshift(outer(delta, inputs[l]!));
    if (l > 0) {
      const slope = preActivations[l - 1]!.map((z) => activationDerivative(network.activation, z));
      delta = hadamard(slope, matVec(transpose(weights.layers[l]!), delta));
    }
  }
  return { layers, norm };
}

/** Gradient of `memoryLoss` with respect to all weights, by central differences with a Richardson step. */
export function memoryGradientByDifferences(
  network: MemoryNetwork,
  weights: MemoryWeights,
  key: Vector,
  value: Vector,
  kappa: number,
): MemoryWeights {
  return centralGradientTree((w) => memoryLoss(network, w, key, value, kappa), weights, { richardson: true });
}

/** `∂n_i/∂u_j = (δ_ij - 1/d - n_i n_j / d) / s` for `n = (u - μ)/s`: entry [i][j]. */
function standardiseJacobian(u: Vector, epsilon: number): Matrix {
  const { normalised, deviation } = standardise(u, epsilon);
  const width = u.length;
  return normalised.map((ni, i) =>
    normalised.map((nj, j) => ((i === j ? 1 : 0) - 1 / width - (ni * nj) / width) / deviation),
  );
}
