import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, readSync, release, startEngine } from "../../src/array/index.ts";
import { linearAssociations, meanAndDeviation, outliersOf } from "../../src/evaluation/associations.ts";
import { type OutlierFindings, outlierExperiment } from "../../src/evaluation/miras-outliers.ts";

const options = {
  seeds: [0, 1, 2, 3, 4],
  dim: 32,
  pairs: 128,
  passes: 4,
  stepSizes: [1 / 64, 1 / 8, 1 / 4, 1, 2],
} as const;

let engine: Engine;
let found: OutlierFindings;
beforeAll(async () => {
  engine = await startEngine();
  found = await outlierExperiment(engine, options);
});
afterAll(() => engine.dispose());

const named = (name: string) => found.memories.find((memory) => memory.name === name)!;
/** Of every seed, with the step size chosen where nothing is corrupted. */
const errorsOf = (name: string) => named(name).corrupted[named(name).chosen]!;

describe("5 % of the values a hundred times too large", () => {
  it.each(["Huber, coordinates", "Huber, norm", "Huber, mixture", "Yaad", "lp, p = 1", "lp, p = 1.5"])(
    "leave %s at least three times better than l2, for every seed",
    (name) => {
      const l2 = errorsOf("l2") as number[];
      for (const [seed, error] of errorsOf(name).entries())
        expect(l2[seed]! / error!, `seed ${seed}`).toBeGreaterThan(3);
      expect(named(name).robust).toBe(true);
    },
  );

  it.each(["lp, p = 3", "value shift"])("leave %s no better than l2, or make it diverge", (name) => {
    const l2 = errorsOf("l2") as number[];
    for (const [seed, error] of errorsOf(name).entries())
      expect(error === null || error > l2[seed]! / 3, `seed ${seed}`).toBe(true);
    expect(named(name).robust).toBe(false);
  });

  it("do their harm through the outliers alone: without them every memory recalls", () => {
    for (const { name, clean, chosen } of found.memories)
      for (const error of clean[chosen]!) expect(error, name).toBeLessThan(0.35);
  });

  it("never give a number that is not finite: a memory that diverged has none", () => {
    const all = found.memories.flatMap(({ clean, corrupted }) => [...clean, ...corrupted]).flat();
    expect(all).toHaveLength(found.memories.length * 2 * options.stepSizes.length * options.seeds.length);
    for (const error of all) expect(error === null || Number.isFinite(error)).toBe(true);
    expect(named("lp, p = 3").corrupted.at(-1)).toContain(null);
  });
});

/** The experiment in plain numbers, for one seed and step size. */
function plainError(
  errorOf: (residual: readonly number[]) => number[],
  { seed, stepSize, retain, factor }: { seed: number; stepSize: number; retain: number; factor: number },
): number {
  const { dim, pairs, passes } = options;
  const { keys, values } = linearAssociations({ seeds: [seed], pairs, dim });
  const rows = (x: Float32Array | Int32Array | ArrayLike<number>) =>
    Array.from({ length: pairs }, (_, i) => Array.from({ length: dim }, (_, j) => x[i * dim + j]!));
  const [k, v] = [rows(readSync(keys)), rows(readSync(values))];
  release(keys, values);
  const outlier = outliersOf(seed, pairs, 0.05);
  const weights = Array.from({ length: dim }, () => new Array<number>(dim).fill(0));
  const recalled = (key: readonly number[]) => weights.map((row) => row.reduce((sum, w, j) => sum + w * key[j]!, 0));
  for (let pass = 0; pass < passes; pass++)
    for (let i = 0; i < pairs; i++) {
      const target = v[i]!.map((x) => (outlier[i] ? factor * x : x));
      const error = errorOf(recalled(k[i]!).map((y, row) => y - target[row]!));
      for (const [row, weight] of weights.entries())
        for (let j = 0; j < dim; j++) weight[j] = retain * weight[j]! - stepSize * error[row]! * k[i]![j]!;
    }
  let [wrong, right] = [0, 0];
  for (let i = 0; i < pairs; i++) {
    if (outlier[i]) continue;
    for (const [row, y] of recalled(k[i]!).entries()) {
      wrong += (y - v[i]![row]!) ** 2;
      right += v[i]![row]! ** 2;
    }
  }
  return Math.sqrt(wrong / right);
}

describe("recall errors", () => {
  const norm = (r: readonly number[]) => Math.sqrt(r.reduce((sum, x) => sum + x * x, 0));
  const delta = 0.1;
  const clip = (r: readonly number[]) => (norm(r) <= delta ? [...r] : r.map((x) => (delta * x) / norm(r)));
  const mixture = (r: readonly number[]) => (norm(r) <= delta ? [...r] : r.map((x) => delta * Math.sign(x)));
  it.each([
    ["l2", (r: readonly number[]) => [...r], 1],
    ["Huber, norm", clip, 1],
    ["Yaad", mixture, 0.9995],
    ["lp, p = 1", (r: readonly number[]) => r.map(Math.sign), 1],
  ] as const)("of %s are those of plain loops", (name, errorOf, retain) => {
    for (const place of [0, 2])
      for (const [seed, factor, side] of [
        [0, 1, "clean"],
        [3, 100, "corrupted"],
      ] as const) {
        const expected = plainError(errorOf, { seed, stepSize: options.stepSizes[place]!, retain, factor });
        const actual = named(name)[side][place]![seed]!;
        expect(Math.abs(actual / expected - 1), `step ${place}, ${side}`).toBeLessThan(2e-3);
      }
  });
});

it("outliers of a seed are as many as were asked for, and other seeds have others", () => {
  const places = (seed: number) => outliersOf(seed, 200, 0.05).flatMap((is, i) => (is ? [i] : []));
  expect(places(1)).toHaveLength(10);
  expect(places(1)).toEqual(places(1));
  expect(places(1)).not.toEqual(places(2));
});

it("means and deviations are those of a sample", () => {
  expect(meanAndDeviation([1, 2, 3, 4])).toEqual({ mean: 2.5, deviation: Math.sqrt(5 / 3) });
  expect(meanAndDeviation([7])).toEqual({ mean: 7, deviation: 0 });
});
