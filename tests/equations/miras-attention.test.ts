import { describe, expect, it } from "vitest";
import { grad, key, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import {
  attentionWeights,
  causalMask,
  initQkv,
  projectQkv,
  type QkvParams,
  scaledDotProductAttention,
} from "../../src/common/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, randomMatrix, randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";

const [tokens, dim, valueDim] = [7, 5, 3];
const queries = randomMatrix(131, tokens, dim);
const keys = randomMatrix(132, tokens, dim);
const values = randomMatrix(133, tokens, valueDim);

function causal(): Tensor {
  const positions = np.arange(tokens);
  return causalMask(positions, positions);
}

/** How far a vector m is from the values up to token i, weighted by how well their keys fit the query. */
function kernelLoss(i: number, m: oracle.Vector): number {
  return kernelGradient(i, m).loss;
}

function kernelGradient(i: number, m: oracle.Vector): { loss: number; gradient: oracle.Vector; weight: number } {
  let [loss, weight] = [0, 0];
  let gradient = oracle.zeroVector(m.length);
  for (let j = 0; j <= i; j++) {
    const fit = Math.exp(oracle.dot(queries[i]!, keys[j]!) / Math.sqrt(dim));
    const r = oracle.subtract(m, values[j]!);
    loss += fit * oracle.dot(r, r);
    gradient = oracle.add(gradient, oracle.scale(2 * fit, r));
    weight += fit;
  }
  return { loss, gradient, weight };
}

/** The vector with the smallest loss, by gradient descent from zero. */
function minimiser(i: number): oracle.Vector {
  let m = oracle.zeroVector(valueDim);
  for (let step = 0; step < 200; step++) {
    const { gradient, weight } = kernelGradient(i, m);
    m = oracle.subtract(m, oracle.scale(0.3 / weight, gradient));
  }
  return m;
}

describe("projections of a MIRAS layer", () => {
  it("MIRAS Eq. 1: projectQkv gives queries, keys and values of the right shapes, permuted as the tokens are", () => {
    scope(() => {
      const params = initQkv(key(5), dim, valueDim);
      const [x] = randomSequences(134, 1, tokens, dim);
      const order = [3, 0, 6, 1, 5, 2, 4];
      const [plain, permuted] = [
        projectQkv(params, toTensor([x!])),
        projectQkv(params, toTensor([order.map((t) => x![t]!)])),
      ];
      for (const part of ["queries", "keys", "values"] as const) {
        expect(plain[part].shape).toEqual([1, tokens, valueDim]);
        const [rows] = toNumbers(plain[part]) as [oracle.Matrix];
        expectClose(permuted[part], [order.map((t) => rows[t]!)], 0);
        const weight = { queries: params.query, keys: params.key, values: params.value }[part];
        expectClose(plain[part], [oracle.project(x!, toNumbers(weight) as oracle.Matrix)]);
      }
    });
  });

  it("MIRAS Eq. 1: projectQkv passes a gradient to each of its three matrices", () => {
    scope(() => {
      const params = initQkv(key(6), dim, valueDim);
      const x = toTensor(randomSequences(135, 1, tokens, dim));
      for (const [part, name] of [
        ["queries", "query"],
        ["keys", "key"],
        ["values", "value"],
      ] as const) {
        const unused = (p: QkvParams) =>
          np.multiply(np.add(np.sum(p.query), np.add(np.sum(p.key), np.sum(p.value))), 0);
        const gradients = grad((p: QkvParams) => np.add(np.sum(projectQkv(p, x)[part]), unused(p)))(params);
        for (const matrix of ["query", "key", "value"] as const)
          expect([...readSync(gradients[matrix])].some((g) => g !== 0)).toBe(matrix === name);
      }
    });
  });
});

describe("softmax attention as a memory without parameters", () => {
  it("MIRAS Eq. 2: attentionWeights of the pairs seen so far sum to 1", () => {
    scope(() => {
      const weights = attentionWeights(toTensor(queries), toTensor(keys), causal());
      expectClose(np.sum(weights, -1), Array(tokens).fill(1));
      expect([...readSync(weights)].every((weight) => weight >= 0)).toBe(true);
      expect([...readSync(np.triu(weights, 1))].every((weight) => weight === 0)).toBe(true);
    });
  });

  it("MIRAS Eq. 2: scaledDotProductAttention is the minimiser of the kernel-weighted squared error", () => {
    scope(() => {
      const y = toNumbers(scaledDotProductAttention(toTensor(queries), toTensor(keys), toTensor(values), causal()));
      expectClose(
        y,
        values.map((_, i) => minimiser(i)),
      );
      const random = oracle.randomSource(136);
      (y as oracle.Matrix).forEach((row, i) => {
        for (let n = 0; n < 20; n++)
          expect(kernelLoss(i, oracle.add(row, random.normalVector(valueDim, 0.1)))).toBeGreaterThan(
            kernelLoss(i, row),
          );
      });
    });
  });

  it("MIRAS Eq. 2: scaledDotProductAttention keeps every pair: a later one leaves earlier outputs unchanged, bit for bit", () => {
    scope(() => {
      const attend = (k: oracle.Matrix, v: oracle.Matrix) =>
        readSync(scaledDotProductAttention(toTensor(queries), toTensor(k), toTensor(v), causal()));
      const last = (x: oracle.Matrix) => x.map((row, t) => (t === tokens - 1 ? row.map((value) => value + 3) : row));
      const [before, after] = [attend(keys, values), attend(last(keys), last(values))];
      const earlier = (tokens - 1) * valueDim;
      expect(after.slice(0, earlier)).toEqual(before.slice(0, earlier));
      expect(after.slice(earlier)).not.toEqual(before.slice(earlier));
    });
  });

  describeNative("in float64", () => {
    it("MIRAS Eq. 2: scaledDotProductAttention is that minimiser to 1e-12", async () => {
      const attend = (q: Tensor, k: Tensor, v: Tensor) => scaledDotProductAttention(q, k, v, causal());
      const y = await inFloat64(attend, wide(queries), wide(keys), wide(values));
      expectClose(
        y,
        values.map((_, i) => minimiser(i)),
        1e-12,
      );
    });
  });
});
