import { describe, expect, it } from "vitest";
import {
  caseMemory,
  caseSizes,
  frozenMemory,
  randomAttention,
  randomLayerParameters,
  slopesByPart,
} from "./architecture-cases.ts";
import { multiHeadAttention, project, rotateHeads } from "./attention.ts";
import { branchGate } from "./branch-gate.ts";
import { initialLayerState, type LayerOptions, memoryLayer } from "./layer.ts";
import { slidingWindowMask } from "./masks.ts";
import { addMatrix, dot, type Matrix, zeroMatrix, zeroVector } from "./matrix.ts";
import {
  initialMemoryAsGateState,
  initialMemoryAsLayerState,
  type MemoryAsGateOptions,
  type MemoryAsGateParameters,
  type MemoryAsLayerOptions,
  type MemoryAsLayerParameters,
  memoryAsGate,
  memoryAsLayer,
  type WindowedResult,
  type WindowedState,
} from "./memory-with-window.ts";
import { rmsNorm } from "./norms.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(71);
const { dim, attentionHeads } = caseSizes;
const shared = {
  persistent: random.normalMatrix(3, dim),
  memory: randomLayerParameters(random),
  attention: randomAttention(random),
};
const gateParameters: MemoryAsGateParameters = {
  ...shared,
  gate: { attention: random.normalVector(dim), memory: random.normalVector(dim) },
};
const layerParameters: MemoryAsLayerParameters = { ...shared, attentionNorm: random.normalVector(dim) };
const gateOptions: MemoryAsGateOptions = { memory: caseMemory, attentionHeads, window: 3, gate: "sigmoid" };
const layerOptions: MemoryAsLayerOptions = { memory: caseMemory, attentionHeads, window: 3 };
const visible: MemoryAsLayerOptions = { ...layerOptions, visiblePrefix: true };
const x = random.normalMatrix(10, dim);

interface Masks {
  valid?: boolean[];
  store?: boolean[];
}
const mag = (p = gateParameters, o = gateOptions, input: Matrix = x, masks: Masks = {}): WindowedResult =>
  memoryAsGate(p, initialMemoryAsGateState(p, o), input, o, masks);
const mal = (p = layerParameters, o = layerOptions, input: Matrix = x, masks: Masks = {}): WindowedResult =>
  memoryAsLayer(p, initialMemoryAsLayerState(p, o), input, o, masks);

/** The printed window over all rows by the oracles of Eq 1-2. */
function plainWindow(rows: Matrix): Matrix {
  const { query, key, value, output } = shared.attention;
  const turned = (w: Matrix): Matrix =>
    rotateHeads(
      attentionHeads,
      project(rows, w),
      rows.map((_, t) => t),
    );
  const mixed = multiHeadAttention(
    attentionHeads,
    turned(query),
    turned(key),
    project(rows, value),
    slidingWindowMask(3),
  );
  return project(mixed, output);
}

/** The memory layer over the prefix and then the tokens, two calls when the grid starts anew. */
function prefixedLayer(options: LayerOptions, input: Matrix = x): Matrix {
  const first = memoryLayer(shared.memory, initialLayerState(shared.memory), shared.persistent, options);
  const grid = { ...first.state, memory: first.state.memory.map((head) => ({ ...head, position: 0 })) };
  return memoryLayer(shared.memory, grid, input, options).outputs;
}

/** What both architectures promise, however the window is drawn. */
const forms: [
  string,
  (input: Matrix, masks?: Masks) => WindowedResult,
  (s: WindowedState, i: Matrix) => WindowedResult,
][] = [
  [
    "Memory as Gate",
    (input, masks) => mag(gateParameters, gateOptions, input, masks),
    (s, i) => memoryAsGate(gateParameters, s, i, gateOptions),
  ],
  [
    "Memory as Layer",
    (input, masks) => mal(layerParameters, layerOptions, input, masks),
    (s, i) => memoryAsLayer(layerParameters, s, i, layerOptions),
  ],
  [
    "Memory as Layer with a visible prefix",
    (input, masks) => mal(layerParameters, visible, input, masks),
    (s, i) => memoryAsLayer(layerParameters, s, i, visible),
  ],
];

describe.each(forms)("oracle: %s, any sequence", (_, form, step) => {
  const whole = form(x);

  it("continues from its state at any cut", () => {
    for (const cut of [1, 2, 5, 9]) {
      const first = form(x.slice(0, cut));
      const rest = step(first.state, x.slice(cut));
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
      expect(rest.state).toEqual(whole.state);
    }
  });

  it("causality: a changed token reaches itself and later tokens, and exactly nothing before it", () => {
    for (let changed = 0; changed < x.length; changed++) {
      const other = x.map((row, t) => (t === changed ? row.map((value) => value + 0.5) : row));
      const { outputs } = form(other);
      expect(outputs.slice(0, changed)).toEqual(whole.outputs.slice(0, changed));
      expect(maxDifference(outputs[changed], whole.outputs[changed])).toBeGreaterThan(1e-3);
    }
  });

  it("a slot that is not valid is seen by nobody; right padding equals the shorter sequence", () => {
    const hole = x.map((_, t) => t !== 4);
    const other = x.map((row, t) => (t === 4 ? row.map(() => 9) : row));
    expect(form(other, { valid: hole }).outputs).toEqual(form(x, { valid: hole }).outputs);
    expect(form(x, { valid: hole }).outputs[4]).toEqual(zeroVector(dim));
    const padded = form(x, { valid: x.map((_, t) => t < 7) });
    expect(padded.outputs.slice(0, 7)).toEqual(whole.outputs.slice(0, 7));
  });
});

