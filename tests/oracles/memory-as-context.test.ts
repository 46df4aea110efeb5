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
import { initialLayerState, memoryLayer } from "./layer.ts";
import { memoryAsContextMask } from "./masks.ts";
import { addMatrix, dot, type Matrix, scaleMatrix, zeroMatrix, zeroVector } from "./matrix.ts";
import {
  initialMemoryAsContextState,
  type MemoryAsContextOptions,
  type MemoryAsContextParameters,
  memoryAsContext,
} from "./memory-as-context.ts";
import { denseRead, memoryQueries } from "./memory-reads.ts";
import { rmsNorm } from "./norms.ts";
import { positionedAttention } from "./positioned-attention.ts";
import { randomSource } from "./random.ts";
import { maxDifference, treeNorm, zerosLike } from "./tree.ts";

const random = randomSource(61);
const { dim, heads, headDim, attentionHeads } = caseSizes;
const parameters: MemoryAsContextParameters = {
  persistent: random.normalMatrix(2, dim),
  memory: randomLayerParameters(random),
  retrieved: random.normalMatrix(heads * headDim, dim),
  attention: randomAttention(random),
  gate: { attention: random.normalVector(dim), memory: random.normalVector(dim) },
};
const options: MemoryAsContextOptions = {
  memory: caseMemory,
  attentionHeads,
  segment: 4,
  gate: "sigmoid",
  contextRead: "tokenExact",
};
const nonCausal: MemoryAsContextOptions = { ...options, contextRead: "segmentEndNonCausal" };
const x = random.normalMatrix(11, dim);

function run(
  p = parameters,
  input: Matrix = x,
  o = options,
  masks: { valid?: boolean[]; store?: boolean[] } = {},
): ReturnType<typeof memoryAsContext> {
  return memoryAsContext(p, initialMemoryAsContextState(p), input, o, masks);
}
const whole = run();
const silentAttention = { ...parameters, attention: { ...parameters.attention, output: zeroMatrix(dim, dim) } };

