import { describe, expect, it } from "vitest";
import { jit, key, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "../../src/titans/index.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf, noisyParams } from "./layer-cases.ts";
import { weightsOf } from "./memory-cases.ts";
import { expectNear } from "./memory-runs.ts";

function randomInput(seed: number, batch: number, tokens: number, dim: number): Tensor {
  return tensor(oracle.randomSource(seed).normalVector(batch * tokens * dim), [batch, tokens, dim]);
}

/** The numbers of the first sequence's first head. */
function firstMemory(state: NeuralMemoryState, part: "memory" | "surprise"): oracle.MemoryWeights {
  const { layers } = toNumbers(state[part]) as unknown as { layers: oracle.Matrix[][][] };
  return weightsOf({ layers: layers.map((matrix) => matrix[0]![0]!) });
}

describe("tokens that are only read with", () => {
  const [dim, tokens] = [5, 6];

  function run(layer: NeuralMemory, params: NeuralMemoryParams, warm: boolean) {
    const step = jit((p: NeuralMemoryParams, state: NeuralMemoryState, x: Tensor, storeMask: Tensor) => {
      const [y, next, { stepSizes, surprises }] = layer.diagnose(p, state, x, { storeMask });
      return { y, next, stepSizes, surprises };
    });
    const fresh = layer.initialState(params, 1);
    const start = warm ? step(params, fresh, randomInput(141, 1, tokens, dim), np.ones([1, tokens])).next : fresh;
    return { start, result: step(params, start, randomInput(142, 1, tokens, dim), np.zeros([1, tokens])) };
  }

  it("write nothing: their step sizes are 0 while their surprises are measured, and a fresh memory only fades", () => {
    scope(() => {
      const layer = layerOf();
      const params = noisyParams(layer, 143);
      const { result } = run(layer, params, false);
      expect([...readSync(result.stepSizes)].every((step) => step === 0)).toBe(true);
      expect([...readSync(result.surprises)].every((surprise) => surprise > 0)).toBe(true);
      expect(oracle.treeNorm(firstMemory(result.next, "surprise"))).toBe(0);
      const faded = firstMemory(result.next, "memory");
      const before = firstMemory(layer.initialState(params, 1), "memory");
      const left = oracle.treeNorm(faded) / oracle.treeNorm(before);
      expect(left).toBeLessThan(1);
      expectNear(faded.layers, oracle.combine(left, before, 0, before).layers, 1e-6);
    });
  });

  it("let running momentum act on and forgetting go on", () => {
    scope(() => {
      const layer = layerOf();
      const zero = (weight: Tensor) => np.zerosLike(weight);
      const noisy = noisyParams(layer, 144);
      const { gates } = noisy;
      const constant = (gate: typeof gates.forget, bias: number) => ({
        weight: zero(gate.weight),
        bias: np.full([2], bias),
      });
      const [keep, carry] = [0.75, 0.5];
      const params = {
        ...noisy,
        gates: {
          forget: constant(gates.forget, Math.log((1 - keep) / keep)),
          momentum: constant(gates.momentum, 0),
          stepSize: gates.stepSize,
        },
      };
      const { start, result } = run(layer, params, true);
      const [memory, surprise] = [firstMemory(start, "memory"), firstMemory(start, "surprise")];
      expect(oracle.treeNorm(surprise)).toBeGreaterThan(0.05);
      // W_6 = a^6 W_0 + S_0 sum over s of a^(6-s) eta^s
      const acted = Array.from({ length: tokens }, (_, s) => keep ** (tokens - 1 - s) * carry ** (s + 1));
      const total = acted.reduce((sum, share) => sum + share, 0);
      const expected = oracle.combine(keep ** tokens, memory, total, surprise);
      expectNear(firstMemory(result.next, "memory").layers, expected.layers, 2e-6);
      const carried = oracle.combine(carry ** tokens, surprise, 0, surprise);
      expectNear(firstMemory(result.next, "surprise").layers, carried.layers, 2e-6);
    });
  });

  it("are told apart within one call and one batch", () => {
    scope(() => {
      const layer = layerOf();
      const params = noisyParams(layer, 145);
      const storeMask = tensor([1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1], [2, tokens]);
      const x = randomInput(146, 2, tokens, dim);
      const [, , { stepSizes }] = layer.diagnose(params, layer.initialState(params, 2), x, { storeMask });
      const written = (toNumbers(stepSizes) as number[][][]).map((heads) =>
        heads.map((steps) => steps.map((step) => Number(step > 0))),
      );
      expect(written).toEqual([
        [
          [1, 1, 0, 1, 0, 0],
          [1, 1, 0, 1, 0, 0],
        ],
        [
          [0, 0, 1, 0, 1, 1],
          [0, 0, 1, 0, 1, 1],
        ],
      ]);
    });
  });
});

describe("a memory that is not written", () => {
  it("remembers when it is fresh: at least 80 % of the initial weights' norm survives 32 tokens whose writes are switched off", () => {
    scope(() => {
      const layer = new NeuralMemory({ dim: 16, heads: 2, headDim: 8 });
      const params = layer.init(key(1));
      const x = randomInput(147, 1, 32, 16);
      const fresh = layer.initialState(params, 1);
      const [, state] = layer.step(params, fresh, x, { storeMask: np.zeros([1, 32]) });
      const left = oracle.treeNorm(firstMemory(state, "memory")) / oracle.treeNorm(firstMemory(fresh, "memory"));
      expect(left).toBeGreaterThanOrEqual(0.8);
      expect(left).toBeLessThan(1);
    });
  });

  it("is never written with a largest step size of 0: its momentum stays exactly 0", () => {
    scope(() => {
      const layer = layerOf({ maxStepSize: 0 });
      const params = noisyParams(layer, 148);
      const [, state, { stepSizes }] = layer.diagnose(params, layer.initialState(params, 2), randomInput(149, 2, 6, 5));
      expect([...readSync(stepSizes)].every((step) => step === 0)).toBe(true);
      for (const matrix of state.surprise.layers) {
        expect([...readSync(matrix)].every((value) => value === 0)).toBe(true);
      }
    });
  });
});
