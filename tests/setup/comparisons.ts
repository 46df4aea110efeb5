/**
 * Writes down how close to their oracles the numbers of every test came, for `neural-memory equations --verify`.
 *
 * In these tests a difference is expected below its tolerance, by helpers such as `expectClose` and by hand alike. So an upper bound of at
 * most 1e-4 on a number that is not negative counts as a tolerance, whoever asks for it, and `toBeCloseTo` brings one of its own. Numbers
 * that are expected to be equal are noted as exact.
 */
import { beforeEach, chai } from "vitest";

/** How the numbers of one test compared. */
export interface Comparisons {
  /** The largest difference, and the tolerance that it was allowed. */
  largest?: { difference: number; tolerance: number };
  /** Whether numbers were found equal. */
  exact?: boolean;
}

declare module "vitest" {
  interface TaskMeta {
    comparisons?: Comparisons;
  }
}

/** What is larger bounds something else than an error. */
const LARGEST_TOLERANCE = 1e-4;

let current: Comparisons = {};
beforeEach(({ task }) => {
  current = {};
  task.meta.comparisons = current;
});

function note(difference: number, tolerance: number): void {
  if (difference > (current.largest?.difference ?? -1)) current.largest = { difference, tolerance };
}

function noteBounded(value: unknown, bound: unknown): void {
  if (typeof value !== "number" || typeof bound !== "number") return;
  if (value >= 0 && bound > 0 && bound <= LARGEST_TOLERANCE) note(value, bound);
}

function noteClose(value: unknown, expected: unknown, digits: unknown = 2): void {
  if (typeof value !== "number" || typeof expected !== "number" || !Number.isFinite(expected)) return;
  note(Math.abs(value - expected), 10 ** -Number(digits) / 2);
}

function noteEqual(_: unknown, expected: unknown): void {
  if (areNumbers(expected)) current.exact = true;
}

function areNumbers(value: unknown): boolean {
  if (typeof value === "number") return true;
  if (value instanceof Float64Array || value instanceof Float32Array) return true;
  return Array.isArray(value) && value.length > 0 && value.every(areNumbers);
}

const noted = {
  toBeLessThan: noteBounded,
  toBeLessThanOrEqual: noteBounded,
  toBeCloseTo: noteClose,
  toBe: noteEqual,
  toEqual: noteEqual,
};

chai.use(({ Assertion, util }) => {
  for (const [matcher, take] of Object.entries(noted))
    util.overwriteMethod(Assertion.prototype, matcher, (original: (...args: unknown[]) => unknown) => {
      return function (this: object, ...args: unknown[]) {
        if (!util.flag(this, "negate")) take(util.flag(this, "object"), args[0], args[1]);
        return original.apply(this, args);
      };
    });
});
