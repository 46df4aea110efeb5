/** Each mechanism of the layer by something that only it brings about: these tests fail when it is switched off. */
import { describe, expect, it } from "vitest";
import { jit, key, np, readSync, scope, slice, type Tensor, tensor, zipTrees } from "../../src/array/index.ts";
import {
  type NeuralMemory,
  type NeuralMemoryConfig,
  type NeuralMemoryParams,
  stepGuards,
} from "../../src/titans/index.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf } from "./layer-cases.ts";
import { answeringAloud, expectNear, relativeTo } from "./memory-runs.ts";

const [dim, tokens] = [5, 8];

function randomInput(seed: number): Tensor {
  return tensor(oracle.randomSource(seed).normalVector(tokens * dim), [1, tokens, dim]);
}

/** The same gates for every token, by their values. */
function withGates(params: NeuralMemoryParams, gates: Partial<Record<"forget" | "momentum" | "stepSize", number>>) {
  const constant = (name: keyof NeuralMemoryParams["gates"]) => {
    const { weight, bias } = params.gates[name];
    const value = gates[name];
    return value === undefined
      ? { weight, bias }
      : { weight, bias: np.full([...bias.shape], Math.log(value / (1 - value))) };
  };
  return {
    ...params,
    gates: { forget: constant("forget"), momentum: constant("momentum"), stepSize: constant("stepSize") },
  };
}

function withZeroMemory(params: NeuralMemoryParams): NeuralMemoryParams {
  return { ...params, initialMemory: zipTrees((matrix) => np.zerosLike(matrix), params.initialMemory) };
}

interface Masks {
  readonly mask?: Tensor;
  readonly storeMask?: Tensor;
}

/** One call from a fresh state. */
function diagnosed(layer: NeuralMemory, params: NeuralMemoryParams, x: Tensor, masks: Masks = {}) {
  const run = jit((p: NeuralMemoryParams, input: Tensor, given: Masks) => {
    const [y, state, diagnostics] = layer.diagnose(p, layer.initialState(p, 1), input, given);
    return { y, state, diagnostics };
  });
  return run(params, x, masks);
}

function fresh(config: Partial<NeuralMemoryConfig>): { layer: NeuralMemory; params: NeuralMemoryParams } {
  const layer = layerOf({ gateBiases: { forget: -20, momentum: -20, stepSize: 0 }, ...config });
  return { layer, params: layer.init(key(151)) };
}

/** 1 for the first token, 0 for the others: one write, then reads. */
function firstOnly(): Tensor {
  return tensor([1, ...new Array<number>(tokens - 1).fill(0)], [1, tokens]);
}

function largest(x: Tensor): number {
  return Math.max(...[...readSync(x)].map(Math.abs));
}

