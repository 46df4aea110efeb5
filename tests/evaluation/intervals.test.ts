/** Means over a few seeds, and how sure they are. */
import { expect, test } from "vitest";
import { meanInterval, overlap, studentQuantile } from "../../src/evaluation/intervals.ts";

test.each([
  // Two-sided 95 % points of Student's distribution, as tables print them.
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [9, 2.262],
  [10, 2.228],
  [30, 2.042],
  [120, 1.98],
])("with %d degrees of freedom an interval reaches %d standard errors", (freedom, tabulated) => {
  expect(studentQuantile(freedom)).toBeCloseTo(tabulated, 3);
});

test("the interval of a mean is that of textbooks", () => {
  // Standard deviation 1, standard error 1 / sqrt(3).
  const { mean, low, high } = meanInterval([1, 2, 3]);
  expect(mean).toBe(2);
  expect(high! - 2).toBeCloseTo(4.302653 / Math.sqrt(3), 5);
  expect(2 - low!).toBeCloseTo(4.302653 / Math.sqrt(3), 5);
  expect(meanInterval([4, 4])).toEqual({ mean: 4, low: 4, high: 4, n: 2 });
});

test("one value has no interval, and nothing can be told from it", () => {
  expect(meanInterval([5])).toEqual({ mean: 5, n: 1 });
  expect(overlap(meanInterval([5]), meanInterval([1, 2]))).toBeUndefined();
  expect(overlap({ mean: 1, low: 0, high: 2 }, { mean: 3, low: 2, high: 4 })).toBe(true);
  expect(overlap({ mean: 3, low: 2.5, high: 4 }, { mean: 1, low: 0, high: 2 })).toBe(false);
});
