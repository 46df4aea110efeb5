import { describe, expect, it } from "vitest";
import { readSync, scope, tensor } from "../../src/array/index.ts";
import { clippedFactors, gradientNorms, memoryFactors, weightedGradient } from "../../src/common/index.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  networkOf,
  randomCell,
  stateTensors,
  tokenTensors,
  weightsOf,
} from "../titans/memory-cases.ts";
import { expectNear } from "../titans/memory-runs.ts";

describe("clipped factors", () => {
  for (const depth of [1, 2, 4]) {
    for (const norm of [false, true]) {
      it(`are those of gradients built, measured and scaled one by one: depth ${depth}, norm ${norm}`, () => {
        scope(() => {
          const architecture = architectureOf({ depth, norm, residual: norm });
          const cell = randomCell(21, architecture, 6);
          const { keys, values } = tokenTensors(cell);
          const factors = memoryFactors(architecture, stateTensors(cell).memory, keys, values);
          const norms = [...readSync(gradientNorms(factors))].sort((a, b) => a - b);
          // Between the third and the fourth: half of the tokens are clipped.
          const bound = (norms[2]! + norms[3]!) / 2;
          const clipped = clippedFactors(factors, bound);
          const { sequence, weights } = cell;
          sequence.keys.forEach((key, t) => {
            const gradient = oracle.memoryGradient(networkOf(architecture), weights, key, sequence.values[t]!, 1);
            const share = Math.min(1, bound / oracle.treeNorm(gradient));
            const alone = tensor(sequence.keys.map((_, i) => Number(i === t)));
            const actual = weightsOf(toNumbers(weightedGradient(clipped, alone)));
            expectNear(oracle.flatten(actual), oracle.flatten(oracle.combine(share, gradient, 0, gradient)), 1e-5);
          });
          for (const size of readSync(gradientNorms(clipped))) expect(size).toBeLessThanOrEqual(bound * (1 + 1e-6));
        });
      });
    }
  }

  it("are left as they are, bit for bit, where a gradient is not too large", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 3, norm: true });
      const cell = randomCell(22, architecture, 5);
      const { keys, values } = tokenTensors(cell);
      const factors = memoryFactors(architecture, stateTensors(cell).memory, keys, values);
      const loose = clippedFactors(factors, 2 * Math.max(...readSync(gradientNorms(factors))));
      expect(toNumbers(loose.layers as never)).toEqual(toNumbers(factors.layers as never));
      expect(toNumbers(loose.norm!.scale)).toEqual(toNumbers(factors.norm!.scale));
    });
  });
});
