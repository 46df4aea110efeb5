/** Small random parameters for the oracles of the three architectures. */

import type { LayerOptions, LayerParameters } from "./layer.ts";
import { randomMemory } from "./memory-mlp.ts";
import type { AttentionParameters } from "./positioned-attention.ts";
import type { RandomSource } from "./random.ts";
import { combine, flatten, unflatten } from "./tree.ts";

export const caseSizes = { dim: 8, heads: 2, headDim: 3, kernel: 4, attentionHeads: 2 };

export const caseMemory: LayerOptions = {
  heads: caseSizes.heads,
  network: { activation: "silu", residual: false, normEpsilon: 1e-3 },
  kappa: 1,
  chunk: 2,
  read: "after",
  maxStep: 0.7,
  maxMomentum: 0.9,
  guard: "keys",
};

/** Nothing is written and nothing forgotten: the memory stays M_0. */
export const frozenMemory: LayerOptions = { ...caseMemory, maxStep: 0, decay: false };

export function randomLayerParameters(random: RandomSource): LayerParameters {
  const { dim, heads, headDim, kernel } = caseSizes;
  const inner = heads * headDim;
  const taps = () => random.normalMatrix(kernel, inner, 0.5);
  return {
    query: random.normalMatrix(dim, inner, 0.5),
    key: random.normalMatrix(dim, inner, 0.5),
    value: random.normalMatrix(dim, inner, 0.5),
    convolution: { query: taps(), key: taps(), value: taps() },
    gateWeight: random.normalMatrix(dim, 3 * heads, 0.3),
    gateBias: [-2, -3, 0.5, 1, 0, -1],
    memory: [randomMemory(random, [headDim, 4, headDim], false), randomMemory(random, [headDim, 4, headDim], false)],
    readNorm: random.normalMatrix(heads, headDim),
    outputGate: random.normalMatrix(dim, inner),
    output: random.normalMatrix(inner, dim),
  };
}

export function randomAttention(random: RandomSource): AttentionParameters {
  const square = () => random.normalMatrix(caseSizes.dim, caseSizes.dim, 0.6);
  return { query: square(), key: square(), value: square(), output: square() };
}

/** Slope of f along a random direction of each named array in the tree, by central differences: `{ "gate.memory": 0.3, ... }`. */
export function slopesByPart<T extends object>(
  f: (tree: T) => number,
  tree: T,
  random: RandomSource,
): Record<string, number> {
  const step = 1e-5;
  const slopes: Record<string, number> = {};
  function visit(node: object, path: string, put: (replacement: unknown) => T): void {
    for (const [name, child] of Object.entries(node)) {
      const putChild = (replacement: unknown): T => put({ ...node, [name]: replacement });
      if (child === null || typeof child !== "object") continue;
      if (!Array.isArray(child)) {
        visit(child, `${path}${name}.`, putChild);
        continue;
      }
      const direction = unflatten(random.normalVector(flatten(child).length), child);
      const at = (distance: number): number => f(putChild(combine(1, child, distance, direction)));
      slopes[`${path}${name}`] = (at(step) - at(-step)) / (2 * step);
    }
  }
  visit(tree, "", (replacement) => replacement as T);
  return slopes;
}
