import { describe, expect, it } from "vitest";
import { grad, jit, key, np, readSync, scope, slice, type Tensor, tensor } from "../../src/array/index.ts";
import {
  attentionWeights,
  causalMask,
  initQkv,
  mergeHeads,
  scaledDotProductAttention,
  splitHeads,
} from "../../src/common/index.ts";
import { centralGradientTree, slidingWindowMask, softmaxAttention } from "../oracles/index.ts";
import { expectClose, randomMatrix, toNumbers, toTensor } from "./tensors.ts";

describe("heads", () => {
  it("splits features in contiguous groups and merges them back", () => {
    scope(() => {
      const x = np.reshape(np.arange(2 * 7 * 15), [2, 7, 15]);
      const heads = splitHeads(x, 3);
      expect(heads.shape).toEqual([2, 3, 7, 5]);
      expect([...readSync(slice(heads, 1, 2, 4))]).toEqual([...readSync(slice(x, 1, 4, [10, 15]))]);
      expect([...readSync(mergeHeads(heads))]).toEqual([...readSync(x)]);
    });
  });

  it("initialises three different projections of variance 1 / dim", () => {
    scope(() => {
      const { query, key: keys, value } = initQkv(key(1), 100, 60);
      const size = (w: Tensor) => readSync(np.mean(np.square(w)))[0]!;
      // 6,000 samples: the mean square has a relative deviation of 2 %.
      for (const w of [query, keys, value]) expect(Math.abs(100 * size(w) - 1)).toBeLessThan(0.1);
      for (const w of [keys, value]) expect(readSync(w)[0]).not.toBe(readSync(query)[0]);
    });
  });
});

describe("masks of attention", () => {
  const queries = randomMatrix(1, 7, 5);
  const keys = randomMatrix(2, 9, 5);
  const values = randomMatrix(3, 9, 4);

  it("takes booleans or floats, and any mask the oracle takes", () => {
    scope(() => {
      const visible = slidingWindowMask(3);
      const table = queries.map((_, i) => keys.map((_, j) => (visible(i, j) ? 1 : 0)));
      const floats = toTensor(table);
      const expected = softmaxAttention(queries, keys, values, visible);
      for (const mask of [floats, np.greater(floats, 0)]) {
        expectClose(scaledDotProductAttention(toTensor(queries), toTensor(keys), toTensor(values), mask), expected);
      }
    });
  });

  it("gives zero, not NaN, to a query that sees no key, in values and in gradients", () => {
    scope(() => {
      const mask = tensor([1, 1, 0, 0], [2, 2]);
      const loss = (p: { q: Tensor; k: Tensor; v: Tensor }) =>
        np.sum(np.square(scaledDotProductAttention(p.q, p.k, p.v, mask)));
      const p = {
        q: toTensor(randomMatrix(1, 2, 3)),
        k: toTensor(randomMatrix(2, 2, 3)),
        v: toTensor(randomMatrix(3, 2, 3)),
      };
      const y = scaledDotProductAttention(p.q, p.k, p.v, mask);
      expect([...readSync(slice(y, 1))]).toEqual([0, 0, 0]);
      const { q, k, v } = jit(grad(loss))(p);
      expect([...readSync(slice(q, 1))].every((value) => value === 0)).toBe(true);
      for (const g of [q, k, v]) expect([...readSync(g)].every(Number.isFinite)).toBe(true);
      expect(readSync(np.max(np.absolute(slice(q, 0))))[0]).toBeGreaterThan(0);
    });
  });

  it("has no score gradient where only one key is visible, and hidden keys get none", () => {
    scope(() => {
      const q = toTensor(randomMatrix(1, 1, 3));
      const mask = tensor([1, 0], [1, 2]);
      const g = grad((k: Tensor) => np.sum(attentionWeights(q, k, mask)))(toTensor(randomMatrix(2, 2, 3)));
      expect([...readSync(g)].every((value) => value === 0)).toBe(true);
    });
  });

  it("has the gradients of the oracle, by central differences", () => {
    scope(() => {
      const at = { q: randomMatrix(1, 4, 3), k: randomMatrix(2, 4, 3), v: randomMatrix(3, 4, 2) };
      const weights = randomMatrix(4, 4, 2);
      const expected = centralGradientTree(
        ({ q, k, v }) =>
          softmaxAttention(q, k, v, slidingWindowMask(2))
            .flat()
            .reduce((sum, y, i) => sum + y * weights.flat()[i]!, 0),
        at,
      );
      const positions = np.arange(4);
      const mask = np.logicalAnd(
        causalMask(positions, positions),
        np.less(np.subtract(np.expandDims(positions, 1), positions), 2),
      );
      const gradient = jit(
        grad((p: { q: Tensor; k: Tensor; v: Tensor }) =>
          np.sum(np.multiply(scaledDotProductAttention(p.q, p.k, p.v, mask), toTensor(weights))),
        ),
      )({ q: toTensor(at.q), k: toTensor(at.k), v: toTensor(at.v) });
      expectClose(toNumbers(gradient), { k: expected.k, q: expected.q, v: expected.v });
    });
  });
});
