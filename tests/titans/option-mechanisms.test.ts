/** Each stability option by something that only it brings about: these tests fail when it is switched off. */
import { describe, expect, it } from "vitest";
import { jit, key, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { newtonSchulz } from "../../src/optim/index.ts";
import type {
  NeuralMemory,
  NeuralMemoryConfig,
  NeuralMemoryParams,
  NeuralMemoryState,
} from "../../src/titans/index.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf } from "./layer-cases.ts";
import { expectNear, relativeTo } from "./memory-runs.ts";

const [dim, tokens, chunk] = [5, 8, 4];

function randomInput(seed: number): Tensor {
  return tensor(oracle.randomSource(seed).normalVector(tokens * dim), [1, tokens, dim]);
}

function fresh(config: Partial<NeuralMemoryConfig>): { layer: NeuralMemory; params: NeuralMemoryParams } {
  const layer = layerOf({ chunkSize: chunk, gateBiases: { forget: -20, momentum: -20, stepSize: 0 }, ...config });
  return { layer, params: layer.init(key(201)) };
}

function diagnosed(layer: NeuralMemory, params: NeuralMemoryParams, x: Tensor, storeMask = np.ones([1, tokens])) {
  const run = jit((p: NeuralMemoryParams, input: Tensor, stored: Tensor) => {
    const [y, state, diagnostics] = layer.diagnose(p, layer.initialState(p, 1), input, { storeMask: stored });
    return { y, state, diagnostics };
  });
  return run(params, x, storeMask);
}

function changeOf({ memory }: NeuralMemoryState, layer: NeuralMemory, params: NeuralMemoryParams): Tensor {
  return np.subtract(memory.layers[0]!, layer.initialState(params, 1).memory.layers[0]!);
}

function norms(memory: NeuralMemoryState["memory"]): number[] {
  return memory.layers.flatMap((matrix) => [...readSync(np.sqrt(np.sum(np.square(matrix), [-2, -1])))]);
}

function firstOnly(): Tensor {
  return tensor([1, ...new Array<number>(tokens - 1).fill(0)], [1, tokens]);
}

describe("stability options of the neural memory", () => {
  it("maxSurpriseNorm: no token is a larger surprise than the bound, and those below it are what they were", () => {
    scope(() => {
      const bound = 0.2;
      // The first chunk: both memories are at the same gradient point.
      const surprisesWith = (maxSurpriseNorm: number | null) => {
        const { layer, params } = fresh({ maxSurpriseNorm, chunkSize: tokens });
        return [...readSync(diagnosed(layer, params, randomInput(202)).diagnostics.surprises)];
      };
      const [clipped, whole] = [surprisesWith(bound), surprisesWith(null)];
      expect(Math.max(...whole)).toBeGreaterThan(2 * bound);
      expect(Math.min(...whole)).toBeLessThan(bound);
      clipped.forEach((size, t) => {
        expect(size).toBeCloseTo(Math.min(bound, whole[t]!), 5);
      });
    });
  });

  it("forgetTowards initial: a memory that is never written stays at its initial weights, bit for bit, however much it forgets", () => {
    scope(() => {
      const changed = (forgetTowards: "zero" | "initial") => {
        const { layer, params } = fresh({ forgetTowards, gateBiases: { forget: 0, momentum: 0, stepSize: 0 } });
        const { state } = diagnosed(layer, params, randomInput(203), np.zeros([1, tokens]));
        return Math.max(...[...readSync(changeOf(state, layer, params))].map(Math.abs));
      };
      expect(changed("initial")).toBe(0);
      expect(changed("zero")).toBeGreaterThan(0.1);
    });
  });

  it("momentumOrder: the surprise of one token moves the memory by 1, 1 + 2 eta, 1 + 2 eta + 3 eta^2, ... of its step", () => {
    scope(() => {
      const moved = (momentumOrder: number, momentum: number) => {
        const logit = Math.log(momentum / (1 - momentum));
        const { layer, params } = fresh({
          momentumOrder,
          depth: 1,
          chunkSize: 1,
          gateBiases: { forget: -20, momentum: logit, stepSize: 0 },
        });
        return changeOf(diagnosed(layer, params, randomInput(204), firstOnly()).state, layer, params);
      };
      const step = moved(1, 1e-9);
      const total = (order: number) =>
        Array.from({ length: tokens }, (_, lag) => (order === 1 ? 1 : lag + 1) * 0.5 ** lag).reduce((a, b) => a + b);
      expectNear(moved(1, 0.5), np.multiply(step, total(1)), 1e-5);
      expectNear(moved(2, 0.5), np.multiply(step, total(2)), 1e-5);
    });
  });

  it("pairsPerToken: a linear memory changes by a matrix of as many ranks from one token", () => {
    scope(() => {
      /** Of a 3 x 3 matrix: the determinant is 0 below rank 3, all 2 x 2 minors are at rank 1. */
      const rankOf = (pairsPerToken: number) => {
        const { layer, params } = fresh({ pairsPerToken, depth: 1 });
        const { state, diagnostics } = diagnosed(layer, params, randomInput(205), firstOnly());
        expect(diagnostics.surprises.shape).toEqual([1, 2, tokens]);
        expect(diagnostics.stepSizes.shape).toEqual([1, 2, tokens]);
        const m = [...readSync(changeOf(state, layer, params))].slice(0, 9) as [number, ...number[]];
        const minor = (a: number, b: number, c: number, d: number) => m[a]! * m[d]! - m[b]! * m[c]!;
        const minors = [minor(0, 1, 3, 4), minor(0, 2, 3, 5), minor(1, 2, 4, 5), minor(3, 4, 6, 7)];
        const determinant = m[0] * minor(4, 5, 7, 8) - m[1]! * minor(3, 5, 6, 8) + m[2]! * minor(3, 4, 6, 7);
        const size = Math.max(...m.map(Math.abs));
        const isZero = (value: number, degree: number) => Math.abs(value) < 1e-4 * size ** degree;
        if (minors.every((value) => isZero(value, 2))) return 1;
        return isZero(determinant, 3) ? 2 : 3;
      };
      expect([1, 2, 3].map(rankOf)).toEqual([1, 2, 3]);
    });
  });

  it("queryKeyNorm and lossScale: surprise is that of the halved loss whatever the keys' length, and doubles with the loss", () => {
    scope(() => {
      // A linear memory of zeros: the gradient's norm is kappa |v| |k|. Large inputs, so that the norms' epsilon is nothing beside them.
      const x = np.multiply(randomInput(206), 10);
      const surprises = (config: Partial<NeuralMemoryConfig>) => {
        const { layer, params } = fresh({ depth: 1, chunkSize: tokens, ...config });
        const zero = { layers: [np.zerosLike(params.initialMemory.layers[0]!)] };
        return diagnosed(layer, { ...params, initialMemory: zero }, x).diagnostics;
      };
      const plain = surprises({});
      const rms = surprises({ queryKeyNorm: "rms" });
      // kappa |k| is 1 / sqrt(d) where kappa |k|^2 is 1.
      expectNear(np.multiply(rms.surprises, Math.sqrt(3)), plain.surprises, 1e-4);
      expectNear(np.multiply(rms.lossAtInitial, 3), plain.lossAtInitial, 1e-5);
      const doubled = surprises({ lossScale: 2 });
      expectNear(doubled.surprises, np.multiply(plain.surprises, 2), 1e-5);
      expectNear(doubled.lossAtInitial, np.multiply(plain.lossAtInitial, 2), 1e-5);
    });
  });

  it("renormalizeWeights: at a chunk's end every matrix has the norm it started with, whatever was written or forgotten", () => {
    scope(() => {
      const drift = (renormalizeWeights: boolean) => {
        const { layer, params } = fresh({ renormalizeWeights, gateBiases: { forget: 0, momentum: 0, stepSize: 0 } });
        const { state } = diagnosed(layer, params, randomInput(207));
        return relativeTo(norms(layer.initialState(params, 1).memory), norms(state.memory));
      };
      expect(drift(true)).toBeLessThan(1e-5);
      expect(drift(false)).toBeGreaterThan(0.1);
    });
  });

  it("gatedTransition: closed, the memory stays where it was; open, it is the memory without a gate", () => {
    scope(() => {
      const x = randomInput(208);
      const plain = fresh({});
      const free = diagnosed(plain.layer, plain.params, x).state;
      const { layer, params } = fresh({ gatedTransition: true });
      const through = (logit: number) => diagnosed(layer, { ...params, transitionGate: np.full([2], logit) }, x).state;
      const change = (state: NeuralMemoryState) => changeOf(state, layer, params);
      expect(Math.max(...[...readSync(change(through(-60)))].map(Math.abs))).toBe(0);
      expectNear(change(through(60)), changeOf(free, plain.layer, plain.params), 1e-5);
      expect(relativeTo(change(free), change(through(0)))).toBeGreaterThan(0.1);
      expect([...readSync(params.transitionGate!)]).toEqual([-5, -5]);
    });
  });

  it("orthogonalizeSurprise: at a chunk's end the memory has moved by its orthogonalised surprise, however small the steps were", () => {
    scope(() => {
      const moved = (maxStepSize: number, orthogonalizeSurprise = true) => {
        const { layer, params } = fresh({ orthogonalizeSurprise, maxStepSize, chunkSize: tokens });
        const { state } = diagnosed(layer, params, randomInput(209));
        return { change: changeOf(state, layer, params), surprise: state.surprise.layers[0]! };
      };
      const [large, small, plain] = [moved(0.5), moved(0.005), moved(0.5, false)];
      expectNear(large.change, newtonSchulz(large.surprise), 1e-4);
      expectNear(small.surprise, np.multiply(large.surprise, 0.01), 1e-4);
      // The iteration bends the small singular values of both alike: what is left is rounding, times up to 480.
      expectNear(small.change, large.change, 1e-3);
      expect(relativeTo(large.change, plain.change)).toBeGreaterThan(0.1);
    });
  });
});
