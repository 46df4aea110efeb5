/** The architectures as their oracles compute them, under the layer contract: cuts inside a chunk, inside a segment, and after every token. */
import type { Tensor, Tree } from "../../src/array/index.ts";
import type { MemoryLayer } from "../../src/common/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import type { Matrix } from "../oracles/index.ts";
import {
  type Architecture,
  architectureOracle,
  contextLayer,
  dim,
  gateLayer,
  layerLayer,
} from "../titans/architecture-cases.ts";
import { layerContract } from "./contract.ts";

/** Values of length one keep the memory where random tokens cannot make it diverge. */
const memory = { normalizeValues: true, gateBiases: { forget: -5, momentum: 0, stepSize: 0 } };

const subjects: Record<string, Architecture> = {
  "memory as context": contextLayer({ memory }),
  "memory as gate": gateLayer({ memory, gate: "product" }),
  "memory as layer": layerLayer({ memory, window: 5 }),
  "memory as layer with a visible prefix": layerLayer({ memory, visiblePrefix: true }),
};

for (const [name, layer] of Object.entries(subjects)) {
  const plain = layer as unknown as MemoryLayer<Tree, Tree>;
  layerContract(`${name}, after persistent tokens`, {
    layer: plain,
    dim,
    // Open chunks and an open segment.
    tokens: 7,
    grid: { chunk: layer.gridUnit, segment: 2 * layer.gridUnit },
    oracle: (params: NumberTree, x: Matrix) => architectureOracle(layer, params, x).outputs,
    stepWithLosses: (params: Tree, state: Tree, x: Tensor): [Tensor, Tree, Tensor] => {
      const [y, next, { lossBefore }] = plain.diagnose(params, state, x);
      return [y, next, lossBefore];
    },
  });
}

const withOptions = contextLayer({
  memory: {
    ...memory,
    queryKeyNorm: "rms",
    maxSurpriseNorm: 0.5,
    forgetTowards: "initial",
    momentumOrder: 2,
    pairsPerToken: 2,
    gatedTransition: true,
    renormalizeWeights: true,
    maxStepSize: 0.05,
    maxMomentum: 0.6,
  },
}) as unknown as MemoryLayer<Tree, Tree> & { readonly gridUnit: number };

layerContract("memory as context, its memory with every option that has an any-cut contract of its own", {
  layer: withOptions,
  dim,
  tokens: 7,
  grid: { chunk: withOptions.gridUnit, segment: 2 * withOptions.gridUnit },
});
