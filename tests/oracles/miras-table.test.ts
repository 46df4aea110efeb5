import { describe, expect, it } from "vitest";
import { softmaxAttention } from "./attention.ts";
import { matrixMemory } from "./linear-attention.ts";
import { causalMask } from "./masks.ts";
import { add, hadamard, type Matrix, matVec, outer, scale, scaleMatrix, subtract, transpose } from "./matrix.ts";
import { mirasTokenFixture as fixture, mirasSequenceFixture } from "./miras-fixtures.ts";
import { mirasMlpMemory } from "./miras-memory.ts";
import {
  type MirasTokens,
  mirasDecayingFastWeights,
  mirasEmptyMemory,
  mirasGatedLinearAttention,
  mirasHgrn2,
  mirasLinearAttention,
  mirasMamba,
  mirasRetNetDecay,
  mirasScalarDecay,
  mirasSoftmaxAttention,
} from "./miras-table.ts";
import {
  type MirasProductToken,
  mirasDeltaBeforeDecay,
  mirasDeltaNet,
  mirasDeltaProductForm,
  mirasDeltaProductLoop,
  mirasGatedDeltaNet,
  mirasLonghorn,
  mirasRwkv7,
  mirasRwkv7Keys,
  mirasTtt,
  mirasTttLinear,
} from "./miras-table-delta.ts";
import { randomSource } from "./random.ts";
import { linearMemory } from "./recurrences.ts";
import { maxDifference } from "./tree.ts";

const random = randomSource(171);
const length = 32;
const tokens: MirasTokens = {
  keys: Array.from({ length }, () => random.unitVector(5)),
  values: random.normalMatrix(length, 4),
  queries: random.normalMatrix(length, 5),
};
const start = random.normalMatrix(4, 5);
const retain = random.uniformVector(length, 0.7, 1);
const stepSize = random.uniformVector(length, 0.1, 0.9);
const keyGates = Array.from({ length }, () => random.uniformVector(5, 0.5, 1));
const valueGates = Array.from({ length }, () => random.uniformVector(4, 0.5, 1));
const repeat = (value: number, width: number) => new Array<number>(width).fill(value);

const one: MirasTokens = { keys: [fixture.key], values: [fixture.value], queries: [[0.3, -0.7, 0.2]] };
const oneToken = (run: { outputs: Matrix; final: Matrix }, expected: Matrix): void => {
  expect(maxDifference(run.final, expected)).toBeLessThan(1e-9);
  expect(run.outputs).toEqual([matVec(run.final, one.queries[0]!)]);
};

describe("oracle: known models, printed numbers, read after the write", () => {
  const w = fixture.weights;

  it("models that write without looking", () => {
    const gates = [[0.9, 0.5, 0.7]];
    oneToken(mirasScalarDecay(one, 0.9, w), fixture.hebbian);
    oneToken(mirasGatedLinearAttention(one, gates, w), fixture.gatedLinearAttention);
    oneToken(mirasHgrn2(one, gates, w), fixture.hgrn2);
  });

  it("delta rules", () => {
    const gates = { retain: [0.9], stepSize: [0.5] };
    oneToken(mirasGatedDeltaNet(one, gates, w), fixture.deltaDecayed);
    oneToken(mirasDeltaBeforeDecay(one, gates, w), fixture.deltaPrevious);
    oneToken(mirasDeltaNet(one, [0.5], w), fixture.deltaNet);
    oneToken(mirasLonghorn(one, [0.5], w), fixture.longhorn);
    oneToken(
      mirasRwkv7(
        one,
        {
          retain: [[0.9, 0.8, 0.95]],
          removal: [[0.3, 0.6, 0.2]],
          removalKeys: one.keys,
          writeKeys: [[0.5, 0.1, -0.2]],
        },
        w,
      ),
      fixture.rwkv7,
    );
    const pairs: MirasProductToken = {
      keys: [fixture.key, [0, 1, 0]],
      values: [fixture.value, [0.2, 0.7]],
      stepSize: [0.5, 1.5],
      retain: 0.9,
      query: one.queries[0]!,
    };
    oneToken(mirasDeltaProductLoop([pairs], w), fixture.deltaProduct);
    oneToken(mirasDeltaProductForm([pairs], w), fixture.deltaProduct);
    const three = mirasSequenceFixture;
    const run = mirasDeltaBeforeDecay(three.tokens, three, w);
    expect(maxDifference(run.final, three.delta[1])).toBeLessThan(1e-9);
  });
});