describe("oracle: Memory as Gate, Eq. 26-28", () => {
  it("without a prefix its branches are windowed attention and the memory layer", () => {
    const bare = { ...gateParameters, persistent: [] };
    const layer = memoryLayer(bare.memory, initialLayerState(bare.memory), x, caseMemory);
    for (const gate of ["sigmoid", "silu", "product", "sum"] as const) {
      const expected = branchGate(gate, plainWindow(x), layer.outputs, bare.gate);
      expect(maxDifference(mag(bare, { ...gateOptions, gate }).outputs, expected)).toBeLessThan(1e-13);
    }
  });

  it("the prefix is written first, in chunks of its own", () => {
    const memoryBranch = (chunk: number): Matrix =>
      mag(gateParameters, { ...gateOptions, memory: { ...caseMemory, chunk } }).written.outputs;
    const inOneGo = (chunk: number): Matrix =>
      memoryLayer(shared.memory, initialLayerState(shared.memory), [...shared.persistent, ...x], {
        ...caseMemory,
        chunk,
      }).outputs.slice(3);
    for (const chunk of [1, 3]) expect(memoryBranch(chunk)).toEqual(inOneGo(chunk));
    expect(memoryBranch(2)).toEqual(prefixedLayer(caseMemory));
    expect(maxDifference(memoryBranch(2), inOneGo(2))).toBeGreaterThan(1e-4);
  });

  it("the prefix stays in view of every token, ordinary tokens leave it after the window", () => {
    const still = { ...gateParameters, memory: { ...shared.memory, convolution: null } };
    const frozen = { ...gateOptions, memory: frozenMemory };
    const base = mag(still, frozen).outputs;
    const moved = mag({ ...still, persistent: shared.persistent.map((row) => row.map((v) => v + 1)) }, frozen).outputs;
    base.forEach((row, t) => {
      expect(maxDifference(moved[t], row)).toBeGreaterThan(1e-3);
    });
    const other = x.map((row, t) => (t === 4 ? row.map((value) => value + 0.5) : row));
    const reached = mag(still, frozen, other).outputs.map((row, t) => maxDifference(row, base[t]) > 0);
    expect(reached).toEqual(x.map((_, t) => t >= 4 && t < 7));
  });

  it("distances to the prefix do not count: without window effects an early and a late token see it alike", () => {
    const still = { ...gateParameters, memory: { ...shared.memory, convolution: null } };
    const frozen = { ...gateOptions, memory: frozenMemory };
    const repeated = x.map(() => x[0]!);
    const { outputs } = mag(still, frozen, repeated);
    expect(maxDifference(outputs[3], outputs[9])).toBeLessThan(1e-12);
  });

  it("the task loss has a gradient to every parameter", () => {
    const loss = (p: MemoryAsGateParameters): number => dot(mag(p, gateOptions, x.slice(0, 5)).outputs[4]!, x[7]!);
    const slopes = slopesByPart(loss, gateParameters, random);
    expect(Object.keys(slopes)).toHaveLength(19);
    for (const slope of Object.values(slopes)) expect(Math.abs(slope)).toBeGreaterThan(1e-4);
  });
});

describe("oracle: Memory as Layer, Eq. 29-31", () => {
  const silent = { ...layerParameters, attention: { ...shared.attention, output: zeroMatrix(dim, dim) } };

  it("with attention's output zero it is the memory layer after the prefix", () => {
    expect(mal(silent).outputs).toEqual(prefixedLayer(caseMemory));
    expect(mal(silent, visible).outputs).toEqual(prefixedLayer(caseMemory));
  });

  it("attention runs over the normed answers of the memory, the prefix's among them", () => {
    const first = memoryLayer(shared.memory, initialLayerState(shared.memory), shared.persistent, caseMemory);
    const y = [...first.outputs, ...prefixedLayer(caseMemory)];
    const attended = plainWindow(y.map((row) => rmsNorm(row, layerParameters.attentionNorm, 1e-6)));
    expect(maxDifference(mal().outputs, addMatrix(y, attended).slice(3))).toBeLessThan(1e-13);
  });

  it("the printed window forgets the prefix after window - 1 tokens, the visible prefix stays", () => {
    const still = { ...layerParameters, memory: { ...shared.memory, convolution: null } };
    const moved = { ...still, persistent: shared.persistent.map((row) => row.map((v) => v + 1)) };
    const reached = (o: MemoryAsLayerOptions): boolean[] => {
      const frozen = { ...o, memory: frozenMemory };
      const base = mal(still, frozen).outputs;
      return mal(moved, frozen).outputs.map((row, t) => maxDifference(row, base[t]) > 0);
    };
    expect(reached(layerOptions)).toEqual(x.map((_, t) => t < 2));
    expect(reached(visible)).toEqual(x.map(() => true));
    const written = mal(moved).outputs.map((row, t) => maxDifference(row, mal(still).outputs[t]));
    for (const difference of written) expect(difference).toBeGreaterThan(1e-5);
  });

  it("without a prefix the option changes nothing", () => {
    const bare = { ...layerParameters, persistent: [] };
    expect(mal(bare, visible).outputs).toEqual(mal(bare).outputs);
    expect(maxDifference(mal(layerParameters, visible).outputs, mal().outputs)).toBeGreaterThan(1e-3);
  });

  it("the task loss has a gradient to every parameter", () => {
    const loss = (p: MemoryAsLayerParameters): number => dot(mal(p, layerOptions, x.slice(0, 5)).outputs[4]!, x[7]!);
    const slopes = slopesByPart(loss, layerParameters, random);
    expect(Object.keys(slopes)).toHaveLength(18);
    for (const slope of Object.values(slopes)) expect(Math.abs(slope)).toBeGreaterThan(1e-4);
  });
});
