import { describe, expect, it } from "vitest";
import { jit, namedLeaves, np, scope, type Tensor } from "../../src/array/index.ts";
import type { NeuralMemoryConfig } from "../../src/titans/index.ts";
import { randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import { layerOf, noisyParams } from "../titans/layer-cases.ts";
import { rounded } from "../titans/memory-cases.ts";
import { expectNear, relativeTo } from "../titans/memory-runs.ts";
import { oracleOptionLayer } from "../titans/option-layer.ts";

/** Two chunks of four and an open one. */
const tokens = 11;

const sequences = rounded(randomSequences(81, 2, tokens, 5));

/** Float32 through projections, convolution, three chunks and the read-out, as for the layer without options. */
const plain = 3e-5;
/** Five steps of Newton-Schulz make small singular values, and their rounding, up to 480 times larger. */
const orthogonal = 2e-3;

const options: readonly [Partial<NeuralMemoryConfig>, tolerance: number][] = [
  [{ maxSurpriseNorm: 0.3 }, plain],
  [{ forgetTowards: "initial" }, plain],
  [{ queryKeyNorm: "rms" }, plain],
  [{ lossScale: 2 }, plain],
  [{ queryKeyNorm: "rms", lossScale: 2, depth: 3, maxStepSize: 0.3 }, plain],
  [{ momentumOrder: 2 }, plain],
  [{ momentumOrder: 3, maxStepSize: 0.2 }, plain],
  [{ pairsPerToken: 2 }, plain],
  [{ pairsPerToken: 3, normalizeValues: true }, plain],
  [{ gatedTransition: true }, plain],
  [{ renormalizeWeights: true }, plain],
  [{ orthogonalizeSurprise: true }, orthogonal],
];

describe("the layer with its options", () => {
  for (const [given, tolerance] of options) {
    const name = JSON.stringify(given);
    it(`Titans Eq. 11-15: NeuralMemory equals the oracle's layer with ${name}, and differs from the layer without`, () => {
      scope(() => {
        const config = { gateBiases: { forget: -1.5, momentum: 0, stepSize: 0 }, ...given };
        const layer = layerOf(config);
        const params = noisyParams(layer, 82);
        const run = jit((x: Tensor) => layer.step(params, layer.initialState(params, 2), x)[0]);
        const expected = sequences.map((row) => oracleOptionLayer(layer, toNumbers(params), row));
        expectNear(run(toTensor(sequences)), expected, tolerance);
        if (given.pairsPerToken === undefined) {
          // The same parameters without the option.
          const without = layerOf({
            ...config,
            ...Object.fromEntries(
              Object.keys(given).map((key) => [key, layerOf().config[key as keyof NeuralMemoryConfig]]),
            ),
          });
          const other = sequences.map((row) => oracleOptionLayer(without, toNumbers(params), row));
          expect(relativeTo(expected, other)).toBeGreaterThan(10 * tolerance);
        }
      });
    });
  }

  it("with rms-normalised queries and keys a linear memory of matrices smaller by the root of the features is the same layer", () => {
    scope(() => {
      const [unit, rms] = [layerOf({ depth: 1 }), layerOf({ depth: 1, queryKeyNorm: "rms" })];
      const params = noisyParams(unit, 83);
      const smaller = { layers: params.initialMemory.layers.map((matrix) => np.multiply(matrix, 1 / Math.sqrt(3))) };
      const x = toTensor(sequences);
      const outputs = (layer: typeof unit, p: typeof params) => layer.step(p, layer.initialState(p, 2), x)[0];
      // Up to the epsilons of the two norms.
      expectNear(outputs(rms, { ...params, initialMemory: smaller }), outputs(unit, params), 1e-4);
    });
  });

  it("has the state that its options need, batch first", () => {
    scope(() => {
      const layer = layerOf({ momentumOrder: 3, pairsPerToken: 2, gatedTransition: true });
      const params = noisyParams(layer, 84);
      const [, state] = layer.step(params, layer.initialState(params, 2), toTensor(sequences));
      const shapes = Object.fromEntries([...namedLeaves(state)].map(([path, leaf]) => [path, leaf.shape]));
      const [first, second] = [
        [2, 2, 6, 3],
        [2, 2, 3, 6],
      ];
      expect(shapes).toEqual({
        "memory.layers.0": first,
        "memory.layers.1": second,
        "surprise.layers.0": first,
        "surprise.layers.1": second,
        "lowerSurprises.0.layers.0": first,
        "lowerSurprises.0.layers.1": second,
        "lowerSurprises.1.layers.0": first,
        "lowerSurprises.1.layers.1": second,
        tail: [2, 3, 5 * 6],
      });
      expect(params.transitionGate!.shape).toEqual([2]);
      expect(noisyParams(layerOf(), 85).transitionGate).toBeUndefined();
    });
  });
});
