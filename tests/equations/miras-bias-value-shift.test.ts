import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { biasError, huberBias, l2Bias, matrixMemoryStep, valueShiftBias } from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toTensor } from "../common/tensors.ts";
import { wide, wideTree } from "../miras/float64.ts";
import { plainBiases } from "../miras/plain-biases.ts";
import { outerGradients, plainGradients, randomRun } from "../miras/update-runs.ts";
import * as oracle from "../oracles/index.ts";

const size = 5;
const random = oracle.randomSource(111);
const residuals = Array.from({ length: 4 }, (_, i) => oracle.scale(3 ** i, random.unitVector(size)));
const radius = 0.4;

function lossOf(r: oracle.Vector): number {
  return scope(() => readSync(valueShiftBias({ radius }).loss(wide([r]), wide([r.map(() => 0)])))[0]!);
}

/** Half the squared distance of the prediction to the shifted value. */
function shifted(r: oracle.Vector, shift: oracle.Vector): number {
  const distance = oracle.subtract(r, shift);
  return oracle.dot(distance, distance) / 2;
}

function inBall(shift: oracle.Vector): oracle.Vector {
  return oracle.scale(Math.min(1, radius / oracle.norm(shift)), shift);
}

/** The worst shift, by ascent that is projected onto the ball after every step. */
function worstShift(r: oracle.Vector, start: oracle.Vector): oracle.Vector {
  let shift = start;
  // The gradient with respect to the shift is shift - r.
  for (let i = 0; i < 2000; i++) shift = inBall(oracle.add(shift, oracle.scale(0.2, oracle.subtract(shift, r))));
  return shift;
}

describe("the bias that is robust to shifted values", () => {
  it("MIRAS Eq. 17: valueShiftBias is the maximum over the ball, by projected ascent", () => {
    for (const r of residuals) {
      const worst = worstShift(r, inBall(random.normalVector(size)));
      const closed = oracle.scale(-radius / oracle.norm(r), r);
      expect(oracle.norm(oracle.subtract(worst, closed))).toBeLessThan(1e-12);
      expect(Math.abs(lossOf(r) / shifted(r, worst) - 1)).toBeLessThan(1e-12);
    }
  });

  it("MIRAS Eq. 17: valueShiftBias is never exceeded by any of 200,000 shifts in the ball", () => {
    const losses = residuals.map(lossOf);
    let closest = 0;
    for (let i = 0; i < 50_000; i++) {
      // Half of the shifts lie on the ball's surface, where the maximum is.
      const direction = random.unitVector(size);
      const shift = oracle.scale(i % 2 === 0 ? radius : radius * random.uniform(), direction);
      residuals.forEach((r, j) => {
        const ratio = shifted(r, shift) / losses[j]!;
        if (ratio > closest) closest = ratio;
      });
    }
    expect(closest).toBeLessThanOrEqual(1);
    expect(closest).toBeGreaterThan(0.99);
  });

  it("MIRAS Eq. 17: valueShiftBias gives the reference's loss and gradient", () => {
    scope(() => {
      const bias = valueShiftBias({ radius: 0.25 });
      const memory = wide([
        [0.5, -0.2, 0.1],
        [0.3, 0.4, -0.6],
      ]);
      const write = wideTree({ key: [0.6, 0, 0.8], value: [1, -0.5], stepSize: [1] });
      expectClose(bias.loss(wide([[0.38, -0.3]]), wide([[1, -0.5]])), [0.4063149747], 1e-9);
      const gradient = np.subtract(memory, matrixMemoryStep(bias, memory, write));
      const expected = [
        [-0.5147562927, 0, -0.6863417236],
        [0.166050417, 0, 0.221400556],
      ];
      expectClose(gradient, expected, 1e-9);
    });
  });

  it("MIRAS Eq. 17: valueShiftBias with radius 0 is the half l2 bias, and with another radius it is not", () => {
    scope(() => {
      const [prediction, value] = [toTensor(residuals), np.zeros([4, size])];
      const [none, some] = [valueShiftBias({ radius: 0 }), valueShiftBias({ radius })];
      expectClose(none.loss(prediction, value), l2Bias().loss(prediction, value));
      expect(readSync(biasError(none, prediction, value))).toEqual(readSync(biasError(l2Bias(), prediction, value)));
      expect(readSync(biasError(some, prediction, value))).not.toEqual(
        readSync(biasError(l2Bias(), prediction, value)),
      );
    });
  });

  it("MIRAS Eq. 17: valueShiftBias makes every error longer by the radius, and bounds none: the opposite of huberBias", () => {
    scope(() => {
      for (const r of residuals) {
        const [prediction, value] = [wide([r]), wide([r.map(() => 0)])];
        const error = [...readSync(biasError(valueShiftBias({ radius }), prediction, value))];
        expect(Math.abs(oracle.norm(error) - oracle.norm(r) - radius)).toBeLessThan(1e-9);
        const bounded = [...readSync(biasError(huberBias({ form: "norm" }), prediction, value, wide([[radius]])))];
        expect(oracle.norm(bounded)).toBeLessThanOrEqual(radius);
      }
    });
  });

  it("MIRAS Eq. 17: valueShiftBias has no error at a residual of zero, where its loss is half the squared radius", () => {
    scope(() => {
      // The guard under the root makes the norm 1e-6.
      expect(Math.abs(lossOf([0, 0]) - radius ** 2 / 2)).toBeLessThan(1.01e-6 * radius);
      const at = tensor([1, -2], [1, 2]);
      expect([...readSync(biasError(valueShiftBias({ radius }), at, at))]).toEqual([0, 0]);
    });
  });

  it("MIRAS Eq. 17: valueShiftBias takes a radius that is learned, for all tokens or for each", () => {
    scope(() => {
      const value = np.zeros([4, size], { dtype: "float64" });
      const loss = jit((r: Tensor, prediction: Tensor, zero: Tensor) =>
        np.sum(valueShiftBias({ radius: r }).loss(prediction, zero)),
      );
      const slope = grad(loss);
      // d/dDelta of half (|r| + Delta)^2 is |r| + Delta.
      const expected = residuals.map((r) => oracle.norm(r));
      const total = expected.reduce((sum, n) => sum + n + 0.3, 0);
      expectClose(slope(wide(0.3), wide(residuals), value), total, 1e-9);
      const each = [[0.1], [0], [2], [0.3]];
      const slopes = slope(wide(each), wide(residuals), value);
      expectClose(
        slopes,
        each.map(([d], t) => [expected[t]! + d!]),
        1e-9,
      );
    });
  });

  describeNative("in float64", () => {
    it("has the outer gradients of finite differences through five tokens", async () => {
      const run = randomRun(112);
      const bias = valueShiftBias({ radius: 0.2 });
      const actual = await outerGradients((w, { threshold: _, ...write }) => matrixMemoryStep(bias, w, write), run);
      expectClose(actual, plainGradients(plainBiases.valueShift(0.2), run), 1e-8);
    });
  });
});
