import { describe, expect, it } from "vitest";
import { attentionWeights, multiHeadAttention, project, rotate, rotateHeads, softmaxAttention } from "./attention.ts";
import {
  blockDiagonalMask,
  causalMask,
  maskTable,
  memoryAsContextMask,
  prefixWindowMask,
  segmentMask,
  slidingWindowMask,
  visibleCounts,
} from "./masks.ts";
import { add, dot, scaleMatrix } from "./matrix.ts";
import { randomSource } from "./random.ts";
import { maxDifference } from "./tree.ts";

const draw = (table: boolean[][]): string[] => table.map((row) => row.map((seen) => (seen ? "■" : "·")).join(""));

describe("oracle: attention", () => {
  const random = randomSource(1);
  const queries = random.normalMatrix(9, 6);
  const keys = random.normalMatrix(9, 6);
  const values = random.normalMatrix(9, 6);

  it("Eq. 1: project is linear and one fused product equals three", () => {
    const x = random.normalMatrix(5, 4);
    const [wq, wk, wv] = [random.normalMatrix(4, 3), random.normalMatrix(4, 3), random.normalMatrix(4, 3)];
    const fused = project(
      x,
      wq.map((row, i) => [...row, ...wk[i]!, ...wv[i]!]),
    );
    const separate = project(x, wq).map((row, t) => [...row, ...project(x, wk)[t]!, ...project(x, wv)[t]!]);
    expect(maxDifference(fused, separate)).toBe(0);
    expect(maxDifference(project(scaleMatrix(3, x), wq), scaleMatrix(3, project(x, wq)))).toBeLessThan(1e-14);
  });

  it("Eq. 2: weights sum to 1, the first output is the first value, later tokens change nothing earlier", () => {
    for (const row of attentionWeights(queries, keys, causalMask())) {
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 14);
    }
    const outputs = softmaxAttention(queries, keys, values, causalMask());
    expect(outputs[0]).toEqual(values[0]);
    const change = (rows: number[][]): number[][] =>
      rows.map((row, t) => (t === 5 ? row.map((value) => value + 1) : row));
    const changed = softmaxAttention(change(queries), change(keys), change(values), causalMask());
    expect(changed.slice(0, 5)).toEqual(outputs.slice(0, 5));
    expect(maxDifference(changed[5], outputs[5])).toBeGreaterThan(0.1);
  });

  it("Eq. 2: the same constant on all scores of a row changes nothing", () => {
    const shift = random.normalVector(6, 3);
    const shifted = softmaxAttention(
      queries,
      keys.map((key) => add(key, shift)),
      values,
      causalMask(),
    );
    expect(maxDifference(shifted, softmaxAttention(queries, keys, values, causalMask()))).toBeLessThan(1e-13);
  });

  it("Eq. 2: two tokens by hand, scale 1/sqrt(d)", () => {
    const outputs = softmaxAttention(
      [
        [0, 0, 0, 0],
        [2, 0, 0, 0],
      ],
      [
        [1, 0, 0, 0],
        [0, 5, 0, 0],
      ],
      [[1], [0]],
      causalMask(),
    );
    expect(outputs[1]![0]).toBeCloseTo(Math.E / (Math.E + 1), 15);
  });

  it("heads are separate and each scales by its own size", () => {
    const outputs = multiHeadAttention(2, queries, keys, values, causalMask());
    const second = softmaxAttention(
      queries.map((row) => row.slice(3)),
      keys.map((row) => row.slice(3)),
      values.map((row) => row.slice(3)),
      causalMask(),
    );
    expect(outputs.map((row) => row.slice(3))).toEqual(second);
    expect(maxDifference(outputs, multiHeadAttention(1, queries, keys, values, causalMask()))).toBeGreaterThan(0.1);
  });

  it("a query that sees nothing is an error", () => {
    expect(() => softmaxAttention(queries, keys, values, (i, j) => i !== 3 && j <= i)).toThrow("query 3 sees no key");
  });

  it("Eq. 20: the feed-forward layer is attention with fixed keys at scale 1", () => {
    const x = random.normalVector(4);
    const keyRows = random.normalMatrix(7, 4);
    const valueRows = random.normalMatrix(7, 3);
    const attended = softmaxAttention([x.map((value) => 2 * value)], keyRows, valueRows, () => true)[0];
    const exponentials = keyRows.map((key) => Math.exp(dot(key, x)));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const expected = [0, 1, 2].map((c) => exponentials.reduce((sum, e, m) => sum + (e / total) * valueRows[m]![c]!, 0));
    expect(maxDifference(attended, expected)).toBeLessThan(1e-14);
  });
});

