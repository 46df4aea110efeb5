import { describe, expect, it } from "vitest";
import { perHead } from "./attention.ts";
import { eluPlusOne, matrixMemory, normalisedLinearAttention } from "./linear-attention.ts";
import { dot, scale, transpose, zeroMatrix } from "./matrix.ts";
import { randomSource } from "./random.ts";
import { flatten, maxDifference } from "./tree.ts";

describe("oracle: linear attention", () => {
  const random = randomSource(3);
  const queries = random.normalMatrix(11, 5);
  const keys = random.normalMatrix(11, 5);
  const values = random.normalMatrix(11, 3);

  /** Row i: Σ_{j<=i} score(i, j) v_j. */
  const masked = (score: (i: number, j: number) => number): number[][] =>
    queries.map((_, i) =>
      values
        .slice(0, i + 1)
        .map((value, j) => scale(score(i, j), value))
        .reduce((sum, row) => sum.map((entry, c) => entry + row[c]!)),
    );

  it("Eq. 3: recurrent form equals the masked form with normalised weights", () => {
    const kernel = (i: number, j: number): number => dot(eluPlusOne(queries[i]!), eluPlusOne(keys[j]!));
    const total = (i: number): number => keys.slice(0, i + 1).reduce((sum, _, j) => sum + kernel(i, j), 0);
    const expected = masked((i, j) => kernel(i, j) / total(i));
    expect(maxDifference(normalisedLinearAttention(queries, keys, values), expected)).toBeLessThan(1e-14);
  });

  it("Eq. 3: constant values come back, the feature map is positive", () => {
    const constant = normalisedLinearAttention(
      queries,
      keys,
      values.map(() => [4]),
    );
    expect(
      maxDifference(
        constant,
        zeroMatrix(11, 1).map(() => [4]),
      ),
    ).toBeLessThan(1e-14);
    expect(eluPlusOne([-2, 0, 3])).toEqual([Math.exp(-2), 1, 4]);
    expect(Math.min(...flatten(keys.map(eluPlusOne)))).toBeGreaterThan(0);
  });

  it("Eq. 4-5: y = tril(QKᵀ)V, and the read contains its own token", () => {
    const { outputs, memory } = matrixMemory(queries, keys, values);
    expect(
      maxDifference(
        outputs,
        masked((i, j) => dot(queries[i]!, keys[j]!)),
      ),
    ).toBeLessThan(1e-13);
    expect(maxDifference(outputs[0], scale(dot(queries[0]!, keys[0]!), values[0]!))).toBeLessThan(1e-15);
    const expected = transpose(keys).map((column) => transpose(values).map((entries) => dot(column, entries)));
    expect(maxDifference(memory, expected)).toBeLessThan(1e-13);
  });

  it("Eq. 4-5: a carried memory continues the sequence", () => {
    const whole = matrixMemory(queries, keys, values);
    const first = matrixMemory(queries.slice(0, 4), keys.slice(0, 4), values.slice(0, 4));
    const rest = matrixMemory(queries.slice(4), keys.slice(4), values.slice(4), first.memory);
    expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
  });

  it("perHead keeps heads apart", () => {
    const wide = random.normalMatrix(4, 6);
    const joined = perHead(3, wide, wide, wide, (q, k, v) => matrixMemory(q, k, v).outputs);
    const middle = wide.map((row) => row.slice(2, 4));
    expect(joined.map((row) => row.slice(2, 4))).toEqual(matrixMemory(middle, middle, middle).outputs);
  });
});
