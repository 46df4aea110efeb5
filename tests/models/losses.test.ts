import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor } from "../../src/array/index.ts";
import { absoluteError, crossEntropy, isPredicted, squaredError } from "../../src/models/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { expectClose, toIntegers, toTensor } from "../common/tensors.ts";
import { randomSource } from "../oracles/index.ts";

const random = randomSource(3);
const forecasts = () => Array.from({ length: 2 }, () => Array.from({ length: 3 }, () => random.normalMatrix(4, 2)));

describe("losses", () => {
  it("cross entropy is minus the logarithm of the target's probability", () => {
    scope(() => {
      const logits = [random.normalMatrix(3, 5), random.normalMatrix(3, 5)];
      const targets = [
        [0, 4, 2],
        [3, 3, 1],
      ];
      const expected = logits.map((rows, b) =>
        rows.map((row, t) => Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[targets[b]![t]!]!),
      );
      // A float32 logarithm is only good to 1e-5 near 1.
      expectClose(crossEntropy(toTensor(logits), toIntegers(targets)), expected, 1e-5);
    });
  });

  it("a target is predicted if no other class is as likely", () => {
    scope(() => {
      const logits = [
        [
          [0, 2, 1],
          [3, 3, 1],
          [-1, -2, -3],
          [0, 0, 0],
          [Number.NaN, 0, 0],
        ],
      ];
      expectClose(isPredicted(toTensor(logits), toIntegers([[1, 0, 1, 2, 0]])), [[1, 0, 0, 0, 0]], 0);
    });
  });

  it.each([
    ["squared", squaredError, (e: number) => e * e, (e: number) => 2 * e],
    ["absolute", absoluteError, Math.abs, Math.sign],
  ] as const)("the %s error is the mean over horizon and channels, and so is its gradient", (_, loss, of, slope) => {
    scope(() => {
      const [outputs, targets] = [forecasts(), forecasts()];
      const errors = outputs.map((rows, b) =>
        rows.map((steps, t) => steps.map((values, h) => values.map((value, c) => value - targets[b]![t]![h]![c]!))),
      );
      const expected = errors.map((rows) => rows.map((steps) => steps.flat().reduce((sum, e) => sum + of(e) / 8, 0)));
      expectClose(loss(toTensor(outputs), toTensor(targets)), expected);
      const total = (y: Tensor) => np.sum(loss(y, toTensor(targets)));
      expectClose(
        grad(total)(toTensor(outputs)),
        errors.map((rows) => rows.map((steps) => steps.map((values) => values.map((e) => slope(e) / 8)))),
      );
    });
  });

  it("targets of another shape are refused, which would broadcast", () => {
    scope(() => {
      const [outputs, targets] = [np.zeros([2, 3, 4, 1]), np.zeros([2, 3, 1, 4])];
      expect(() => squaredError(outputs, targets)).toThrow(ShapeError);
      expect(() => absoluteError(outputs, targets)).toThrow(/one target for each output/);
    });
  });
});