describe("oracle: masks", () => {
  it("section 8.5: the plain causal drawing of one MAC segment", () => {
    expect(visibleCounts(causalMask(), 8, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("section 8.5: the causal-safe drawing of one MAC segment", () => {
    const table = maskTable(memoryAsContextMask(2, 3), 8, 8);
    expect(draw(table)).toEqual([
      "■·······",
      "■■······",
      "■■■·····",
      "■■■■····",
      "■■■■■···",
      "■■■··■··",
      "■■■■·■■·",
      "■■■■■■■■",
    ]);
    expect(visibleCounts(memoryAsContextMask(2, 3), 8, 8)).toEqual([1, 2, 3, 4, 5, 4, 6, 8]);
  });

  it("section 8.5: several MAC segments are block diagonal", () => {
    const counts = visibleCounts(blockDiagonalMask(8, memoryAsContextMask(2, 3)), 16, 16);
    expect(counts).toEqual([1, 2, 3, 4, 5, 4, 6, 8, 1, 2, 3, 4, 5, 4, 6, 8]);
    expect(visibleCounts(segmentMask(3), 7, 7)).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(segmentMask(3)(3, 2)).toBe(false);
  });

  it("section 8.5: the MAG drawing, window 3 and an always visible prefix of 2", () => {
    expect(draw(maskTable(prefixWindowMask(3, 2), 8, 8))).toEqual([
      "■·······",
      "■■······",
      "■■■·····",
      "■■■■····",
      "■■■■■···",
      "■■·■■■··",
      "■■··■■■·",
      "■■···■■■",
    ]);
    expect(visibleCounts(prefixWindowMask(3, 2), 8, 8)).toEqual([1, 2, 3, 4, 5, 5, 5, 5]);
    expect(visibleCounts(prefixWindowMask(2, 4), 7, 7)).toEqual([1, 2, 3, 4, 5, 6, 6]);
  });

  it("section 8.5: in MAL x1 sees p1 and p2, x2 sees p2, later tokens see no prefix", () => {
    const table = maskTable(slidingWindowMask(3), 8, 8);
    expect(visibleCounts(slidingWindowMask(3), 8, 8)).toEqual([1, 2, 3, 3, 3, 3, 3, 3]);
    expect(table.slice(2).map((row) => row.slice(0, 2))).toEqual([
      [true, true],
      [false, true],
      [false, false],
      [false, false],
      [false, false],
      [false, false],
    ]);
  });
});

describe("oracle: rotary embedding", () => {
  const random = randomSource(2);
  const q = random.normalVector(8);
  const k = random.normalVector(8);

  it("scores depend on the distance only", () => {
    for (const distance of [0, 1, 7, 50]) {
      const near = dot(rotate(q, distance), rotate(k, 0));
      const far = dot(rotate(q, 1000 + distance), rotate(k, 1000));
      expect(Math.abs(near - far)).toBeLessThan(1e-11);
    }
    expect(Math.abs(dot(rotate(q, 3), rotate(k, 0)) - dot(rotate(q, 0), rotate(k, 3)))).toBeGreaterThan(0.1);
  });

  it("position 0 is the identity, lengths are kept, halves pair up", () => {
    expect(rotate(q, 0)).toEqual(q);
    expect(dot(rotate(q, 17), rotate(q, 17))).toBeCloseTo(dot(q, q), 12);
    const turned = rotate([1, 0, 0, 0], Math.PI / 2);
    expect(maxDifference(turned, [0, 0, 1, 0])).toBeLessThan(1e-15);
    expect(maxDifference(rotate([0, 1, 0, 0], 1), [0, Math.cos(0.01), 0, Math.sin(0.01)])).toBeLessThan(1e-15);
  });

  it("rotateHeads rotates each head by the same angles", () => {
    const rotated = rotateHeads(2, [[...q, ...k]], [5]);
    expect(rotated[0]).toEqual([...rotate(q, 5), ...rotate(k, 5)]);
  });
});