describe("oracle: models that write without looking", () => {
  it("linear attention is the sum of writes, the matrix memory of rows, and one batch step of half a rate", () => {
    const { outputs, final } = mirasLinearAttention(tokens, mirasEmptyMemory(tokens));
    const rows = matrixMemory(tokens.queries, tokens.keys, tokens.values);
    expect(maxDifference(outputs, rows.outputs)).toBeLessThan(1e-13);
    expect(maxDifference(final, transpose(rows.memory))).toBeLessThan(1e-13);
    const batch = tokens.keys
      .map((key, t) => scaleMatrix(-0.5, outer(scale(2, subtract([0, 0, 0, 0], tokens.values[t]!)), key)))
      .reduce((sum, term) => sum.map((row, i) => add(row, term[i]!)));
    expect(maxDifference(final, batch)).toBeLessThan(1e-13);
  });

  it("RetNet decays by head, and is gated linear attention with equal channels", () => {
    expect([0, 1, 3].map(mirasRetNetDecay)).toEqual([31 / 32, 63 / 64, 255 / 256]);
    const alpha = mirasRetNetDecay(2);
    const gates = keyGates.map(() => repeat(alpha, 5));
    const retNet = mirasScalarDecay(tokens, alpha, start);
    expect(maxDifference(mirasGatedLinearAttention(tokens, gates, start), retNet)).toBeLessThan(1e-13);
    expect(maxDifference(mirasScalarDecay(tokens, repeat(alpha, length), start), retNet)).toBe(0);
    expect(maxDifference(mirasScalarDecay(tokens, 1, start), mirasLinearAttention(tokens, start))).toBe(0);
  });

  it("decaying fast weights: the rank-one gate is a row gate and a column gate", () => {
    const run = mirasDecayingFastWeights(tokens, { value: valueGates, key: keyGates }, start);
    let weights = start;
    tokens.keys.forEach((key, t) => {
      weights = weights.map((row, i) =>
        add(scale(valueGates[t]![i]!, hadamard(keyGates[t]!, row)), scale(tokens.values[t]![i]!, key)),
      );
    });
    expect(maxDifference(run.final, weights)).toBeLessThan(1e-13);
    const columns = mirasDecayingFastWeights(
      tokens,
      { value: valueGates.map(() => repeat(1, 4)), key: keyGates },
      start,
    );
    expect(maxDifference(columns, mirasGatedLinearAttention(tokens, keyGates, start))).toBeLessThan(1e-13);
  });

  it("Mamba with equal rates is Mamba-2 with values Δx and keys B; with other rates it is not", () => {
    const steps = Array.from({ length }, () => repeat(random.uniform(), 4));
    const mamba = { inputs: tokens.values, steps, writes: tokens.keys, reads: tokens.queries };
    const run = mirasMamba({ ...mamba, rates: repeat(-0.7, 4).map(() => repeat(-0.7, 5)) }, start);
    const scaled = { ...tokens, values: tokens.values.map((x, t) => hadamard(steps[t]!, x)) };
    const decay = steps.map((step) => Math.exp(-0.7 * step[0]!));
    expect(maxDifference(run, mirasScalarDecay(scaled, decay, start))).toBeLessThan(1e-13);
    const rates = Array.from({ length: 4 }, () => random.uniformVector(5, -2, -0.1));
    expect(maxDifference(mirasMamba({ ...mamba, rates }, start), run)).toBeGreaterThan(0.1);
  });

  it("HGRN2 is gated linear attention with the key 1 - α", () => {
    const tied = { ...tokens, keys: keyGates.map((gate) => gate.map((alpha) => 1 - alpha)) };
    const run = mirasHgrn2(tokens, keyGates, start);
    expect(maxDifference(run, mirasGatedLinearAttention(tied, keyGates, start))).toBe(0);
  });

  it("the growing set of pairs is causal softmax attention", () => {
    const expected = softmaxAttention(tokens.queries, tokens.keys, tokens.values, causalMask());
    expect(maxDifference(mirasSoftmaxAttention(tokens), expected)).toBeLessThan(1e-14);
  });

  it("softmax attention is the vector of least squares weighted by the kernel", () => {
    const outputs = mirasSoftmaxAttention(tokens);
    const t = 9;
    const slope = tokens.keys.slice(0, t + 1).reduce(
      (sum, key, j) => {
        const kernel = Math.exp(matVec([key], tokens.queries[t]!)[0]! / Math.sqrt(5));
        return add(sum, scale(kernel, subtract(outputs[t]!, tokens.values[j]!)));
      },
      [0, 0, 0, 0],
    );
    expect(Math.max(...slope.map(Math.abs))).toBeLessThan(1e-12);
  });
});

