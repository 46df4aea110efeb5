import { describe, expect, it } from "vitest";
import { activate, sigmoid } from "./activations.ts";
import { causalConvolution } from "./convolution.ts";
import { centralGradientTree } from "./finite-differences.ts";
import { initialLayerState, type LayerOptions, type LayerParameters, memoryLayer } from "./layer.ts";
import { dot, identity, type Matrix, scale, zeroMatrix } from "./matrix.ts";
import { randomMemory } from "./memory-mlp.ts";
import { randomSource } from "./random.ts";
import { flatten, maxDifference, treeNorm } from "./tree.ts";

const random = randomSource(21);
const dim = 5;
const heads = 2;
const inner = 6;

function randomLayer(): LayerParameters {
  return {
    query: random.normalMatrix(dim, inner, 0.5),
    key: random.normalMatrix(dim, inner, 0.5),
    value: random.normalMatrix(dim, inner, 0.5),
    convolution: {
      query: random.normalMatrix(4, inner, 0.5),
      key: random.normalMatrix(4, inner, 0.5),
      value: random.normalMatrix(4, inner, 0.5),
    },
    gateWeight: random.normalMatrix(dim, 3 * heads, 0.3),
    gateBias: [-2, -3, 0.5, 1, 0, -1],
    memory: [randomMemory(random, [3, 4, 3], false), randomMemory(random, [3, 4, 3], false)],
    readNorm: random.normalMatrix(heads, 3),
    outputGate: random.normalMatrix(dim, inner),
    output: random.normalMatrix(inner, dim),
  };
}

const options: LayerOptions = {
  heads,
  network: { activation: "silu", residual: false, normEpsilon: 1e-3 },
  kappa: 1,
  chunk: 4,
  read: "after",
  maxStep: 0.7,
  guard: "keys",
};
const layer = randomLayer();
const fresh = initialLayerState(layer);
const u = random.normalMatrix(11, dim);
const whole = memoryLayer(layer, fresh, u, options);

describe("oracle: causal convolution", () => {
  it("tap K - 1 multiplies the current token, zeros come before the first", () => {
    const { outputs, tail } = causalConvolution([[1], [2], [3]], [[100], [10], [1]]);
    expect(outputs).toEqual([[1], [12], [123]]);
    expect(tail).toEqual([[2], [3]]);
  });

  it("masked slots enter no later window", () => {
    const taps = [[100], [10], [1]];
    const { outputs, tail } = causalConvolution([[1], [9], [2], [3]], taps, undefined, [true, false, true, true]);
    expect([outputs[0], outputs[2], outputs[3]]).toEqual([[1], [12], [123]]);
    expect(tail).toEqual([[2], [3]]);
  });
});

