import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scope } from "../../src/array/index.ts";
import { isDue, periodicUpdate, schedulePieces } from "../../src/nl/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { exact, expectExact } from "./exact.ts";

/** After which data points of a stream each level is updated, when it comes in calls of these lengths. */
function updates(periods: Record<string, number>, calls: readonly number[]): Record<string, number[]> {
  const found: Record<string, number[]> = Object.fromEntries(Object.keys(periods).map((name) => [name, []]));
  let seen = 0;
  for (const arriving of calls) {
    for (const { to, due } of schedulePieces(periods, seen, arriving))
      for (const name of due) found[name]!.push(seen + to);
    seen += arriving;
  }
  return found;
}

describe("the schedule of levels", () => {
  it("updates levels of periods 4 and 8 four times and twice in 16 data points, never at the start", () => {
    expect(updates({ fast: 4, slow: 8, never: Infinity }, [16])).toEqual({
      fast: [4, 8, 12, 16],
      slow: [8, 16],
      never: [],
    });
  });

  it("cuts a call where a level is updated, and names the faster one first", () => {
    expect(schedulePieces({ slow: 6, fast: 3, attention: 0 }, 2, 6)).toEqual([
      { from: 0, to: 1, due: ["fast"] },
      { from: 1, to: 4, due: ["fast", "slow"] },
      { from: 4, to: 6, due: [] },
    ]);
    expect(schedulePieces({ frozen: Infinity }, 5, 3)).toEqual([{ from: 0, to: 3, due: [] }]);
    expect(schedulePieces({ fast: 3 }, 5, 0)).toEqual([]);
  });

  it("updates every level exactly after each of its periods, however the stream is cut, in pieces that make up each call", () => {
    const periods = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(periods, fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 }), (list, calls) => {
        const named = Object.fromEntries(list.map((period, i) => [`level ${i}`, period]));
        const total = calls.reduce((sum, one) => sum + one, 0);
        const expected = list.map((period) =>
          Array.from({ length: Math.floor(total / period) }, (_, i) => (i + 1) * period),
        );
        expect(Object.values(updates(named, calls))).toEqual(expected);
        let seen = 0;
        for (const arriving of calls) {
          let at = 0;
          for (const { from, to } of schedulePieces(named, seen, arriving)) {
            expect(from).toBe(at);
            expect(to).toBeGreaterThan(from);
            at = to;
          }
          expect(at).toBe(arriving);
          seen += arriving;
        }
      }),
    );
  });

  it("asks of each data point whether a period ends with it", () => {
    expect([0, 1, 2, 3, 4, 6].map((count) => isDue(3, count))).toEqual([false, false, false, true, false, true]);
    expect([isDue(1, 1), isDue(0, 1), isDue(0, 0), isDue(Infinity, 9)]).toEqual([true, true, false, false]);
  });

  it("refuses periods and counts that cannot be", () => {
    expect(() => schedulePieces({ fast: 1.5 }, 0, 4)).toThrow(ConfigError);
    expect(() => schedulePieces({ fast: 2 }, -1, 4)).toThrow("a call of 4 data points after -1 is impossible");
    expect(() => isDue(-2, 4)).toThrow(ConfigError);
  });
});

describe("periodic updates", () => {
  it("make all changes of a period at its end, and give the same parameters for every cut", () => {
    scope(() => {
      const changes = [1, 2, 4, 8, 16, 32, 64];
      const run = (calls: readonly number[]) => {
        let state = { params: { w: exact([0]) }, pending: { w: exact([0]) } };
        let seen = 0;
        const seenParams: number[][] = [];
        for (const arriving of calls) {
          for (const { from, to, due } of schedulePieces({ level: 3 }, seen, arriving)) {
            const change = changes.slice(seen + from, seen + to).reduce((sum, one) => sum + one, 0);
            state = periodicUpdate(state, { w: exact([change]) }, due.length > 0);
          }
          seen += arriving;
        }
        expectExact(state.params.w, [-63]);
        expectExact(state.pending.w, [64]);
        return seenParams;
      };
      for (const calls of [[7], [1, 1, 1, 1, 1, 1, 1], [2, 4, 1], [4, 3], [3, 3, 1]]) run(calls);
      const early = periodicUpdate({ params: exact([5]), pending: exact([1]) }, exact([2]), false);
      expectExact(early, { params: [5], pending: [3] });
    });
  });
});
