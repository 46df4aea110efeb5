import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import { linearAttention, linearAttentionStep, projectQkv } from "../../src/common/index.ts";
import { fastWeightStep, slowThenFastRead } from "../../src/nl/index.ts";
import { exact, expectExact, matrixOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(5);
const [tokens, inputs, outputs, dim] = [6, 4, 3, 5];
const [keys, queries] = [random.normalMatrix(tokens, inputs), random.normalMatrix(tokens, inputs)];
const values = random.normalMatrix(tokens, outputs);

/** Answers of `fastWeightStep` token by token, from an empty memory. */
function run(retain: number, features?: (x: Tensor) => Tensor): oracle.Matrix {
  let memory = exact(oracle.zeroMatrix(outputs, inputs));
  return keys.map((key, t) => {
    const token = { query: exact(queries[t]!), key: exact(key), value: exact(values[t]!) };
    const [y, next] = fastWeightStep(memory, token, retain, features);
    memory = next;
    return (matrixOf(np.expandDims(y, 0)) as oracle.Matrix)[0]!;
  });
}

/** The same as a sum over the past, weight by weight. */
function sums(retain: number, features = (x: oracle.Vector) => x): oracle.Matrix {
  return queries.map((query, t) =>
    values.slice(0, t + 1).reduce((sum, value, s) => {
      const weight = retain ** (t - s) * oracle.dot(features(keys[s]!), features(query));
      return oracle.add(sum, oracle.scale(weight, value));
    }, oracle.zeroVector(outputs)),
  );
}

describe("fast weights", () => {
  it.each([1, 0.8])("NL Eq. 5: fastWeightStep weighs the token s steps back with alpha^s, alpha = %f", (retain) => {
    scope(() => expectExact(exact(run(retain)), sums(retain)));
  });

  it("NL Eq. 5: fastWeightStep applies its features to keys and queries alike", () => {
    scope(() => {
      const squares = run(0.9, (x) => np.square(x));
      expectExact(
        exact(squares),
        sums(0.9, (x) => x.map((one) => one * one)),
      );
      expect(oracle.maxDifference(squares, run(0.9))).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 5: fastWeightStep recalls values of orthonormal keys perfectly, and takes a retention a memory", () => {
    scope(() => {
      const axes = oracle.identity(inputs);
      let memory = exact([oracle.zeroMatrix(outputs, inputs), oracle.zeroMatrix(outputs, inputs)]);
      const both = (x: oracle.Vector) => exact([x, x]);
      axes.forEach((axis, t) => {
        const token = { query: both(axis), key: both(axis), value: both(values[t]!) };
        const [y, next] = fastWeightStep(memory, token, exact([[[1]], [[0.5]]]));
        expectExact(y, [values[t]!, values[t]!]);
        memory = next;
      });
      const silent = both(oracle.zeroVector(outputs));
      const [recalled] = fastWeightStep(memory, { query: both(axes[0]!), key: both(axes[1]!), value: silent });
      expectExact(recalled, [values[0]!, oracle.scale(0.125, values[0]!)]);
    });
  });
});

describe("linear attention", () => {
  const x = random.normalMatrix(tokens, dim);
  const weights = {
    query: random.normalMatrix(dim, inputs),
    key: random.normalMatrix(dim, inputs),
    value: random.normalMatrix(dim, outputs),
  };
  const asTensors = () => ({ query: exact(weights.query), key: exact(weights.key), value: exact(weights.value) });

  it("NL Eq. 14, 61: projectQkv in rows gives what the transposed matrices give in columns", () => {
    scope(() => {
      const projected = projectQkv(asTensors(), exact([x]));
      const columns = (w: oracle.Matrix) => [x.map((token) => oracle.matVec(oracle.transpose(w), token))];
      expectExact(projected.queries, columns(weights.query));
      expectExact(projected.keys, columns(weights.key));
      expectExact(projected.values, columns(weights.value));
    });
  });

  it("NL Eq. 15-16: linearAttention and linearAttentionStep equal attention whose weights are inner products", () => {
    scope(() => {
      const [y, last] = linearAttention(
        exact(oracle.zeroMatrix(inputs, outputs)),
        exact(queries),
        exact(keys),
        exact(values),
      );
      expectExact(y, sums(1));
      let memory = exact(oracle.zeroMatrix(inputs, outputs));
      keys.forEach((key, t) => {
        const [one, next] = linearAttentionStep(memory, exact(queries[t]!), exact(key), exact(values[t]!));
        expectExact(one, sums(1)[t]!);
        memory = next;
      });
      // The memory is that of v k^T, transposed.
      const written = values
        .map((value, t) => oracle.outer(value, keys[t]!))
        .reduce((sum, one) => oracle.addMatrix(sum, one));
      for (const memoryOfRows of [memory, last]) expectExact(memoryOfRows, oracle.transpose(written));
    });
  });

  it("NL Eq. 26: slowThenFastRead of the written memory is the output of linearAttention", () => {
    scope(() => {
      const { queries: q, keys: k, values: v } = projectQkv(asTensors(), exact([x]));
      const [y, memory] = linearAttention(exact([oracle.zeroMatrix(inputs, outputs)]), q, k, v);
      const fast = np.swapaxes(memory, -1, -2);
      const slow = exact([oracle.transpose(weights.query)]);
      const read = slowThenFastRead(fast, slow, exact([x.at(-1)!]));
      expectExact(read, [(matrixOf(y) as unknown as oracle.Matrix[])[0]!.at(-1)!]);
      const fastNumbers = (matrixOf(fast) as unknown as oracle.Matrix[])[0]!;
      expectExact(read, [oracle.matVec(oracle.matMul(fastNumbers, oracle.transpose(weights.query)), x.at(-1)!)]);
    });
  });
});
