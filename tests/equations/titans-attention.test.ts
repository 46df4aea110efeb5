import { describe, expect, it } from "vitest";
import { type Key, key, np, readSync, scope, slice, type Tensor, tensor } from "../../src/array/index.ts";
import {
  applyFeatureMap,
  attentionWeights,
  causalMask,
  initQkv,
  linearAttention,
  linearAttentionStep,
  type NormalizedMemory,
  normalizedLinearAttention,
  normalizedLinearAttentionStep,
  projectQkv,
  scaledDotProductAttention,
} from "../../src/common/index.ts";
import { expectClose, randomMatrix, randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

const tokens = 7;
const dim = 5;
const valueDim = 3;

function causal(count = tokens): Tensor {
  const positions = np.arange(count);
  return causalMask(positions, positions);
}

describe("projections", () => {
  const random: Key = key(3);

  it("Titans Eq. 1: projectQkv gives queries, keys and values as the scalar products do", () => {
    scope(() => {
      const params = initQkv(random, dim, valueDim);
      const x = randomSequences(1, 2, tokens, dim);
      const { queries, keys, values } = projectQkv(params, toTensor(x));
      const numbers = toNumbers(params) as { query: oracle.Matrix; key: oracle.Matrix; value: oracle.Matrix };
      for (const [actual, weight] of [
        [queries, numbers.query],
        [keys, numbers.key],
        [values, numbers.value],
      ] as const) {
        expect(actual.shape).toEqual([2, tokens, valueDim]);
        expectClose(
          actual,
          x.map((sequence) => oracle.project(sequence, weight)),
        );
      }
    });
  });

  it("Titans Eq. 1: projectQkv is linear in x and equals one fused product", () => {
    scope(() => {
      const params = initQkv(random, dim, dim);
      const [x, z] = [toTensor(randomSequences(1, 1, tokens, dim)), toTensor(randomSequences(2, 1, tokens, dim))];
      const ofSum = projectQkv(params, np.add(np.multiply(x, 3), z));
      const [ofX, ofZ] = [projectQkv(params, x), projectQkv(params, z)];
      for (const part of ["queries", "keys", "values"] as const) {
        expectClose(ofSum[part], np.add(np.multiply(ofX[part], 3), ofZ[part]));
      }
      const fused = np.matmul(x, np.concatenate([params.query, params.key, params.value], 1));
      expectClose(np.concatenate([ofX.queries, ofX.keys, ofX.values], -1), fused);
    });
  });
});

describe("softmax attention", () => {
  const queries = randomMatrix(1, tokens, dim);
  const keys = randomMatrix(2, tokens, dim);
  const values = randomMatrix(3, tokens, valueDim);

  function attend(q: oracle.Matrix, k: oracle.Matrix, v: oracle.Matrix): Tensor {
    return scaledDotProductAttention(toTensor(q), toTensor(k), toTensor(v), causal());
  }

  it("Titans Eq. 2: scaledDotProductAttention equals the scalar sums", () => {
    scope(() =>
      expectClose(attend(queries, keys, values), oracle.softmaxAttention(queries, keys, values, oracle.causalMask())),
    );
  });

  it("Titans Eq. 2: scaledDotProductAttention scales with the features of one head", () => {
    scope(() => {
      const heads = 3;
      const [q, k, v] = [4, 5, 6].map((seed) => randomMatrix(seed, tokens, heads * dim));
      const perHead = (x: oracle.Matrix) =>
        toTensor(Array.from({ length: heads }, (_, h) => oracle.headColumns(x, h, dim)));
      const y = scaledDotProductAttention(perHead(q!), perHead(k!), perHead(v!), causal());
      const joined = np.reshape(np.swapaxes(y, 0, 1), [tokens, heads * dim]);
      expectClose(joined, oracle.multiHeadAttention(heads, q!, k!, v!, oracle.causalMask()));
    });
  });

  it("Titans Eq. 2: attentionWeights have rows that sum to 1 and hide the future exactly", () => {
    scope(() => {
      const weights = attentionWeights(toTensor(queries), toTensor(keys), causal());
      expectClose(weights, oracle.attentionWeights(queries, keys, oracle.causalMask()));
      expectClose(
        np.sum(weights, -1),
        Array.from({ length: tokens }, () => 1),
      );
      expect([...readSync(np.triu(weights, 1))].every((weight) => weight === 0)).toBe(true);
    });
  });

  it("Titans Eq. 2: scaledDotProductAttention gives the first token its own value exactly", () => {
    scope(() => expect(readSync(slice(attend(queries, keys, values), 0))).toEqual(Float32Array.from(values[0]!)));
  });

  it("Titans Eq. 2: scaledDotProductAttention leaves rows before a changed token unchanged, bit for bit", () => {
    scope(() => {
      const t = 4;
      const change = (x: oracle.Matrix) => x.map((row, i) => (i === t ? row.map((value) => value - 2) : row));
      const before = readSync(attend(queries, keys, values));
      const after = readSync(attend(change(queries), change(keys), change(values)));
      expect(after.slice(0, t * valueDim)).toEqual(before.slice(0, t * valueDim));
      expect(after.slice(t * valueDim)).not.toEqual(before.slice(t * valueDim));
    });
  });

  it("Titans Eq. 2: scaledDotProductAttention ignores a constant added to all scores of a row", () => {
    scope(() => {
      // A vector c added to every key adds q.c to every score of a query.
      const shifted = keys.map((row) => oracle.add(row, [1, -2, 3, 0.5, -1]));
      expectClose(attend(queries, shifted, values), attend(queries, keys, values));
    });
  });

  it("Titans Eq. 2: scaledDotProductAttention stays finite for scores of a thousand", () => {
    scope(() => {
      const large = oracle.scaleMatrix(1000, queries);
      expectClose(attend(large, keys, values), oracle.softmaxAttention(large, keys, values, oracle.causalMask()), 1e-4);
    });
  });
});

describe("normalised linear attention", () => {
  const queries = randomMatrix(1, tokens, dim);
  const keys = randomMatrix(2, tokens, dim);
  const values = randomMatrix(3, tokens, valueDim);

  function features(x: oracle.Matrix): Tensor {
    return applyFeatureMap("elu-plus-one", toTensor(x));
  }

  function empty(): NormalizedMemory {
    return { memory: np.zeros([dim, valueDim]), normalizer: np.zeros([dim]) };
  }

  it("Titans Eq. 3: normalizedLinearAttention equals the scalar sums", () => {
    scope(() => {
      const [y] = normalizedLinearAttention(empty(), features(queries), features(keys), toTensor(values));
      expectClose(y, oracle.normalisedLinearAttention(queries, keys, values));
    });
  });

  it("Titans Eq. 3: normalizedLinearAttentionStep token by token equals normalizedLinearAttention, with the same sums", () => {
    scope(() => {
      let state = empty();
      const [q, k, v] = [features(queries), features(keys), toTensor(values)];
      const outputs: Tensor[] = [];
      for (let t = 0; t < tokens; t++) {
        const [y, next] = normalizedLinearAttentionStep(state, slice(q, t), slice(k, t), slice(v, t));
        outputs.push(y);
        state = next;
      }
      const [parallel, last] = normalizedLinearAttention(empty(), q, k, v);
      expectClose(np.stack(outputs), parallel);
      expectClose(np.stack(outputs), oracle.normalisedLinearAttention(queries, keys, values));
      expectClose(last.memory, state.memory);
      expectClose(last.normalizer, state.normalizer);
    });
  });

  it("Titans Eq. 3: normalizedLinearAttention and normalizedLinearAttentionStep have weights that sum to 1", () => {
    scope(() => {
      const ones = np.ones([tokens, valueDim]);
      const [y] = normalizedLinearAttention(empty(), features(queries), features(keys), ones);
      expectClose(y, ones);
      const [first] = normalizedLinearAttentionStep(
        empty(),
        slice(features(queries), 0),
        slice(features(keys), 0),
        slice(ones, 0),
      );
      expectClose(first, [1, 1, 1]);
    });
  });
});

describe("linear attention as a matrix memory", () => {
  const queries = randomMatrix(1, tokens, dim);
  const keys = randomMatrix(2, tokens, dim);
  const values = randomMatrix(3, tokens, valueDim);
  const initial = randomMatrix(4, dim, valueDim);

  it("Titans Eq. 4-5: linearAttention equals the scalar recurrence, also from a memory that is not empty", () => {
    scope(() => {
      const [y, memory] = linearAttention(toTensor(initial), toTensor(queries), toTensor(keys), toTensor(values));
      const expected = oracle.matrixMemory(queries, keys, values, initial);
      expectClose(y, expected.outputs);
      expectClose(memory, expected.memory);
    });
  });

  it("Titans Eq. 4-5: linearAttention from an empty memory is tril(Q K^T) V", () => {
    scope(() => {
      const [y] = linearAttention(np.zeros([dim, valueDim]), toTensor(queries), toTensor(keys), toTensor(values));
      const scores = oracle
        .matMul(queries, oracle.transpose(keys))
        .map((row, i) => row.map((score, j) => (j <= i ? score : 0)));
      expectClose(y, oracle.matMul(scores, values));
    });
  });

  it("Titans Eq. 4-5: linearAttentionStep reads the memory that already contains the token", () => {
    scope(() => {
      let memory = toTensor(initial);
      const expected = oracle.matrixMemory(queries, keys, values, initial);
      for (let t = 0; t < tokens; t++) {
        const [y, next] = linearAttentionStep(memory, tensor(queries[t]!), tensor(keys[t]!), tensor(values[t]!));
        expectClose(y, expected.outputs[t]!);
        memory = next;
      }
      expectClose(memory, expected.memory);
      const [stored] = linearAttentionStep(np.zeros([2, 2]), tensor([1, 0]), tensor([1, 0]), tensor([3, 4]));
      expect([...readSync(stored)]).toEqual([3, 4]);
    });
  });
});
