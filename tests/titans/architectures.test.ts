/** What each architecture must show beside its formulas: each test fails when its mechanism is switched off. */
import { describe, expect, it } from "vitest";
import { jit, mapTree, np, readSync, scope, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import { isMemoryLayer, type MemoryLayer, type SequenceLayer, selectRows } from "../../src/common/index.ts";
import { type MemoryAsContextConfig, NeuralMemory } from "../../src/titans/index.ts";
import { randomSequences, relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import { flatten } from "../oracles/index.ts";
import { type Architecture, contextLayer, dim, gateLayer, layerLayer, memoryAlone } from "./architecture-cases.ts";
import { memoryIn } from "./architecture-runs.ts";
import { noisyParams } from "./layer-cases.ts";

type Plain = MemoryLayer<Tree, Tree>;

const layers: Record<string, Architecture> = {
  "memory as context": contextLayer(),
  "memory as gate": gateLayer(),
  "memory as layer": layerLayer(),
  "memory as layer with a visible prefix": layerLayer({ visiblePrefix: true }),
  "the memory alone": memoryAlone(3),
};

function started(layer: Architecture, seed: number): { plain: Plain; params: Tree; x: Tensor } {
  return {
    plain: layer as unknown as Plain,
    params: noisyParams<Tree>(layer, seed),
    x: toTensor(randomSequences(seed, 2, 8, dim)),
  };
}

const read = (layer: SequenceLayer<Tree, Tree>) =>
  jit((params: Tree, state: Tree, x: Tensor) => layer.step(params, state, x));

function largest(a: Tensor, b: Tensor): number {
  return Math.max(...readSync(np.absolute(np.subtract(a, b))));
}

describe.each(Object.entries(layers))("%s", (_, layer) => {
  it("starts every sequence alike, and writes to the memory but not to the persistent tokens", () => {
    scope(() => {
      const { plain, params, x } = started(layer, 91);
      const before = toNumbers(params);
      const start = plain.initialState(params, 2);
      const [first, second] = [0, 1].map((row) => toNumbers(selectRows(start, [row])));
      expect(second).toEqual(first);
      const [, state] = read(plain)(params, start, x);
      expect(toNumbers(params)).toEqual(before);
      const [fresh, written] = [start, state].map((s) => memoryIn(s).memory.layers[0]!);
      expect(largest(fresh!, written!)).toBeGreaterThan(1e-3);
      expect(Object.keys(state)).not.toContain("persistent");
    });
  });

  it("diagnoses what it does: the same outputs and state, with the inner losses of every chunk", () => {
    scope(() => {
      const { plain, params, x } = started(layer, 92);
      const start = plain.initialState(params, 2);
      const [y, state] = plain.step(params, start, x);
      const [same, next, found] = plain.diagnose(params, start, x);
      expect(toNumbers(same)).toEqual(toNumbers(y));
      expect(toNumbers(next)).toEqual(toNumbers(state));
      expect(found.lossBefore.shape).toEqual([2, 2, 4]);
      expect(found.stepSizes.shape).toEqual([2, 2, 8]);
      expect(Math.min(...readSync(found.stepSizes))).toBeGreaterThan(0);
    });
  });

  it("hands its memory out and takes another in, and reads differently with it", () => {
    scope(() => {
      const { plain, params, x } = started(layer, 93);
      expect(isMemoryLayer(plain)).toBe(true);
      const state = read(plain)(params, plain.initialState(params, 2), x)[1];
      const own = plain.mapMemory(state, (memory) => memory);
      expect(toNumbers(own)).toEqual(toNumbers(state));
      const swapped = plain.mapMemory(state, (memory) => mapTree(memory, (w) => np.flip(w, 0)));
      expect(toNumbers(memoryIn(swapped).tail)).toEqual(toNumbers(memoryIn(state).tail));
      const [y, other] = [state, swapped].map((s) => read(plain)(params, s, x)[0]);
      expect(largest(y!, other!)).toBeGreaterThan(1e-3);
    });
  });

  it("says something else without its persistent tokens", () => {
    scope(() => {
      const { plain, params, x } = started(layer, 94);
      const { persistent, ...others } = params as { persistent: Tensor };
      const without = { ...others, persistent: np.zerosLike(persistent) };
      const [y, other] = [params, without].map((p) => read(plain)(p, plain.initialState(p, 2), x)[0]);
      expect(largest(y!, other!)).toBeGreaterThan(1e-3);
    });
  });
});

describe("without what makes them, they are what they are made of", () => {
  it("the memory alone without persistent tokens is the neural memory", () => {
    scope(() => {
      const layer = memoryAlone(0);
      const { plain, params, x } = started(layer, 95);
      const { memory } = params as unknown as { memory: Parameters<NeuralMemory["init"]>[0] };
      const bare = new NeuralMemory(layer.memory.config) as unknown as Plain;
      const [y] = plain.step(params, plain.initialState(params, 2), x);
      const [expected] = bare.step(memory as unknown as Tree, bare.initialState(memory as unknown as Tree, 2), x);
      expect(Object.keys(params)).toEqual(["memory"]);
      expect(toNumbers(y)).toEqual(toNumbers(expected));
    });
  });

  it("memory as layer is the memory alone where attention puts out nothing", () => {
    scope(() => {
      const { plain, params, x } = started(layerLayer(), 96);
      const all = params as { persistent: Tensor; memory: Tree; attention: { output: Tensor } };
      const silent = { ...all, attention: { ...all.attention, output: np.zerosLike(all.attention.output) } };
      const alone = memoryAlone(3) as unknown as Plain;
      const own = { persistent: all.persistent, memory: all.memory };
      const [y] = plain.step(silent, plain.initialState(silent, 2), x);
      const [expected] = alone.step(own, alone.initialState(own, 2), x);
      expect(relativeError(y, expected)).toBe(0);
    });
  });
});

describe("memory as context", () => {
  /** How far each token's output moves when token 5, in the second segment of four, becomes another. */
  function movedBy(overrides: Partial<MemoryAsContextConfig>): number[] {
    return scope(() => {
      const { plain, params } = started(contextLayer(overrides), 97);
      const [x] = randomSequences(98, 1, 8, dim);
      const other = x!.map((row, t) => (t === 5 ? row.map((value) => value + 1) : row));
      const [before, after] = [x!, other].map(
        (sequence) => read(plain)(params, plain.initialState(params, 1), toTensor([sequence]))[0],
      );
      const moved = np.max(np.absolute(np.subtract(after!, before!)), -1);
      return (toNumbers(moved) as number[][])[0]!;
    });
  }

  it("is causal, unless it is read at the segment's end: then a token moves those before it in its segment", () => {
    const causal = movedBy({});
    expect(causal.map((distance) => distance > 0)).toEqual([false, false, false, false, false, true, true, true]);
    const literal = movedBy({ read: "segmentEndNonCausal" });
    expect(literal.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(Math.min(...literal.slice(4))).toBeGreaterThan(1e-3);
  });

  it("writes what attention found, not persistent tokens: before the first token the memory is M_0", () => {
    scope(() => {
      const { plain, params } = started(contextLayer(), 99);
      const { memory } = params as unknown as { memory: { initialMemory: { layers: Tensor[] } } };
      const start = memoryIn(plain.initialState(params, 1));
      expect(toNumbers(slice(start.memory.layers[0]!, 0))).toEqual(toNumbers(memory.initialMemory.layers[0]!));
      expect(Math.max(...flatten(toNumbers(start.surprise)).map(Math.abs))).toBe(0);
    });
  });

  it("reads one short segment: the same outputs as its beginning in a whole one", () => {
    scope(() => {
      const { plain, params, x } = started(contextLayer(), 100);
      const [whole] = plain.step(params, plain.initialState(params, 2), x);
      const [short] = plain.step(params, plain.initialState(params, 2), slice(x, [], [0, 3]));
      expect(relativeError(short, slice(whole, [], [0, 3]))).toBeLessThan(2e-6);
    });
  });

  it("refuses segments that are not whole chunks, heads that cannot turn, and reads that do not exist", () => {
    expect(() => contextLayer({ segment: 3 })).toThrow("segments of 3 tokens and a memory with chunks of 2");
    expect(() => contextLayer({ attentionHeads: 8 })).toThrow(
      "heads of 1 features; rotary positions need an even number",
    );
    expect(() => contextLayer({ persistentTokens: -1 })).toThrow("persistentTokens is -1");
    expect(() => contextLayer({ read: "tokenexact" as "tokenExact" })).toThrow(/did you mean "tokenExact"/);
    scope(() => {
      const { plain, params } = started(contextLayer(), 101);
      const state = plain.initialState(params, 2);
      expect(() => plain.step(params, state, np.zeros([2, 4, 5]))).toThrow("it must be [batch, tokens, 8]");
    });
  });
});
