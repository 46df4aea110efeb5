import { describe, expect, it } from "vitest";
import { grad, jit, key, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { embed, initEmbedding, sinusoidalEmbedding } from "../../src/common/index.ts";
import { expectClose, randomMatrix, toIntegers, toNumbers, toTensor } from "./tensors.ts";

describe("embeddings", () => {
  const tokens = [
    [4, 0, 4],
    [2, 4, 1],
  ];

  it("looks rows up exactly", () => {
    scope(() => {
      const table = randomMatrix(1, 5, 3).map((row) => row.map(Math.fround));
      const y = embed(toTensor(table), toIntegers(tokens));
      expect(toNumbers(y)).toEqual(tokens.map((row) => row.map((token) => table[token])));
    });
  });

  it("sums the gradients of a token that occurs several times, in a compiled program", () => {
    scope(() => {
      const cotangent = [randomMatrix(1, 3, 2), randomMatrix(2, 3, 2)];
      const expected = Array.from({ length: 5 }, () => [0, 0]);
      tokens.flat().forEach((token, i) => {
        cotangent.flat()[i]!.forEach((value, c) => {
          expected[token]![c]! += value;
        });
      });
      const gradient = jit((table: Tensor, indices: Tensor, weights: Tensor) =>
        grad((t: Tensor) => np.sum(np.multiply(embed(t, indices), weights)))(table),
      );
      expectClose(gradient(np.ones([5, 2]), toIntegers(tokens), toTensor(cotangent)), expected);
    });
  });

  it("starts with small entries and refuses indices that are not whole numbers", () => {
    scope(() => {
      const table = initEmbedding(key(1), 100, 60);
      // 6,000 samples: the deviation is known to 1 %.
      expect(Math.abs(readSync(np.std(table))[0]! / 0.02 - 1)).toBeLessThan(0.05);
      expect(() => embed(table, np.ones([1, 2]))).toThrow(
        "embedding indices are float32; they must be int32 or uint32",
      );
    });
  });

  it("computes sinusoidal positions in double precision, far into a stream too", () => {
    scope(() => {
      const start = 1_000_000;
      const y = toNumbers(sinusoidalEmbedding(start, 3, 6)) as number[][];
      y.forEach((row, t) => {
        for (const i of [0, 1, 2]) {
          const angle = (start + t) / 10000 ** (i / 3);
          expect(row[i]).toBe(Math.fround(Math.sin(angle)));
          expect(row[i + 3]).toBe(Math.fround(Math.cos(angle)));
        }
      });
      expect(() => sinusoidalEmbedding(0, 3, 5)).toThrow("even dim, got 5");
    });
  });
});
