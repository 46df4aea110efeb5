import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { murmurHash } from "../../src/data/counter-random.ts";
import { counterRandom, memoryTokens, sampleWindows, sequentialWindows } from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/utils/errors.ts";

const counting = (length: number) => memoryTokens(Int32Array.from({ length }, (_, t) => t + 1));

describe("murmurHash", () => {
  it.each([
    [[], 0, 0],
    [[], 1, 0x514e28b7],
    [[0], 0, 0x2362f9de],
    [[0xffffffff], 0, 0x76293b50],
    [[0x87654321], 0, 0xf55b516b],
    [[0x87654321], 0x5082edee, 0x2362f9de],
    [[0x61616161], 0x9747b28c, 0x5a97808a],
    [[0x64636261], 0x9747b28c, 0xf0478627],
  ])("gives the published value for %j with seed %d", (words, seed, expected) => {
    expect(murmurHash(words, seed)).toBe(expected);
  });
});

describe("counterRandom", () => {
  it("depends on every counter, on all their 53 bits and their order", () => {
    const counters = [0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER];
    const seen = new Set<number>();
    for (const seed of counters) {
      for (const step of counters) for (const row of counters) seen.add(counterRandom(seed, step, row));
    }
    expect(seen.size).toBe(counters.length ** 3);
  });

  it("is uniform over steps and rows", () => {
    const draws = 64_000;
    const bins = new Float64Array(64);
    for (let step = 0; step < draws / 8; step++) {
      for (let row = 0; row < 8; row++) bins[Math.floor(counterRandom(7, step, row) * bins.length)]!++;
    }
    const expected = draws / bins.length;
    const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: mean 63, standard deviation 11.2; this is four deviations on each side, with fixed seeds.
    expect(chiSquare).toBeGreaterThan(18);
    expect(chiSquare).toBeLessThan(108);
  });

  it("is uncorrelated from one step to the next", () => {
    const steps = 20_000;
    let product = 0;
    for (let step = 0; step < steps; step++)
      product += (counterRandom(7, step, 0) - 0.5) * (counterRandom(7, step + 1, 0) - 0.5);
    // The variance of u is 1/12; the correlation of n independent pairs has standard deviation 1/sqrt(n) = 0.007.
    expect(Math.abs((product / steps) * 12)).toBeLessThan(0.03);
  });
});

describe("sampleWindows", () => {
  it("returns runs of the source, inside it, with the target shifted by one", () => {
    fc.assert(
      fc.property(
        fc.record({
          batch: fc.integer({ min: 1, max: 4 }),
          length: fc.integer({ min: 1, max: 9 }),
          seed: fc.maxSafeInteger(),
          step: fc.maxSafeNat(),
        }),
        fc.integer({ min: 10, max: 40 }),
        (options, size) => {
          const windows = sampleWindows(counting(size), options);
          expect(windows.tokens.length).toBe(options.batch * (options.length + 1));
          expect(windows.targets).toEqual(new Array(options.batch).fill(options.length));
          windows.starts.forEach((start, row) => {
            const tokens = windows.tokens.subarray(row * (options.length + 1), (row + 1) * (options.length + 1));
            expect([...tokens]).toEqual(Array.from({ length: options.length + 1 }, (_, t) => start + t + 1));
          });
        },
      ),
    );
  });

  it("is a pure function of seed and step", () => {
    const source = counting(1000);
    const draw = (seed: number, step: number) => sampleWindows(source, { batch: 4, length: 8, seed, step });
    const inOrder = [0, 1, 2, 3].map((step) => draw(1, step));
    const backwards = [3, 2, 1, 0].map((step) => draw(1, step)).reverse();
    expect(backwards).toEqual(inOrder);
    expect(draw(2, 0)).not.toEqual(draw(1, 0));
    // Written down: a checkpoint of an earlier version must draw the same windows today.
    expect(draw(1, 0).starts).toEqual([102, 500, 364, 812]);
  });

  it("reaches the first and the last window", () => {
    const starts = new Set<number>();
    for (let step = 0; step < 200; step++) {
      for (const start of sampleWindows(counting(12), { batch: 1, length: 8, seed: 0, step }).starts) starts.add(start);
    }
    expect([...starts].sort()).toEqual([0, 1, 2, 3]);
  });

  it("refuses a source shorter than a window, and takes one of just its length", () => {
    const options = { batch: 1, length: 8, seed: 0, step: 0 };
    expect(sampleWindows(counting(9), options).starts).toEqual([0]);
    expect(() => sampleWindows(counting(8), options)).toThrow(DataError);
    expect(() => sampleWindows(counting(8), options)).toThrow(/has 8 tokens, and a window needs 9/);
  });

  it.each([{ batch: 0 }, { length: 0 }, { batch: 1.5 }, { seed: 0.5 }, { step: Number.NaN }])("refuses %j", (bad) => {
    const options = { batch: 1, length: 1, seed: 0, step: 0, ...bad };
    expect(() => sampleWindows(counting(9), options)).toThrow(ConfigError);
  });
});

describe("sequentialWindows", () => {
  it("makes every token but the first a target exactly once, in order, in batches of one shape", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 9 }),
        (size, batch, length) => {
          const targets: number[] = [];
          const inputs: number[] = [];
          for (const windows of sequentialWindows(counting(size), { batch, length })) {
            expect(windows.tokens.length).toBe(batch * (length + 1));
            expect(windows.targets.some((count) => count > 0)).toBe(true);
            for (let row = 0; row < batch; row++) {
              const tokens = windows.tokens.subarray(row * (length + 1), (row + 1) * (length + 1));
              const count = windows.targets[row]!;
              inputs.push(...tokens.subarray(0, count));
              targets.push(...tokens.subarray(1, count + 1));
              expect([...tokens.subarray(count === 0 ? 0 : count + 1)].every((token) => token === 0)).toBe(true);
              if (count > 0) expect(windows.starts[row]).toBe(tokens[0]! - 1);
            }
          }
          expect(inputs).toEqual(Array.from({ length: Math.max(0, size - 1) }, (_, t) => t + 1));
          expect(targets).toEqual(Array.from({ length: Math.max(0, size - 1) }, (_, t) => t + 2));
        },
      ),
    );
  });

  it.each([{ batch: 0 }, { length: -1 }])("refuses %j", (bad) => {
    expect(() => [...sequentialWindows(counting(9), { batch: 1, length: 1, ...bad })]).toThrow(ConfigError);
  });
});

describe("TokenSource", () => {
  it("refuses ranges outside it", () => {
    expect([...counting(5).read(3, 2)]).toEqual([4, 5]);
    for (const [start, count] of [
      [-1, 2],
      [4, 2],
      [0, -1],
      [0.5, 1],
    ] as const) {
      expect(() => counting(5).read(start, count)).toThrow(DataError);
    }
  });
});