describe("oracle: Memory as Context, Eq. 21-25", () => {
  it("one segment and an empty memory that stays empty: attention over as many zero rows and the segment, halved", () => {
    const empty = {
      ...parameters,
      persistent: [],
      memory: { ...parameters.memory, memory: zerosLike(parameters.memory.memory) },
      gate: { attention: new Array<number>(dim).fill(1), memory: parameters.gate.memory },
    };
    const segment = x.slice(0, 4);
    const positions = [0, 1, 2, 3, 0, 1, 2, 3];
    const rows = [...zeroMatrix(4, dim), ...segment];
    const { query, key, value, output } = empty.attention;
    const attended = multiHeadAttention(
      attentionHeads,
      rotateHeads(attentionHeads, project(rows, query), positions),
      rotateHeads(attentionHeads, project(rows, key), positions),
      project(rows, value),
      memoryAsContextMask(0, 4),
    );
    const y = addMatrix(segment, project(attended.slice(4), output));
    const expected = scaleMatrix(
      0.5,
      y.map((row) => rmsNorm(row, empty.gate.attention, 1e-6)),
    );
    const { outputs } = run(empty, segment, { ...options, memory: frozenMemory });
    expect(maxDifference(outputs, expected)).toBeLessThan(1e-13);
  });

  it("Eq. 21: the first segment is answered by M_0, the next by what the first one wrote", () => {
    const { queries } = memoryQueries(parameters.memory, heads, zeroMatrix(3, heads * headDim), x);
    const answers = (memories: typeof parameters.memory.memory): Matrix =>
      project(denseRead(parameters.memory, caseMemory, memories, queries), parameters.retrieved);
    expect(maxDifference(whole.segments[0]!.retrieved, answers(parameters.memory.memory).slice(0, 4))).toBeLessThan(
      1e-14,
    );
    const after = whole.segments[0]!.written.state.memory.map(({ weights }) => weights);
    expect(maxDifference(whole.segments[1]!.retrieved, answers(after).slice(4, 8))).toBeLessThan(1e-14);
    expect(maxDifference(answers(after), answers(parameters.memory.memory))).toBeGreaterThan(1e-2);
  });

  it("Eq. 22-23: attention over [persistent, retrieved, segment] under the causal-safe mask, plus the segment", () => {
    whole.segments.forEach(({ retrieved, attended }, n) => {
      const tokens = x.slice(4 * n, 4 * n + 4);
      const rows = [
        ...parameters.persistent.map((row) => ({ x: row, position: null })),
        ...[...retrieved, ...tokens].map((row, i) => ({ x: row, position: i % tokens.length })),
      ];
      const last = tokens.map((_, j) => 2 + tokens.length + j);
      const mask = memoryAsContextMask(2, tokens.length);
      const y = positionedAttention(parameters.attention, attentionHeads, rows, mask, last);
      expect(maxDifference(attended, addMatrix(tokens, y))).toBeLessThan(1e-14);
    });
  });

  it("Eq. 24-25: the memory is the memory layer over all attended rows, and the gate joins both", () => {
    const attended = whole.segments.flatMap((segment) => segment.attended);
    const layer = memoryLayer(parameters.memory, initialLayerState(parameters.memory), attended, caseMemory);
    expect(whole.state.layer).toEqual(layer.state);
    expect(whole.outputs).toEqual(branchGate("sigmoid", attended, layer.outputs, parameters.gate));
  });

  it("with attention's output zero it gates the tokens with the memory layer, and nothing of the prefix is left", () => {
    const layer = memoryLayer(parameters.memory, initialLayerState(parameters.memory), x, caseMemory);
    const expected = branchGate("sigmoid", x, layer.outputs, parameters.gate);
    expect(run(silentAttention).outputs).toEqual(expected);
    expect(run({ ...silentAttention, persistent: [] }).outputs).toEqual(expected);
    expect(run(silentAttention).state.layer).toEqual(layer.state);
  });

  it("the persistent rows matter, none is a model of its own", () => {
    const without = run({ ...parameters, persistent: [] });
    expect(maxDifference(without.outputs, whole.outputs)).toBeGreaterThan(1e-2);
  });

  it("attention ends at the segment: with a frozen memory and no convolution segments are independent", () => {
    const still = { ...parameters, memory: { ...parameters.memory, convolution: null } };
    const frozen = { ...options, memory: frozenMemory };
    const together = run(still, x, frozen).outputs;
    const apart = [0, 4, 8].flatMap((from) => run(still, x.slice(from, from + 4), frozen).outputs);
    expect(together).toEqual(apart);
    expect(maxDifference(run(still, x).outputs.slice(4, 8), run(still, x.slice(4, 8)).outputs)).toBeGreaterThan(1e-3);
  });

  it("continues from its state at every segment, and refuses to start inside one", () => {
    for (const cut of [4, 8]) {
      const first = run(parameters, x.slice(0, cut));
      const rest = memoryAsContext(parameters, first.state, x.slice(cut), options);
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
      expect(rest.state).toEqual(whole.state);
    }
    expect(() => memoryAsContext(parameters, whole.state, x, options)).toThrow("inside a segment");
  });

  it("causality: the token-exact form leaks exactly nothing, the non-causal option more than 1e-3", () => {
    const early = (o: MemoryAsContextOptions, changed: number): number => {
      const other = x.map((row, t) => (t === changed ? row.map((value) => value + 0.5) : row));
      const before = run(parameters, x, o).outputs;
      const after = run(parameters, other, o).outputs;
      expect(maxDifference(after[changed], before[changed])).toBeGreaterThan(1e-3);
      return maxDifference(after.slice(0, changed), before.slice(0, changed));
    };
    for (let changed = 1; changed < x.length; changed++) expect(early(options, changed)).toBe(0);
    for (const changed of [1, 2, 3, 5, 6, 7, 9, 10]) expect(early(nonCausal, changed)).toBeGreaterThan(1e-3);
    for (const changed of [4, 8]) expect(early(nonCausal, changed)).toBe(0);
  });

  it("the non-causal option reads the second time at the weights after the segment", () => {
    const oneChunk = { ...nonCausal, memory: { ...caseMemory, chunk: 4 } };
    const layer = memoryLayer(parameters.memory, initialLayerState(parameters.memory), x, {
      ...oneChunk.memory,
      read: "chunk-end",
    });
    const expected = branchGate("sigmoid", x, layer.outputs, parameters.gate);
    expect(maxDifference(run(silentAttention, x, oneChunk).outputs, expected)).toBeLessThan(1e-14);
    expect(run(silentAttention, x, nonCausal).state).toEqual(run(silentAttention, x).state);
  });

  it("the non-causal option shows all retrieved rows: only the segment's last token sees as before", () => {
    const [first] = run(parameters, x.slice(0, 4), nonCausal).segments;
    const exact = whole.segments[0]!;
    expect(first!.retrieved).toEqual(exact.retrieved);
    expect(first!.attended[3]).toEqual(exact.attended[3]);
    for (const j of [0, 1, 2]) expect(maxDifference(first!.attended[j], exact.attended[j])).toBeGreaterThan(1e-3);
  });

  it("slots that are not valid: right padding equals the shorter sequence, anywhere they are seen by nobody", () => {
    const valid = Array.from({ length: 12 }, (_, t) => t < 11);
    const padded = run(parameters, [...x, random.normalVector(dim)], options, { valid });
    expect(padded.outputs.slice(0, 11)).toEqual(whole.outputs);
    expect(padded.outputs[11]).toEqual(zeroVector(dim));
    expect(padded.state.queryTail).toEqual(whole.state.queryTail);
    expect(padded.state.layer.memory.map(({ weights }) => weights)).toEqual(
      whole.state.layer.memory.map(({ weights }) => weights),
    );
    const hole = x.map((_, t) => t !== 5);
    for (const o of [options, nonCausal]) {
      const other = x.map((row, t) => (t === 5 ? row.map(() => 7) : row));
      expect(run(parameters, other, o, { valid: hole }).outputs).toEqual(
        run(parameters, x, o, { valid: hole }).outputs,
      );
    }
  });

  it("a token that may only read moves no weight by its surprise", () => {
    const readOnly = run(parameters, x, options, { store: x.map(() => false) });
    for (const { momentum } of readOnly.state.layer.memory) expect(treeNorm(momentum)).toBe(0);
  });

  it("the task loss has a gradient to every parameter", () => {
    const loss = (p: MemoryAsContextParameters): number => {
      const { outputs } = run(p, x.slice(0, 6));
      return dot(outputs[5]!, x[7]!);
    };
    const slopes = slopesByPart(loss, parameters, random);
    expect(Object.keys(slopes)).toHaveLength(20);
    for (const slope of Object.values(slopes)) expect(Math.abs(slope)).toBeGreaterThan(1e-4);
  });
});
