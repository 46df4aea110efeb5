/** Parts of the memory layer that Memory as Context uses on their own: queries, and a read that writes nothing. */

import { activate, sigmoid } from "./activations.ts";
import { project } from "./attention.ts";
import { causalConvolution } from "./convolution.ts";
import type { LayerOptions, LayerParameters } from "./layer.ts";
import { hadamard, type Matrix, vecMat } from "./matrix.ts";
import { type MemoryWeights, memoryForward } from "./memory-mlp.ts";
import { l2Normalise, rmsNorm } from "./norms.ts";

const epsilon = 1e-6;

/**
 * The layer's query map alone: projection, convolution, SiLU, l2 norm per head.
 *
 * @param tail [K - 1, inner] of this stream of queries; null without a convolution
 * @returns queries [T, inner], still in the layer's column order, and the next tail
 */
export function memoryQueries(
  parameters: LayerParameters,
  heads: number,
  tail: Matrix | null,
  x: Matrix,
  valid?: boolean[],
): { queries: Matrix; tail: Matrix | null } {
  let mixed = project(x, parameters.query);
  let nextTail = tail;
  if (parameters.convolution && tail) {
    const convolved = causalConvolution(mixed, parameters.convolution.query, tail, valid);
    mixed = convolved.outputs;
    nextTail = convolved.tail;
  }
  const size = parameters.output.length / heads;
  const queries = mixed.map((row) => {
    const active = row.map((value) => activate("silu", value));
    return Array.from({ length: heads }, (_, h) => l2Normalise(active.slice(h * size, (h + 1) * size), epsilon)).flat();
  });
  return { queries, tail: nextTail };
}

/**
 * Eq 21, `h = M*(q)`: every query asks the same weights, one memory a head; then the layer's per-head RMSNorm.
 *
 * @param memories one a head
 * @param queries [T, inner]
 * @returns [T, inner]
 */
export function denseRead(
  parameters: LayerParameters,
  options: LayerOptions,
  memories: MemoryWeights[],
  queries: Matrix,
): Matrix {
  const size = parameters.output.length / options.heads;
  return queries.map((row) =>
    memories.flatMap((weights, h) => {
      const answer = memoryForward(options.network, weights, row.slice(h * size, (h + 1) * size));
      return rmsNorm(answer, parameters.readNorm[h]!, epsilon);
    }),
  );
}

/** The end of the layer: sigmoid gate from x, output projection. x [T, dim], read [T, inner] -> [T, dim]. */
export function gatedOutput(parameters: LayerParameters, x: Matrix, read: Matrix): Matrix {
  return read.map((row, t) => {
    const gate = vecMat(x[t]!, parameters.outputGate).map(sigmoid);
    return vecMat(hadamard(gate, row), parameters.output);
  });
}
