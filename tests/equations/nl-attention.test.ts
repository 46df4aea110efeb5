import { describe, expect, it } from "vitest";
import { np, scope } from "../../src/array/index.ts";
import { causalMask, scaledDotProductAttention, slidingWindowMask } from "../../src/common/index.ts";
import { adaptiveBlock, kernelRegression, kernelRegressionObjective } from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { exact, expectExact, inFloat64, matrixOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(62);
const [tokens, dim, window] = [6, 4, 3];
const [queries, keys, values] = [1, 2, 3].map(() => random.normalMatrix(tokens, dim)) as [
  oracle.Matrix,
  oracle.Matrix,
  oracle.Matrix,
];
const memory = random.normalMatrix(dim, dim);

/** exp(k q / sqrt d) of one query and the keys from one to another. */
function scoresOf(query: oracle.Vector, from: number, to: number): oracle.Vector {
  return keys.slice(from, to).map((key) => Math.exp(oracle.dot(key, query) / Math.sqrt(dim)));
}

/** The vector that is nearest to values weighted by scores, found from plain values. */
function nearest(scores: oracle.Vector, from: number): oracle.Vector {
  const objective = (answer: oracle.Vector) =>
    scores.reduce((sum, score, i) => sum + score * oracle.norm(oracle.subtract(values[from + i]!, answer)) ** 2, 0);
  return oracle.quadraticMinimum(objective, values[0]!);
}

const causal = () => causalMask(np.arange(tokens), np.arange(tokens));
const nearby = (size: number) => slidingWindowMask(np.arange(tokens), np.arange(tokens), size);

describe("attention as a regression", () => {
  it("NL Eq. 62-63: kernelRegression is the minimum of kernelRegressionObjective, found from plain values", () => {
    scope(() => {
      const scores = [0.3, 2, 0, 1];
      const given = exact(values.slice(0, 4));
      const answer = kernelRegression(exact(scores), given);
      expectExact(answer, nearest(scores, 0), 1e-10);
      const at = random.normalVector(dim);
      const expected = scores.reduce((sum, s, i) => sum + s * oracle.norm(oracle.subtract(values[i]!, at)) ** 2, 0);
      expectExact(kernelRegressionObjective(exact(at), exact(scores), given), expected);
    });
  });

  it("NL Eq. 62: kernelRegression with equal scores is the mean of the values; the scores' scale changes nothing, and constant values come out as they are", () => {
    scope(() => {
      const mean = oracle.scale(
        1 / tokens,
        values.reduce((sum, value) => oracle.add(sum, value)),
      );
      expectExact(kernelRegression(exact(values.map(() => 0.7)), exact(values)), mean);
      const scores = scoresOf(queries[0]!, 0, tokens);
      const scaled = kernelRegression(exact(oracle.scale(1e5, scores)), exact(values));
      expectExact(scaled, [...(matrixOf(np.expandDims(kernelRegression(exact(scores), exact(values)), 0))[0] ?? [])]);
      expectExact(kernelRegression(exact(scores), exact(values.map(() => [1, 1, 1, 1]))), [1, 1, 1, 1]);
    });
  });

  it("NL Eq. 63: slidingWindowMask shows a token itself and those before it in its window, no other", () => {
    scope(() => {
      const rows = matrixOf(np.where(nearby(window), 1, 0));
      rows.forEach((row, t) => {
        expect(row).toEqual(row.map((_, i) => (i <= t && i > t - window ? 1 : 0)));
      });
      expectExact(np.where(nearby(tokens), 1, 0), matrixOf(np.where(causal(), 1, 0)));
    });
  });
});

describe("the adaptive block, by polynomials alone", () => {
  // With equal queries the weights are equal: attention is a running mean, without an exponential.
  const none = oracle.zeroMatrix(tokens, dim);
  const means = values.map((_, t) =>
    oracle.scale(
      1 / (t + 1),
      values.slice(0, t + 1).reduce((sum, value) => oracle.add(sum, value)),
    ),
  );
  const block = (options: { frozen?: boolean } = {}, written = values) =>
    adaptiveBlock(
      exact(memory),
      { queries: exact(none), keys: exact(keys), values: exact(written) },
      causal(),
      options,
    );

  it("NL Eq. 21, 69: adaptiveBlock writes, then reads what the attention puts out, token by token", () => {
    scope(() => {
      const [y, last] = block();
      let now = memory;
      const expected = means.map((mean, t) => {
        now = oracle.addMatrix(now, oracle.outer(values[t]!, keys[t]!));
        return oracle.matVec(now, mean);
      });
      expectExact(y, expected);
      expectExact(last, now);
    });
  });

  it("NL Eq. 21: adaptiveBlock without writes is the Transformer's block, and with writes another, from the first token on", () => {
    scope(() => {
      const [y, last] = block({ frozen: true });
      const expected = means.map((mean) => oracle.matVec(memory, mean));
      expectExact(y, expected);
      expectExact(last, memory);
      const written = matrixOf(block()[0]);
      written.forEach((row, t) => {
        expect(oracle.norm(oracle.subtract(row, expected[t]!))).toBeGreaterThan(0.01);
      });
    });
  });

  it("NL Eq. 69: adaptiveBlock reads earlier tokens and its own only", () => {
    scope(() => {
      const changed = values.map((value, t) => (t === 3 ? oracle.scale(2, value) : value));
      const [before, after] = [matrixOf(block()[0]), matrixOf(block({}, changed)[0])];
      expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
      for (const t of [3, 4, 5]) expect(oracle.norm(oracle.subtract(after[t]!, before[t]!))).toBeGreaterThan(0.01);
    });
  });
});

describeNative("in float64 on the native engine", () => {
  const attend = (mask: "causal" | number, k = keys, v = values) =>
    inFloat64(
      (q, kk, vv) => scaledDotProductAttention(q, kk, vv, mask === "causal" ? causal() : nearby(mask)),
      exact(queries),
      exact(k),
      exact(v),
    ) as Promise<oracle.Matrix>;

  it("NL Eq. 62: scaledDotProductAttention of each query is the minimum of its weighted squares over the past", async () => {
    const y = await attend("causal");
    queries.forEach((query, t) => {
      expect(oracle.maxDifference(y[t], nearest(scoresOf(query, 0, t + 1), 0))).toBeLessThan(1e-9);
    });
    // Over the whole sequence, as printed, the first token would see the future.
    expect(oracle.maxDifference(y[0], nearest(scoresOf(queries[0]!, 0, tokens), 0))).toBeGreaterThan(0.01);
  });

  it("NL Eq. 63: scaledDotProductAttention behind a slidingWindowMask is the same minimum over the window; with each key's own query, as printed, it is not", async () => {
    const y = await attend(window);
    let furthest = 0;
    queries.forEach((query, t) => {
      const from = Math.max(0, t - window + 1);
      expect(oracle.maxDifference(y[t], nearest(scoresOf(query, from, t + 1), from))).toBeLessThan(1e-9);
      const printed = keys
        .slice(from, t + 1)
        .map((key, i) => Math.exp(oracle.dot(key, queries[from + i]!) / Math.sqrt(dim)));
      furthest = Math.max(furthest, oracle.maxDifference(y[t], nearest(printed, from)));
    });
    expect(furthest).toBeGreaterThan(0.01);
  });

  it("NL Eq. 63: scaledDotProductAttention with a window of one returns the values, with one of all tokens it is causal attention, and what is older has no influence", async () => {
    expect(oracle.maxDifference(await attend(1), values)).toBeLessThan(1e-12);
    expect(oracle.maxDifference(await attend(tokens), await attend("causal"))).toBe(0);
    const older = (x: oracle.Matrix) => x.map((row, t) => (t < 2 ? oracle.scale(-3, row) : row));
    const [before, after] = [await attend(window), await attend(window, older(keys), older(values))];
    expect(after.slice(4)).toEqual(before.slice(4));
    expect(oracle.maxDifference(after[3], before[3])).toBeGreaterThan(0.01);
  });

  it("NL Eq. 69: adaptiveBlock with softmax attention equals plain loops", async () => {
    const result = (await inFloat64(
      (m, q, k, v) => {
        const [y, last] = adaptiveBlock(m, { queries: q, keys: k, values: v }, causal());
        return { y, last };
      },
      exact(memory),
      exact(queries),
      exact(keys),
      exact(values),
    )) as { y: oracle.Matrix; last: oracle.Matrix };
    const attended = oracle.softmaxAttention(queries, keys, values, oracle.causalMask());
    let now = memory;
    const expected = attended.map((answer, t) => {
      now = oracle.addMatrix(now, oracle.outer(values[t]!, keys[t]!));
      return oracle.matVec(now, answer);
    });
    expect(oracle.maxDifference(result, { last: now, y: expected })).toBeLessThan(1e-9);
  });
});
