import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { np, readSync, scope, tensor } from "../../src/array/index.ts";
import {
  appendEntries,
  countValid,
  lastEntries,
  lastValidSelector,
  selectEntries,
  validSelector,
  zeroEmptySlots,
} from "../../src/common/index.ts";
import { toNumbers, toTensor } from "./tensors.ts";

describe("valid entries", () => {
  it("selects the last valid entries, right-aligned, for any validity", () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 12 }),
        (valid, count) => {
          scope(() => {
            const entries = valid.map((_, i) => [i + 1, -i - 1]);
            const kept = entries.filter((_, i) => valid[i]).slice(-count);
            const missing = Array.from({ length: count - kept.length }, () => [0, 0]);
            const validity = toTensor([valid.map(Number)]);
            const values = toTensor([entries]);
            const selected = selectEntries(lastValidSelector(validity, count, values), values);
            expect(toNumbers(selected)).toEqual(
              [[...missing, ...kept]].map((rows) => rows.map((row) => row.map((v) => v + 0))),
            );
          });
        },
      ),
      { numRuns: 40, seed: 1 },
    );
  });

  it("keeps rows apart and features of any shape, bit for bit", () => {
    scope(() => {
      const values = tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3], [2, 3, 2, 1]);
      const selector = lastValidSelector(
        toTensor([
          [1, 0, 1],
          [1, 1, 0],
        ]),
        2,
        values,
      );
      const selected = selectEntries(selector, values);
      expect(selected.shape).toEqual([2, 2, 2, 1]);
      expect(readSync(selected)).toEqual(Float32Array.from([0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1]));
    });
  });

  it("picks valid entries by their number, and nothing for a number that no entry has", () => {
    scope(() => {
      const validity = toTensor([[1, 0, 1, 1]]);
      expect(toNumbers(countValid(validity))).toEqual([[1, 1, 2, 3]]);
      const selector = validSelector(validity, toTensor([[3, 1, 2, 0, 4]]), validity);
      expect(toNumbers(selector)).toEqual([
        [
          [0, 0, 0, 1],
          [1, 0, 0, 0],
          [0, 0, 1, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ],
      ]);
    });
  });

  it("appends entries with empty ones in front up to a multiple of four", () => {
    scope(() => {
      const [before, added] = [toTensor([[[1, 2]], [[3, 4]]]), toTensor([[[5, 6]], [[7, 8]]])];
      const all = appendEntries(before, added);
      expect(toNumbers(all)).toEqual([
        [
          [0, 0],
          [0, 0],
          [1, 2],
          [5, 6],
        ],
        [
          [0, 0],
          [0, 0],
          [3, 4],
          [7, 8],
        ],
      ]);
      expect(toNumbers(appendEntries(all, all))).toEqual(toNumbers(np.concatenate([all, all], 1)));
      expect(toNumbers(lastEntries(all, 2))).toEqual([
        [
          [1, 2],
          [5, 6],
        ],
        [
          [3, 4],
          [7, 8],
        ],
      ]);
    });
  });

  it("zeroes the outputs of empty slots only", () => {
    scope(() => {
      const x = toTensor([
        [
          [1, 2],
          [3, 4],
        ],
      ]);
      expect(toNumbers(zeroEmptySlots(x, toTensor([[0, 1]])))).toEqual([
        [
          [0, 0],
          [3, 4],
        ],
      ]);
      expect(zeroEmptySlots(x)).toBe(x);
    });
  });
});
