import { describe, expect, it } from "vitest";
import { readSync, scope, tensor } from "../../src/array/index.ts";
import {
  initialRunningMean,
  initialRunningStatistics,
  runningMean,
  runningStatistics,
} from "../../src/common/index.ts";
import { type Matrix, randomSource } from "../oracles/index.ts";
import { expectClose, toTensor } from "./tensors.ts";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)) + 1e-5);

/** What `f` says of each feature's values up to each valid token; `undefined` at an empty slot. */
function upTo(rows: Matrix, valid: readonly boolean[], f: (values: readonly number[]) => number) {
  return rows.map((row, t) => {
    if (!valid[t]) return undefined;
    const seen = rows.filter((_, i) => i <= t && valid[i]);
    return row.map((_, feature) => f(seen.map((values) => values[feature]!)));
  });
}

const sequences = [randomSource(1).normalMatrix(9, 3), randomSource(2).normalMatrix(9, 3, 2)];
const everywhere = sequences.map((rows) => rows.map(() => true));
const gaps = [
  [false, true, true, false, false, true, true, true, false],
  [true, false, true, true, true, true, false, false, false],
];

describe.each([
  ["without a mask", everywhere, undefined],
  ["with empty slots", gaps, gaps.map((row) => row.map(Number))],
])("running statistics %s", (_, valid, mask) => {
  /** Reads the sequences in two calls cut at a token. */
  function readIn(cut: number) {
    const part = <T>(rows: readonly (readonly T[])[], from: number, to?: number) =>
      rows.map((row) => row.slice(from, to));
    const calls = [
      [0, cut],
      [cut, 9],
    ].filter(([from, to]) => to! > from!);
    let means = initialRunningMean(2, 3);
    let statistics = initialRunningStatistics(2, 3);
    const found: { mean: number[]; ofBoth: number[]; deviation: number[] }[][] = [[], []];
    for (const [from, to] of calls) {
      const x = toTensor(part(sequences, from!, to));
      const m = mask && toTensor(part(mask, from!, to));
      const [mu, nextMeans] = runningMean(means, x, m);
      const both = runningStatistics(statistics, x, m);
      [means, statistics] = [nextMeans, both.state];
      const rows = [mu, both.mean, both.deviation].map((y) => [...readSync(y)]) as [number[], number[], number[]];
      for (const b of [0, 1]) {
        for (let t = 0; t < to! - from!; t++) {
          const at = (numbers: number[]) => numbers.slice((b * (to! - from!) + t) * 3, (b * (to! - from!) + t + 1) * 3);
          found[b]!.push({ mean: at(rows[0]), ofBoth: at(rows[1]), deviation: at(rows[2]) });
        }
      }
    }
    return found;
  }

  it.each([0, 1, 4, 8])("are those of all tokens so far, cut at %i", (cut) => {
    scope(() => {
      const found = readIn(cut);
      for (const [b, rows] of sequences.entries()) {
        const [means, deviations] = [upTo(rows, valid[b]!, mean), upTo(rows, valid[b]!, deviation)];
        for (const [t, expected] of means.entries()) {
          if (expected === undefined) continue;
          expectClose(found[b]![t]!.mean, expected);
          expectClose(found[b]![t]!.ofBoth, expected);
          // A root of a difference of means near 0: its error is the root of theirs.
          expectClose(found[b]![t]!.deviation, deviations[t]!, 1e-4);
        }
      }
    });
  });
});

it("a series far from zero keeps its deviation", () => {
  scope(() => {
    const values = [5, -3, 1, 2, -4, 4].map((value) => 1e5 + value);
    const { mean: mu, deviation: sigma } = runningStatistics(initialRunningStatistics(1, 1), tensor(values, [1, 6, 1]));
    expect(readSync(mu)[5]).toBeCloseTo(mean(values), 1);
    // Squares of 1e5 would have lost it: float32 has seven digits.
    expect(readSync(sigma)[5]).toBeCloseTo(deviation(values), 4);
  });
});

it("a constant series has the deviation of the floor, not of rounding", () => {
  scope(() => {
    const x = tensor(new Float32Array(8).fill(0.1), [1, 8, 1]);
    const { deviation: sigma } = runningStatistics(initialRunningStatistics(1, 1), x);
    for (const value of readSync(sigma)) expect(value).toBeCloseTo(Math.sqrt(1e-5), 6);
  });
});