describe("oracle: the memory layer, section 8.1", () => {
  it("one token and one head by hand", () => {
    const small: LayerParameters = {
      query: [
        [1, 0.5],
        [0, 1],
      ],
      key: [
        [2, 0],
        [1, 1],
      ],
      value: [
        [1, -1],
        [0.5, 3],
      ],
      convolution: {
        query: [
          [9, 9],
          [1, 2],
        ],
        key: [
          [9, 9],
          [0.5, 1],
        ],
        value: [
          [9, 9],
          [1, 1],
        ],
      },
      gateWeight: [
        [0, 0, 0],
        [0, 0, 0],
      ],
      gateBias: [0, 0, Math.log(3)],
      memory: [{ layers: [zeroMatrix(2, 2)], norm: null }],
      readNorm: [[2, 3]],
      outputGate: [
        [1, 0],
        [0, 2],
      ],
      output: [
        [1, 0],
        [0, 1],
      ],
    };
    const silu = (x: number): number => activate("silu", x);
    const input = [1, 2];
    const q = [silu(1 * 1), silu(2 * 2.5)];
    const k = [silu(0.5 * 4), silu(1 * 2)];
    const v = [silu(2), silu(5)];
    const overlap = dot(q, k) / Math.sqrt((dot(q, q) + 1e-6) * (dot(k, k) + 1e-6));
    const read = scale(0.4 * 0.75 * overlap, v);
    const size = Math.sqrt(dot(read, read) / 2 + 1e-6);
    const expected = [((2 * read[0]!) / size) * sigmoid(1), ((3 * read[1]!) / size) * sigmoid(4)];
    const one: LayerOptions = { ...options, heads: 1, maxStep: 0.4 };
    const result = memoryLayer(small, initialLayerState(small), [input], one);
    expect(maxDifference(result.outputs[0], expected)).toBeLessThan(1e-14);
    expect(result.stepSize[0]![0]).toBeCloseTo(0.3, 15);
    expect(result.forget[0]![0]).toBe(0.5);
  });

  it("gate columns are forget heads, momentum heads, step heads", () => {
    const bias = { ...layer, gateWeight: zeroMatrix(dim, 6), gateBias: [0, 1, 2, 3, 4, 5] };
    const result = memoryLayer(bias, fresh, u.slice(0, 1), { ...options, maxStep: 1e-3 });
    const firsts = [result.forget, result.momentum, result.stepSize].flatMap((rows) => rows.map((row) => row[0]!));
    const expected = [0, 1, 2, 3, 4, 5].map(sigmoid).map((gate, column) => (column < 4 ? gate : 1e-3 * gate));
    expect(maxDifference(firsts, expected)).toBeLessThan(1e-15);
  });

  it("the cap bounds the momentum gate and nothing else", () => {
    const capped = memoryLayer(layer, fresh, u, { ...options, maxMomentum: 0.6 });
    expect(capped.momentum).toEqual(whole.momentum.map((row) => row.map((gate) => Math.min(gate, 0.6))));
    expect(Math.max(...flatten(whole.momentum))).toBeGreaterThan(0.6);
    expect(Math.min(...flatten(whole.momentum))).toBeLessThan(0.6);
    expect(capped.forget).toEqual(whole.forget);
    expect(memoryLayer(layer, fresh, u, { ...options, maxMomentum: 1 }).outputs).toEqual(whole.outputs);
  });

  it("any cut with the carried state gives the same outputs", () => {
    for (let cut = 1; cut < u.length; cut++) {
      const first = memoryLayer(layer, fresh, u.slice(0, cut), options);
      const rest = memoryLayer(layer, first.state, u.slice(cut), options);
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
      expect(rest.state).toEqual(whole.state);
    }
  });

  it("is causal, and every token is felt by the next", () => {
    for (const changed of [0, 3, 4, 9]) {
      const other = u.map((row, t) => (t === changed ? row.map((value) => value + 0.5) : row));
      const { outputs } = memoryLayer(layer, fresh, other, options);
      expect(outputs.slice(0, changed)).toEqual(whole.outputs.slice(0, changed));
      expect(maxDifference(outputs[changed + 1], whole.outputs[changed + 1])).toBeGreaterThan(1e-3);
    }
  });

  it("heads do not mix before the output projection", () => {
    const other = { ...layer, memory: [layer.memory[0]!, randomMemory(random, [3, 4, 3], false)] };
    const changed = memoryLayer(other, initialLayerState(other), u, options);
    expect(changed.losses[0]).toEqual(whole.losses[0]);
    expect(maxDifference(changed.losses[1], whole.losses[1])).toBeGreaterThan(1e-3);
  });

  it("each head has its own norm scale and its own columns of the output gate", () => {
    const isolated = (head: number): LayerParameters => ({
      ...layer,
      readNorm: layer.readNorm.map((row, h) => (h === head ? row : row.map(() => 0))),
      output: identity(inner),
    });
    for (const head of [0, 1]) {
      const { outputs } = memoryLayer(isolated(head), fresh, u, options);
      const columns = (from: number): number => treeNorm(outputs.map((row) => row.slice(3 * from, 3 * from + 3)));
      expect(columns(head)).toBeGreaterThan(0.1);
      expect(columns(1 - head)).toBe(0);
    }
  });

  it("right padding changes no state; a masked slot equals a removed one at chunk 1", () => {
    const padded = memoryLayer(layer, fresh, [...u, ...random.normalMatrix(2, dim)], options, {
      valid: [...u.map(() => true), false, false],
    });
    expect(padded.outputs.slice(0, 11)).toEqual(whole.outputs);
    expect(padded.state.tails).toEqual(whole.state.tails);
    expect(padded.state.memory.map(({ weights }) => weights)).toEqual(whole.state.memory.map(({ weights }) => weights));
    const valid = u.map((_, t) => t !== 4);
    const masked = memoryLayer(layer, fresh, u, { ...options, chunk: 1 }, { valid });
    const removed = memoryLayer(
      layer,
      fresh,
      u.filter((_, t) => valid[t]),
      { ...options, chunk: 1 },
    );
    expect(masked.outputs.filter((_, t) => valid[t])).toEqual(removed.outputs);
  });

  it("a store mask sets the step size to 0 while forgetting goes on", () => {
    const readOnly = memoryLayer(layer, fresh, u, options, { store: u.map(() => false) });
    expect(flatten(readOnly.stepSize).every((step) => step === 0)).toBe(true);
    readOnly.state.memory.forEach(({ weights }, head) => {
      const kept = readOnly.forget[head]!.reduce((share, gate) => share * (1 - gate), 1);
      expect(treeNorm(weights)).toBeCloseTo(kept * treeNorm(layer.memory[head]), 13);
    });
  });

  it("every mechanism that is switched off changes the outputs", () => {
    const { guard: _guard, ...unguarded } = options;
    const variants = [
      memoryLayer({ ...layer, convolution: null }, { ...fresh, tails: null }, u, options),
      memoryLayer(layer, fresh, u, { ...options, decay: false }),
      memoryLayer(layer, fresh, u, { ...options, carrySurprise: false }),
      memoryLayer(layer, fresh, u, { ...options, normaliseValues: true }),
      memoryLayer(layer, fresh, u, { ...options, read: "before" }),
      memoryLayer(layer, fresh, u, { ...options, chunk: 1 }),
      memoryLayer(layer, fresh, u, unguarded),
    ];
    for (const variant of variants) expect(maxDifference(variant.outputs, whole.outputs)).toBeGreaterThan(1e-3);
  });

  it("Eq. 11: the task loss has a gradient to every parameter, through the memory", () => {
    const loss = (parameters: LayerParameters): number => {
      const { outputs } = memoryLayer(parameters, initialLayerState(parameters), u.slice(0, 5), options);
      return dot(outputs[4]!, outputs[4]!);
    };
    const gradient = centralGradientTree(loss, layer);
    const parts: Record<string, Matrix | number[] | object | null> = { ...gradient };
    for (const part of Object.values(parts)) expect(treeNorm(part)).toBeGreaterThan(1e-4);
    const gates = gradient.gateWeight[0]!;
    for (const entry of gates) expect(Math.abs(entry)).toBeGreaterThan(1e-9);
  });
});
