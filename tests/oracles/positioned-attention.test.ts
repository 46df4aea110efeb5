import { describe, expect, it } from "vitest";
import { activate, sigmoid } from "./activations.ts";
import { caseMemory, caseSizes, randomAttention, randomLayerParameters } from "./architecture-cases.ts";
import { feedForwardAsAttention, multiHeadAttention, project, rotateHeads, softmaxAttention } from "./attention.ts";
import { type BranchGateKind, branchGate } from "./branch-gate.ts";
import { initialLayerState, memoryLayer } from "./layer.ts";
import { causalMask, prefixWindowMask } from "./masks.ts";
import { identity, scale, transpose } from "./matrix.ts";
import { denseRead, gatedOutput, memoryQueries } from "./memory-reads.ts";
import { positionedAttention } from "./positioned-attention.ts";
import { randomSource } from "./random.ts";
import { maxDifference, treeNorm } from "./tree.ts";

const random = randomSource(51);
const { dim, heads, attentionHeads } = caseSizes;
const x = random.normalMatrix(6, dim);
const attention = randomAttention(random);
const all = x.map((_, i) => i);

describe("oracle: attention over rows with and without a position", () => {
  const attend = (positions: (number | null)[], mask = causalMask()) =>
    positionedAttention(
      attention,
      attentionHeads,
      x.map((row, i) => ({ x: row, position: positions[i]! })),
      mask,
      all,
    );
  const q = project(x, attention.query);
  const k = project(x, attention.key);
  const v = project(x, attention.value);

  it("with every position it is rotary attention, with none it is Eq. 2", () => {
    const positions = [4, 5, 6, 7, 9, 30];
    const rotary = multiHeadAttention(
      attentionHeads,
      rotateHeads(attentionHeads, q, positions),
      rotateHeads(attentionHeads, k, positions),
      v,
      causalMask(),
    );
    expect(maxDifference(attend(positions), project(rotary, attention.output))).toBeLessThan(1e-13);
    const plain = multiHeadAttention(attentionHeads, q, k, v, causalMask());
    expect(maxDifference(attend(all.map(() => null)), project(plain, attention.output))).toBeLessThan(1e-13);
    expect(maxDifference(plain, rotary)).toBeGreaterThan(1e-2);
  });

  it("a row without position has no distance: moving all the others together changes nothing", () => {
    const mask = prefixWindowMask(2, 2);
    const here = attend([null, null, 0, 1, 2, 3], mask);
    expect(maxDifference(attend([null, null, 70, 71, 72, 73], mask), here)).toBeLessThan(1e-12);
    expect(maxDifference(attend([0, 1, 70, 71, 72, 73], mask), here)).toBeGreaterThan(1e-2);
  });

  it("one head by hand: the score with the row without position is unrotated on both sides", () => {
    const unit = { query: identity(2), key: identity(2), value: identity(2), output: identity(2) };
    const rows = [
      { x: [1, 0], position: null },
      { x: [0, 2], position: 3 },
      { x: [1, 1], position: 4 },
    ];
    const [y] = positionedAttention(unit, 1, rows, causalMask(), [2]);
    const scores = [1, 2 * (Math.cos(1) + Math.sin(1)), 2].map((score) => Math.exp(score / Math.SQRT2));
    const total = scores[0]! + scores[1]! + scores[2]!;
    expect(maxDifference(y, [(scores[0]! + scores[2]!) / total, (2 * scores[1]! + scores[2]!) / total])).toBeLessThan(
      1e-14,
    );
  });
});

describe("oracle: Eq. 20, the feed-forward network as attention", () => {
  it("is one query over fixed keys and values with scale 1", () => {
    const keys = random.normalMatrix(5, dim);
    const values = random.normalMatrix(dim, 5);
    const query = scale(Math.sqrt(dim), x[0]!);
    const expected = softmaxAttention([query], keys, transpose(values), () => true)[0]!;
    expect(maxDifference(feedForwardAsAttention(x[0]!, keys, values), expected)).toBeLessThan(1e-14);
  });

  it("two hidden units by hand", () => {
    const y = feedForwardAsAttention(
      [1, 2],
      [
        [Math.log(3), 0],
        [0, 0],
      ],
      [[4, 8]],
    );
    expect(y[0]).toBeCloseTo(4 * 0.75 + 8 * 0.25, 14);
  });
});

describe("oracle: the gate of two branches, Eq. 25 and Eq. 28", () => {
  const scales = { attention: [2, 1], memory: [3, 0.5] };
  // mean squares 25/2 and 2: the norms are (3, 4)/sqrt(12.5) and (1, -1)
  const a = [6 / Math.sqrt(12.5), 4 / Math.sqrt(12.5)];
  const b = [3, -0.5];

  it("each kind by hand", () => {
    const expected: Record<BranchGateKind, number[]> = {
      sigmoid: [a[0]! * sigmoid(b[0]!), a[1]! * sigmoid(b[1]!)],
      silu: [a[0]! * activate("silu", b[0]!), a[1]! * activate("silu", b[1]!)],
      product: [sigmoid(a[0]! * b[0]!), sigmoid(a[1]! * b[1]!)],
      sum: [(a[0]! + b[0]!) / 2, (a[1]! + b[1]!) / 2],
    };
    for (const [kind, row] of Object.entries(expected)) {
      const gated = branchGate(kind as BranchGateKind, [[3, 4]], [[Math.SQRT2, -Math.SQRT2]], scales);
      expect(maxDifference(gated, [row])).toBeLessThan(2e-6);
    }
  });

  it("a memory scale of 0 leaves half of the attention branch; a large negative gate closes it", () => {
    const y = [[3, 4]];
    const m = [[-1, -1]];
    const half = branchGate("sigmoid", y, m, { ...scales, memory: [0, 0] });
    expect(maxDifference(half, branchGate("sum", y, m, { ...scales, memory: [0, 0] }))).toBeLessThan(1e-15);
    expect(treeNorm(half)).toBeGreaterThan(0.5);
    expect(treeNorm(branchGate("sigmoid", y, m, { ...scales, memory: [900, 900] }))).toBeLessThan(1e-300);
  });
});

describe("oracle: reads of the memory layer on their own", () => {
  const layer = randomLayerParameters(random);
  const start = initialLayerState(layer);
  const tail = start.tails!.query;

  it("together they are the layer that reads at the chunk's start", () => {
    const once = { ...caseMemory, chunk: 6, read: "chunk-start" as const };
    const { queries } = memoryQueries(layer, heads, tail, x);
    const outputs = gatedOutput(layer, x, denseRead(layer, once, layer.memory, queries));
    expect(maxDifference(outputs, memoryLayer(layer, start, x, once).outputs)).toBeLessThan(1e-14);
  });

  it("queries continue from their tail at any cut, and masked slots enter no tail", () => {
    const whole = memoryQueries(layer, heads, tail, x);
    for (const cut of [1, 2, 5]) {
      const first = memoryQueries(layer, heads, tail, x.slice(0, cut));
      const rest = memoryQueries(layer, heads, first.tail, x.slice(cut));
      expect([...first.queries, ...rest.queries]).toEqual(whole.queries);
      expect(rest.tail).toEqual(whole.tail);
    }
    const valid = [true, true, false, false, false, false];
    expect(memoryQueries(layer, heads, tail, x, valid).tail).toEqual(
      memoryQueries(layer, heads, tail, x.slice(0, 2)).tail,
    );
  });
});