describe("oracle: delta rules", () => {
  it("a full step on a unit key overwrites, and the same pair again changes nothing", () => {
    const pair = { keys: tokens.keys.slice(0, 1), values: tokens.values.slice(0, 1), queries: tokens.keys.slice(0, 1) };
    const first = mirasDeltaNet(pair, [1], start);
    expect(maxDifference(first.outputs[0], pair.values[0])).toBeLessThan(1e-14);
    expect(maxDifference(mirasDeltaNet(pair, [1], first.final).final, first.final)).toBeLessThan(1e-14);
  });

  it("the bare gradient step: half loss is DeltaNet, full loss with half the rate too", () => {
    const delta = mirasDeltaNet(tokens, stepSize, start);
    expect(maxDifference(mirasTttLinear(tokens, stepSize, "half", start), delta)).toBeLessThan(1e-13);
    const halved = stepSize.map((eta) => eta / 2);
    expect(maxDifference(mirasTttLinear(tokens, halved, "full", start), delta)).toBeLessThan(1e-13);
    const bare = mirasTtt({ activation: "identity", residual: false, norm: null }, tokens, stepSize, "half", [start]);
    expect(maxDifference(bare.outputs, delta.outputs)).toBeLessThan(1e-13);
  });

  it("Longhorn is the gradient step at the new point, stable at any rate, with both limits", () => {
    const afterOne = mirasLonghorn(
      { keys: [tokens.keys[0]!], values: [tokens.values[0]!], queries: [tokens.queries[0]!] },
      [0.8],
      start,
    ).final;
    const error = subtract(matVec(afterOne, tokens.keys[0]!), tokens.values[0]!);
    const implicit = start.map((row, i) => subtract(row, scale(0.8 * error[i]!, tokens.keys[0]!)));
    expect(maxDifference(afterOne, implicit)).toBeLessThan(1e-14);
    const far = mirasLonghorn(tokens, repeat(1e12, length), start);
    expect(maxDifference(far, mirasDeltaNet(tokens, repeat(1, length), start))).toBeLessThan(1e-10);
    const gap = (eta: number): number =>
      maxDifference(
        mirasLonghorn(tokens, repeat(eta, length), start).final,
        mirasDeltaNet(tokens, repeat(eta, length), start).final,
      );
    expect(Math.log10(gap(1e-3) / gap(1e-4))).toBeCloseTo(2, 1);
    const channels = stepSize.map((eta) => repeat(eta, 4));
    expect(maxDifference(mirasLonghorn(tokens, channels, start), mirasLonghorn(tokens, stepSize, start))).toBe(0);
  });

  it("Gated DeltaNet without decay is DeltaNet; the gradient before the decay is another rule", () => {
    const still = { retain: repeat(1, length), stepSize };
    const delta = mirasDeltaNet(tokens, stepSize, start);
    expect(maxDifference(mirasGatedDeltaNet(tokens, still, start), delta)).toBeLessThan(1e-13);
    expect(maxDifference(mirasDeltaBeforeDecay(tokens, still, start), delta)).toBeLessThan(1e-13);
    const gated = mirasGatedDeltaNet(tokens, { retain, stepSize }, start);
    const before = mirasDeltaBeforeDecay(tokens, { retain, stepSize }, start);
    expect(maxDifference(gated, before)).toBeGreaterThan(0.05);
  });

  it("the gradient before the decay is Titans on a matrix without momentum", () => {
    const columns = (gate: number[]) => gate.map((value) => repeat(value, 4));
    const titans = linearMemory(
      {
        keys: tokens.keys,
        values: tokens.values,
        forget: columns(retain.map((alpha) => 1 - alpha)),
        momentum: columns(repeat(0, length)),
        stepSize: columns(stepSize),
      },
      start,
      scaleMatrix(0, start),
    );
    const run = mirasDeltaBeforeDecay(tokens, { retain, stepSize }, start);
    expect(maxDifference(run.final, titans.at(-1)!.memory)).toBeLessThan(1e-13);
  });

  it("RWKV-7 with tied gates is Gated DeltaNet; its keys are a unit vector and a mix with the removal", () => {
    const gates = {
      retain: retain.map((alpha) => repeat(alpha, 5)),
      removal: retain.map((alpha, t) => repeat(alpha * stepSize[t]!, 5)),
      removalKeys: tokens.keys,
      writeKeys: tokens.keys.map((key, t) => scale(stepSize[t]!, key)),
    };
    const gated = mirasGatedDeltaNet(tokens, { retain, stepSize }, start);
    expect(maxDifference(mirasRwkv7(tokens, gates, start), gated)).toBeLessThan(1e-13);
    const keys = mirasRwkv7Keys([3, 4], [0.5, 0.2], [1, 1], [0, 1]);
    expect(maxDifference(keys, { removalKey: [0.6, 0.8], writeKey: [3, 0.8] })).toBeLessThan(1e-15);
  });

  it("DeltaProduct: loop equals product, and one pair is Gated DeltaNet", () => {
    const product = (n: number): MirasProductToken[] =>
      tokens.queries.map((query, t) => ({
        keys: Array.from({ length: n }, (_, j) => tokens.keys[(t + 3 * j) % length]!),
        values: Array.from({ length: n }, (_, j) => tokens.values[(t + 5 * j) % length]!),
        stepSize: Array.from({ length: n }, (_, j) => stepSize[t]! + 0.5 * j),
        retain: retain[t]!,
        query,
      }));
    const three = product(3);
    expect(maxDifference(mirasDeltaProductForm(three, start), mirasDeltaProductLoop(three, start))).toBeLessThan(1e-12);
    const gated = mirasGatedDeltaNet(tokens, { retain, stepSize }, start);
    expect(maxDifference(mirasDeltaProductLoop(product(1), start), gated)).toBeLessThan(1e-13);
    const reversed = three.map((token) => ({
      ...token,
      keys: token.keys.toReversed(),
      values: token.values.toReversed(),
      stepSize: token.stepSize.toReversed(),
    }));
    expect(maxDifference(mirasDeltaProductLoop(reversed, start), mirasDeltaProductLoop(three, start))).toBeGreaterThan(
      0.05,
    );
  });

  it("with residual and norm the loss of the same pair falls, on one layer and on two", () => {
    const key = random.unitVector(4);
    const target = random.normalVector(4);
    const pair = {
      keys: Array.from({ length: 40 }, () => key),
      values: Array.from({ length: 40 }, () => target),
      queries: Array.from({ length: 40 }, () => key),
    };
    for (const layers of [[random.normalMatrix(4, 4)], [random.normalMatrix(8, 4), random.normalMatrix(4, 8)]]) {
      const { outputs } = mirasTtt(mirasMlpMemory, pair, repeat(0.05, 40), "half", layers);
      const loss = outputs.map((y) => subtract(y, target).reduce((sum, r) => sum + r * r, 0));
      expect(loss.at(-1)!).toBeLessThan(0.9 * loss[0]!);
      expect(mirasTtt(mirasMlpMemory, pair, repeat(0, 40), "half", layers).final).toEqual(layers);
    }
  });
});