describe("mechanisms of the neural memory", () => {
  it("momentum: the surprise of one token goes on moving the memory after it", () => {
    scope(() => {
      const { layer, params } = fresh({ depth: 1, chunkSize: 1 });
      const moved = (momentum: number) => {
        const { state } = diagnosed(layer, withGates(params, { momentum }), randomInput(152), {
          storeMask: firstOnly(),
        });
        return np.subtract(state.memory.layers[0]!, layer.initialState(params, 1).memory.layers[0]!);
      };
      // 1 + 0.75 + ... + 0.75^7
      expectNear(moved(0.75), np.multiply(moved(1e-9), (1 - 0.75 ** tokens) / 0.25), 1e-5);
    });
  });

  it("forgetting: what is neither written nor refreshed fades token by token", () => {
    scope(() => {
      const { layer, params } = fresh({});
      const { diagnostics } = diagnosed(layer, withGates(params, { forget: 0.5 }), randomInput(153), {
        storeMask: np.zeros([1, tokens]),
      });
      const norms = [...readSync(slice(diagnostics.memoryNorm, 0, 0))];
      expect(norms[1]! / norms[0]!).toBeCloseTo(0.5 ** 4, 5);
    });
  });

  it("the guard: the same token over and over is written with smaller and smaller steps", () => {
    scope(() => {
      const same = np.broadcastTo(slice(randomInput(154), [], [0, 1]), [1, tokens, dim]);
      const stepsOf = (stepGuard: NeuralMemoryConfig["stepGuard"]) => {
        // A kernel of one: the convolution would tell the first tokens apart.
        const { layer, params } = fresh({ stepGuard, chunkSize: tokens, convolutionKernel: 1, maxStepSize: 1 });
        return [...readSync(slice(diagnosed(layer, answeringAloud(params), same).diagnostics.stepSizes, 0, 0))];
      };
      for (const guard of stepGuards.filter((name) => name !== "off")) {
        const steps = stepsOf(guard);
        expect(steps.at(-1)!).toBeLessThan(0.25 * steps[0]!);
      }
      expect(new Set(stepsOf("off")).size).toBe(1);
    });
  });

  it("normalised values: to a memory of zeros every token is the same surprise, half a unit of loss", () => {
    scope(() => {
      // Large, so that the norm's epsilon is nothing beside them.
      const x = np.multiply(randomInput(155), 10);
      const lossesOf = (normalizeValues: boolean) => {
        const { layer, params } = fresh({ depth: 1, chunkSize: 1, normalizeValues });
        return [...readSync(diagnosed(layer, withZeroMemory(params), x).diagnostics.lossAtInitial)];
      };
      for (const loss of lossesOf(true)) expect(loss).toBeCloseTo(0.5, 4);
      expect(Math.max(...lossesOf(false).map((loss) => Math.abs(loss - 0.5)))).toBeGreaterThan(0.2);
    });
  });

  it("convolution: with nothing written, an output depends on its token and the three before it, and on no others", () => {
    scope(() => {
      const { layer, params } = fresh({ maxStepSize: 0 });
      const taps = tensor(oracle.randomSource(156).normalVector(params.convolution.size), params.convolution.shape);
      const x = randomInput(157);
      const other = np.where(np.reshape(np.equal(np.arange(tokens), 2), [1, tokens, 1]), 1, x);
      const outputs = (input: Tensor) => diagnosed(layer, { ...params, convolution: taps }, input).y;
      const difference = np.max(np.absolute(np.subtract(outputs(other), outputs(x))), -1);
      const changed = [...readSync(difference)].map((value) => value > 1e-3);
      expect(changed).toEqual([false, false, true, true, true, true, false, false]);
    });
  });

  it("normalised keys: the norm of a linear memory's gradient is that of its error, whatever the token", () => {
    scope(() => {
      const { layer, params } = fresh({ depth: 1, chunkSize: 1 });
      const { surprises, lossBefore } = diagnosed(layer, params, np.multiply(randomInput(158), 3)).diagnostics;
      // The keys' lengths are 1 up to the epsilon of their normalisation: worst seen 2e-5.
      expectNear(np.square(surprises), np.multiply(lossBefore, 2), 1e-4);
    });
  });

  it("normalised queries: a deep memory's answer does not depend on their length", () => {
    scope(() => {
      const { layer, params } = fresh({ maxStepSize: 0, convolutionKernel: 1 });
      const random = oracle.randomSource(159);
      // Large and positive, where SiLU is the identity to eight digits.
      const x = tensor(random.uniformVector(tokens * dim, 1, 2), [1, tokens, dim]);
      const projection = tensor(random.uniformVector(params.projection.size, 3, 6), params.projection.shape);
      const isQuery = np.less(np.arange(params.projection.shape[1]!), params.projection.shape[1]! / 3);
      const longer = np.where(isQuery, np.multiply(projection, 3), projection);
      const one = { ...params, convolution: np.ones([...params.convolution.shape]), projection };
      expectNear(diagnosed(layer, { ...one, projection: longer }, x).y, diagnosed(layer, one, x).y, 1e-5);
      // The memory itself bends: three times a query is not three times its answer.
      const { weights, query } = { weights: layer.initialState(params, 1).memory.layers, query: np.ones([3]) };
      const hidden = (scale: number) => {
        const z = np.matmul(slice(weights[0]!, 0, 0), np.multiply(query, scale));
        return np.divide(z, np.add(1, np.exp(np.negative(z))));
      };
      expect(relativeTo(np.multiply(hidden(1), 3), hidden(3))).toBeGreaterThan(0.05);
    });
  });

  it("the per-head norm: a memory ten times as strong is heard no louder", () => {
    scope(() => {
      const { layer, params: soft } = fresh({ depth: 1, maxStepSize: 0 });
      const params = answeringAloud(soft);
      const loud = np.reshape(tensor([10, 1]), [2, 1, 1]);
      const initialMemory = { layers: [np.multiply(params.initialMemory.layers[0]!, loud)] };
      const x = randomInput(160);
      // Up to the epsilon of the norm: worst seen 2e-6.
      expectNear(diagnosed(layer, { ...params, initialMemory }, x).y, diagnosed(layer, params, x).y, 1e-4);
    });
  });

  it("the output gate: closed for a token, it lets nothing out", () => {
    scope(() => {
      const { layer, params } = fresh({});
      const x = np.absolute(randomInput(161));
      const gate = (value: number) => ({ ...params, outputGate: np.full([...params.outputGate.shape], value) });
      const closedAt = np.where(np.reshape(np.equal(np.arange(tokens), 3), [1, tokens, 1]), np.negative(x), x);
      expect(largest(diagnosed(layer, gate(-1000), x).y)).toBe(0);
      const sizes = [...readSync(np.max(np.absolute(diagnosed(layer, gate(1000), closedAt).y), -1))];
      expect(sizes.map((size) => size > 1e-3)).toEqual([true, true, true, false, true, true, true, true]);
    });
  });

  it("reading after writing: a token finds itself in a memory that was empty before it", () => {
    scope(() => {
      const { layer, params } = fresh({ depth: 1 });
      const empty = withZeroMemory(params);
      const x = randomInput(162);
      expect(largest(slice(diagnosed(layer, empty, x).y, 0, 0))).toBeGreaterThan(0.01);
      expect(largest(diagnosed(layer, empty, x, { storeMask: np.zeros([1, tokens]) }).y)).toBe(0);
    });
  });

  it("the residual: an empty memory answers with the query", () => {
    scope(() => {
      const { layer, params } = fresh({ residual: true, maxStepSize: 0 });
      expect(largest(diagnosed(layer, withZeroMemory(params), randomInput(163)).y)).toBeGreaterThan(0.1);
    });
  });

  it("the output norm: an empty memory answers with the norm's shift", () => {
    scope(() => {
      const { layer, params } = fresh({ norm: true, maxStepSize: 0 });
      const empty = withZeroMemory(params).initialMemory;
      const x = randomInput(164);
      const y = (shift: number) => {
        const norm = { scale: np.ones([2, 3]), shift: np.full([2, 3], shift) };
        return diagnosed(layer, { ...params, initialMemory: { layers: empty.layers, norm } }, x).y;
      };
      expect(largest(y(0))).toBe(0);
      expect(largest(y(1))).toBeGreaterThan(0.1);
    });
  });

  it("the store mask: what is not stored leaves no trace in a memory without forgetting", () => {
    scope(() => {
      const { layer, params } = fresh({});
      const memories = [randomInput(165), randomInput(166)].map((x) => {
        const { state } = diagnosed(layer, params, x, { storeMask: np.zeros([1, tokens]) });
        return [...readSync(state.memory.layers[0]!)];
      });
      expect(memories[0]).toEqual(memories[1]);
      const written = diagnosed(layer, params, randomInput(165)).state.memory.layers[0]!;
      expect(relativeTo(memories[0]!, written)).toBeGreaterThan(0.01);
    });
  });

  it("the mask: whatever stands in empty slots, outputs, memory, momentum and tail are the same, bit for bit", () => {
    scope(() => {
      const { layer, params } = fresh({ stepGuard: "tangent" });
      const warm = withGates(params, { momentum: 0.6, forget: 0.1 });
      const valid = [1, 1, 0, 1, 0, 0, 1, 0];
      const mask = tensor(valid, [1, tokens]);
      const x = randomInput(167);
      const garbage = np.where(np.expandDims(np.greater(mask, 0), -1), x, np.multiply(randomInput(168), 100));
      const [clean, dirty] = [x, garbage].map((input) => diagnosed(layer, warm, input, { mask }));
      const numbers = ({ y, state }: NonNullable<typeof clean>) => [
        [...readSync(y)].filter((_, i) => valid[Math.floor(i / dim)] === 1),
        ...[...state.memory.layers, ...state.surprise.layers, state.tail].map((leaf) => [...readSync(leaf)]),
      ];
      expect(numbers(dirty!)).toEqual(numbers(clean!));
    });
  });
});
