import { describe, it } from "vitest";
import { grad, jit, np, scope, type Tensor } from "../../src/array/index.ts";
import type { NeuralMemoryConfig, NeuralMemoryParams } from "../../src/titans/index.ts";
import { randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf, layerOptions, layerParameters, noisyParams } from "../titans/layer-cases.ts";
import { rounded } from "../titans/memory-cases.ts";
import { expectSampledGradient } from "../titans/sampled-gradient.ts";

/** A chunk of four and an open one. */
const tokens = 6;

const cases: { readonly name: string; readonly config: Partial<NeuralMemoryConfig> }[] = [
  {
    name: "the tangent guard and normalised values",
    config: { stepGuard: "tangent", normalizeValues: true, maxStepSize: 1 },
  },
  { name: "a linear memory, the key guard, residual", config: { depth: 1, stepGuard: "key", residual: true } },
  {
    name: "three layers with output norm, gelu",
    config: { depth: 3, norm: true, activation: "gelu", maxStepSize: 0.2 },
  },
];

describe("outer gradients of the layer", () => {
  for (const { name, config } of cases) {
    it(`Titans Eq. 11-15: NeuralMemory has the oracle's outer gradients for every parameter and the input, by finite differences: ${name}`, () => {
      scope(() => {
        const layer = layerOf(config);
        const params = noisyParams(layer, 91);
        const x = rounded(randomSequences(92, 1, tokens, 5)[0]!);
        const readout = oracle.randomSource(93).normalMatrix(tokens, 5);
        const loss = ({ params: p, x: input }: { params: NeuralMemoryParams; x: Tensor }) => {
          const [y] = layer.step(p, layer.initialState(p, 1), np.expandDims(input, 0));
          return np.sum(np.multiply(y, toTensor(readout)));
        };
        const gradient = jit(grad(loss))({ params, x: toTensor(x) });
        const oracleLoss = (at: { params: oracle.LayerParameters; x: oracle.Matrix }) => {
          const { outputs } = oracle.memoryLayer(
            at.params,
            oracle.initialLayerState(at.params),
            at.x,
            layerOptions(layer),
          );
          return oracle.dot(outputs.flat(), readout.flat());
        };
        const actual = { params: layerParameters(toNumbers(gradient.params)), x: toNumbers(gradient.x) };
        const at = { params: layerParameters(toNumbers(params)), x };
        // Float32 forward and backward through the whole layer, relative to the largest entry of each tensor: worst seen 5e-6.
        expectSampledGradient(actual, oracleLoss, at, 3e-5, 3);
      });
    });
  }
});
