import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  biasError,
  huber,
  huberBias,
  huberCoordinateUpdate,
  huberMixtureUpdate,
  huberNormUpdate,
  l2Bias,
  matrixMemoryStep,
  paperSmoothing,
  type ThresholdedWrite,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toTensor } from "../common/tensors.ts";
import { floats, wide, wideTree } from "../miras/float64.ts";
import { type PlainBias, plainBiases, plainHuber } from "../miras/plain-biases.ts";
import { outerGradients, plainGradients, randomRun, withChannelThresholds } from "../miras/update-runs.ts";
import * as oracle from "../oracles/index.ts";

/** The paper reference's fixture: its residual is (-0.62, 0.2), with norm 0.6515. */
const memory = [
  [0.5, -0.2, 0.1],
  [0.3, 0.4, -0.6],
];
const token = { key: [0.6, 0, 0.8], value: [1, -0.5], stepSize: [1], threshold: [0.5] };

type Update = (memory: Tensor, write: ThresholdedWrite) => Tensor;
const direction: Update = (w, write) => huberMixtureUpdate(w, write, { l1: "direction" });

/** What a step of size 1 takes away from the fixture's memory. */
function expectFixture(update: Update, gradient: oracle.Matrix): void {
  expectClose(np.subtract(wide(memory), update(wide(memory), wideTree(token))), gradient, 1e-9);
  expectClose(np.subtract(toTensor(memory), update(toTensor(memory), floats(token))), gradient);
}

/** A step of gradient descent on the plain loss, its gradient by finite differences. */
function expectDescends(update: Update, { loss }: PlainBias, threshold: oracle.Vector, seed: number): void {
  const random = oracle.randomSource(seed);
  const start = random.normalMatrix(3, 4);
  const [key, value, stepSize] = [random.normalVector(4), random.normalVector(3), [0.1, 0.2, 0.3]];
  const gradient = oracle.centralGradientTree(
    (w) => loss(oracle.subtract(oracle.matVec(w, key), value), threshold),
    start,
    { richardson: true },
  );
  const expected = oracle.addMatrix(start, oracle.scaleRows(oracle.scale(-1, stepSize), gradient));
  expectClose(update(toTensor(start), floats({ key, value, stepSize, threshold })), expected);
}

/** The error from an empty memory whose key is 1: the value is minus the residual. */
function errorOf(update: Update, r: oracle.Vector, threshold: oracle.Vector): oracle.Vector {
  const start = np.zeros([r.length, 1], { dtype: "float64" });
  const write = wideTree({ key: [1], value: r.map((x) => -x), stepSize: [1], threshold });
  return [...readSync(update(start, write))].map((x) => -x);
}

describe("Huber's function", () => {
  const points = [-7, -2.5, -1.3, -1, -0.2, 0, 0.4, 0.99, 1, 1.01, 3, 40];

  it("MIRAS Eq. 13: huber is the parabola up to the threshold and the line beyond, with the clipped argument as slope", () => {
    scope(() => {
      for (const delta of [0.3, 1, 2.5]) {
        expectClose(
          huber(wide(points), delta),
          points.map((a) => plainHuber(a, delta)),
          1e-15,
        );
        const thresholds = wide(points.map(() => delta));
        expectClose(
          huber(wide(points), thresholds),
          points.map((a) => plainHuber(a, delta)),
          1e-15,
        );
        const slopes = grad((a: Tensor) => np.sum(huber(a, delta)))(wide(points));
        expectClose(
          slopes,
          points.map((a) => Math.min(Math.max(a, -delta), delta)),
          1e-15,
        );
      }
    });
  });

  it("MIRAS Eq. 13: huber has one value and one slope on both sides of the threshold", () => {
    scope(() => {
      const [below, above] = [1.5 - 1e-9, 1.5 + 1e-9];
      const around = wide([below, 1.5, above, -below, -1.5, -above]);
      expectClose(huber(around, 1.5), Array(6).fill(1.125), 2e-9);
      const slopes = grad((a: Tensor) => np.sum(huber(a, 1.5)))(around);
      expectClose(slopes, [1.5, 1.5, 1.5, -1.5, -1.5, -1.5], 1e-9);
    });
  });

  it("MIRAS Eq. 13: huber grows with the threshold beyond it, and not before", () => {
    scope(() => {
      const slopes = grad((d: Tensor, a: Tensor) => np.sum(huber(a, d)))(wide([1, 1, 1]), wide([0.5, 3, -4]));
      expectClose(slopes, [0, 2, 3], 1e-15);
    });
  });

  it("MIRAS Eq. 13: huber is half the square for a large threshold, and the threshold times the absolute value for a small one", () => {
    scope(() => {
      expectClose(
        huber(wide(points), 1e6),
        points.map((a) => (a * a) / 2),
        1e-15,
      );
      expectClose(np.divide(huber(wide(points), 1e-9), 1e-9), points.map(Math.abs), 1e-9);
    });
  });
});

describe("the coordinate form", () => {
  it("MIRAS Eq. 14: huberCoordinateUpdate takes the reference's gradient", () => {
    scope(() =>
      expectFixture(huberCoordinateUpdate, [
        [-0.3, 0, -0.4],
        [0.12, 0, 0.16],
      ]),
    );
  });

  it("MIRAS Eq. 14: huberBias and huberCoordinateUpdate clip: the display with its masks, bit for bit", () => {
    scope(() => {
      const random = oracle.randomSource(91);
      for (const threshold of [[0.7], random.uniformVector(6, 0.1, 1.5)]) {
        const start = toTensor(random.normalMatrix(6, 5));
        const write = floats({
          key: random.normalVector(5),
          value: random.normalVector(6),
          stepSize: [0.3],
          threshold,
        });
        const prediction = np.squeeze(np.matmul(start, np.expandDims(write.key, -1)), -1);
        const r = np.subtract(prediction, write.value);
        const outer = (x: Tensor) => np.multiply(np.expandDims(x, -1), np.expandDims(write.key, -2));
        const size = np.abs(r);
        const column = (x: Tensor) => np.astype(np.expandDims(x, -1), "float32");
        const small = np.multiply(outer(r), column(np.lessEqual(size, write.threshold)));
        const delta = np.expandDims(write.threshold, -1);
        const large = np.multiply(np.multiply(delta, outer(np.sign(r))), column(np.greater(size, write.threshold)));
        const expected = np.subtract(start, np.multiply(np.add(small, large), np.expandDims(write.stepSize, -1)));
        expect(readSync(huberCoordinateUpdate(start, write))).toEqual(readSync(expected));
        const error = biasError(huberBias({ form: "coordinate" }), prediction, write.value, write.threshold);
        const masked = np.where(np.lessEqual(size, write.threshold), r, np.multiply(write.threshold, np.sign(r)));
        expect(readSync(error)).toEqual(readSync(masked));
      }
    });
  });

  it("MIRAS Eq. 14: huberCoordinateUpdate descends Huber's function of every coordinate, by finite differences", () => {
    scope(() => {
      for (const threshold of [[0.6], [0.3, 2, 0.9]])
        expectDescends(huberCoordinateUpdate, plainBiases.huberCoordinate(), threshold, 92);
    });
  });

  it("MIRAS Eq. 14: huberCoordinateUpdate moves no row further than its threshold, and clips each on its own", () => {
    scope(() => {
      expect(errorOf(huberCoordinateUpdate, [1e6, -0.2, -1e3], [0.5])).toEqual([0.5, -0.2, -0.5]);
      expect(errorOf(huberCoordinateUpdate, [1e6, -0.2, -1e3], [2, 0.1, 7])).toEqual([2, -0.1, -7]);
    });
  });

  it("MIRAS Eq. 14: huberBias passes a gradient of 1 or -1 to the threshold where it clips", () => {
    scope(() => {
      const r = wide([[3, -0.2, -5]]);
      const bias = huberBias({ form: "coordinate" });
      const outer = grad((d: Tensor) => {
        const weighted = np.multiply(biasError(bias, r, np.zerosLike(r), d), wide([1, 10, 100]));
        return np.sum(weighted);
      });
      expect([...readSync(outer(wide([[1, 1, 1]])))]).toEqual([1, 0, -100]);
      expect([...readSync(outer(wide([[1]])))]).toEqual([-99]);
    });
  });
});

describe("the norm form", () => {
  it("MIRAS Eq. 15: huberNormUpdate takes the reference's gradient", () => {
    scope(() =>
      expectFixture(huberNormUpdate, [
        [-0.2855125853, 0, -0.3806834471],
        [0.09210083398, 0, 0.122801112],
      ]),
    );
  });

  it("MIRAS Eq. 15: huberNormUpdate descends Huber's function of the norm, by finite differences", () => {
    scope(() => {
      for (const threshold of [0.4, 1, 50]) expectDescends(huberNormUpdate, plainBiases.huberNorm(), [threshold], 93);
    });
  });

  it("MIRAS Eq. 15: huberBias and huberNormUpdate keep the residual's direction, and its length up to the threshold", () => {
    scope(() => {
      const random = oracle.randomSource(94);
      for (const length of [0.1, 0.999, 1.001, 30, 1e6]) {
        const r = oracle.scale(length, random.unitVector(5));
        const e = errorOf(huberNormUpdate, r, [1]);
        expect(oracle.norm(e)).toBeLessThanOrEqual(1 + 1e-12);
        expect(Math.abs(oracle.norm(e) - Math.min(1, length))).toBeLessThan(1e-11);
        expect(Math.abs(oracle.dot(e, r) / (oracle.norm(e) * length) - 1)).toBeLessThan(1e-12);
        const error = biasError(huberBias({ form: "norm" }), wide([r]), wide([r.map(() => 0)]), wide([[1]]));
        expectClose(error, [e], 1e-15);
      }
    });
  });

  it("MIRAS Eq. 15: huberNormUpdate is continuous at the threshold", () => {
    scope(() => {
      const r = oracle.randomSource(95).unitVector(5);
      const [below, above] = [1 - 1e-9, 1 + 1e-9].map((s) => errorOf(huberNormUpdate, oracle.scale(s, r), [1]));
      expect(oracle.norm(oracle.subtract(below!, above!))).toBeLessThan(3e-9);
    });
  });
});

describe("the mixture", () => {
  it("MIRAS Eq. 16: huberMixtureUpdate takes the reference's gradient", () => {
    scope(() => {
      expectFixture(huberMixtureUpdate, [
        [-0.3, 0, -0.4],
        [0.3, 0, 0.4],
      ]);
      expectFixture(direction, [
        [-0.2855125853, 0, -0.3806834471],
        [0.09210083398, 0, 0.122801112],
      ]);
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate chooses by the token's norm, not by coordinates", () => {
    scope(() => {
      // Every coordinate is below the threshold, the norm is not; then one token on each side.
      expect(errorOf(huberMixtureUpdate, [0.9, -0.9, 0.9], [1])).toEqual([1, -1, 1]);
      expect(errorOf(huberMixtureUpdate, [0.9, -0.1, 0.1], [1])).toEqual([0.9, -0.1, 0.1]);
      expect(errorOf(huberCoordinateUpdate, [0.9, -0.9, 0.9], [1])).toEqual([0.9, -0.9, 0.9]);
    });
  });

  it("MIRAS Eq. 16: huberBias chooses for every token of every memory, each with its threshold", () => {
    scope(() => {
      const r = wide([
        [
          [3, 4],
          [0.3, -0.4],
        ],
        [
          [3, 4],
          [-3, 4],
        ],
      ]);
      const threshold = wide([
        [[4.9], [0.6]],
        [[5.1], [2]],
      ]);
      const error = biasError(huberBias({ form: "mixture" }), r, np.zerosLike(r), threshold);
      expectClose(
        error,
        [
          [
            [4.9, 4.9],
            [0.3, -0.4],
          ],
          [
            [3, 4],
            [-2, 2],
          ],
        ],
        1e-15,
      );
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate descends the loss that it chose, by finite differences", () => {
    scope(() => {
      for (const threshold of [0.4, 1, 50])
        expectDescends(huberMixtureUpdate, plainBiases.huberMixture(), [threshold], 96);
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate with the direction for the sign equals huberNormUpdate bit for bit", () => {
    scope(() => {
      const random = oracle.randomSource(97);
      for (const threshold of [[0.5], [1.5], [100]]) {
        const start = toTensor(random.normalMatrix(3, 4));
        const write = floats({
          key: random.normalVector(4),
          value: random.normalVector(3),
          stepSize: [0.3],
          threshold,
        });
        expect(readSync(direction(start, write))).toEqual(readSync(huberNormUpdate(start, write)));
        const sign = readSync(huberMixtureUpdate(start, write));
        if (threshold[0]! < 100) expect(sign).not.toEqual(readSync(huberNormUpdate(start, write)));
        else expect(sign).toEqual(readSync(huberNormUpdate(start, write)));
      }
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate as printed jumps at the threshold by the distance of residual and scaled sign", () => {
    scope(() => {
      const size = 64;
      const delta = 0.9;
      const r = oracle.scale(delta, oracle.randomSource(98).unitVector(size));
      const around = (update: Update) => [1 - 1e-9, 1 + 1e-9].map((s) => errorOf(update, oracle.scale(s, r), [delta]));
      const jump = (update: Update) => {
        const [below, above] = around(update);
        return oracle.norm(oracle.subtract(above!, below!));
      };
      const expected = oracle.norm(
        oracle.subtract(
          r.map((x) => delta * Math.sign(x)),
          r,
        ),
      );
      expect(Math.abs(jump(huberMixtureUpdate) - expected)).toBeLessThan(1e-8);
      expect(jump(direction)).toBeLessThan(1e-8);
      const [below, above] = around(huberMixtureUpdate).map(oracle.norm);
      expect(Math.abs(above! / below! - Math.sqrt(size))).toBeLessThan(1e-6);
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate passes a gradient to the threshold if and only if the token is above it", () => {
    scope(() => {
      const outer = (update: Update, threshold: number) =>
        readSync(
          grad((d: Tensor) => {
            const write = { ...floats({ key: [1], value: [-3, 4], stepSize: [1] }), threshold: d };
            return np.add(np.sum(update(np.zeros([2, 1]), write)), np.multiply(np.sum(d), 0));
          })(tensor([threshold])),
        )[0]!;
      expect(outer(direction, 4.9)).toBeCloseTo(-(3 - 4) / 5, 6);
      expect(outer(direction, 5.1)).toBe(0);
      // The signs of this residual cancel in a plain sum.
      const weighted = (threshold: number) =>
        readSync(
          grad((d: Tensor) => {
            const write = { ...floats({ key: [1], value: [-3, 4], stepSize: [1] }), threshold: d };
            const after = huberMixtureUpdate(np.zeros([2, 1]), write);
            return np.add(np.sum(np.multiply(after, tensor([1, 10], [2, 1]))), np.multiply(np.sum(d), 0));
          })(tensor([threshold])),
        )[0];
      expect(weighted(4.9)).toBe(9);
      expect(weighted(5.1)).toBe(0);
    });
  });

  it("MIRAS Eq. 16: huberMixtureUpdate with a smooth sign writes the scaled tanh above the threshold, and passes gradients there", () => {
    scope(() => {
      const smooth = { slope: 2, epsilon: 1e-6 };
      const update: Update = (w, write) => huberMixtureUpdate(w, write, { smooth });
      const start = np.zeros([2, 1]);
      const write = floats({ key: [1], value: [-0.3, 0.4], stepSize: [1], threshold: [0.2] });
      expectClose(update(start, write), [[-0.2 * Math.tanh(0.6)], [0.2 * Math.tanh(0.8)]]);
      const toValue = (form: Update) => [
        ...readSync(
          grad((value: Tensor) => np.add(np.sum(form(start, { ...write, value })), np.multiply(np.sum(value), 0)))(
            write.value,
          ),
        ),
      ];
      expect(toValue(huberMixtureUpdate)).toEqual([0, 0]);
      expect(toValue(update).every((slope) => slope > 0.1)).toBe(true);
    });
  });

  it("MIRAS Eq. 16: huberBias has a loss that for one channel is Huber's function", () => {
    scope(() => {
      const residuals = [[-3], [-0.5], [0.2], [1.5], [40]];
      const loss = huberBias({ form: "mixture" }).loss(
        wide(residuals),
        wide(residuals.map(() => [0])),
        wide(residuals.map(() => [1])),
      );
      expectClose(
        loss,
        residuals.map(([a]) => plainHuber(a!, 1)),
        1e-12,
      );
    });
  });
});

describe("the threshold", () => {
  it("MIRAS Eq. 14-16: huberBias is the half l2 bias for a large threshold, in every form, and huberCoordinateUpdate, huberNormUpdate and huberMixtureUpdate its step", () => {
    scope(() => {
      const random = oracle.randomSource(99);
      const start = toTensor(random.normalMatrix(3, 4));
      const write = floats({
        key: random.normalVector(4),
        value: random.normalVector(3),
        stepSize: [0.3],
        threshold: [1e6],
      });
      const expected = readSync(matrixMemoryStep(l2Bias(), start, write));
      const [prediction, value] = [toTensor(random.normalMatrix(4, 3)), toTensor(random.normalMatrix(4, 3))];
      for (const [form, update] of [
        ["coordinate", huberCoordinateUpdate],
        ["norm", huberNormUpdate],
        ["mixture", huberMixtureUpdate],
      ] as const) {
        expect(readSync(update(start, write))).toEqual(expected);
        const bias = huberBias({ form });
        const threshold = np.full([4, 1], 1e6, { dtype: "float32" });
        expectClose(bias.loss(prediction, value, threshold), l2Bias().loss(prediction, value));
        expect(readSync(biasError(bias, prediction, value, threshold))).toEqual(
          readSync(biasError(l2Bias(), prediction, value)),
        );
        // With a small one it is not.
        expect(readSync(update(start, { ...write, threshold: tensor([0.1]) }))).not.toEqual(expected);
      }
    });
  });

  it("MIRAS Eq. 14-16: huberCoordinateUpdate, huberNormUpdate and huberMixtureUpdate bound what an outlier moves", () => {
    scope(() => {
      const moved = (update: Update, outlier: number) => {
        const write = floats({ key: [0.6, 0, 0.8], value: [outlier, -2 * outlier], stepSize: [0.5], threshold: [0.7] });
        return np.subtract(toTensor(memory), update(toTensor(memory), write));
      };
      for (const update of [huberCoordinateUpdate, huberMixtureUpdate])
        expect(readSync(moved(update, 1e3))).toEqual(readSync(moved(update, 1e5)));
      expectClose(moved(huberNormUpdate, 1e3), moved(huberNormUpdate, 1e5), 1e-3);
      const l2: Update = (w, { threshold: _, ...write }) => matrixMemoryStep(l2Bias(), w, write);
      expect(Math.abs(readSync(moved(l2, 1e5))[0]!)).toBeGreaterThan(90 * Math.abs(readSync(moved(l2, 1e3))[0]!));
    });
  });
});

describeNative("outer gradients through five tokens, in float64", () => {
  const run = randomRun(100);
  const tanh = (x: number) => Math.tanh(paperSmoothing.slope * x);

  it("MIRAS Eq. 14: huberCoordinateUpdate has those of finite differences, with one threshold and one a channel", async () => {
    for (const form of [run, withChannelThresholds(101, run)]) {
      const actual = await outerGradients(huberCoordinateUpdate, form);
      expectClose(actual, plainGradients(plainBiases.huberCoordinate(), form), 1e-8);
    }
  });

  it("MIRAS Eq. 15: huberNormUpdate has those of finite differences", async () => {
    expectClose(await outerGradients(huberNormUpdate, run), plainGradients(plainBiases.huberNorm(), run), 1e-8);
  });

  it("MIRAS Eq. 16: huberMixtureUpdate has those of finite differences, with the sign, the smooth sign and the direction", async () => {
    const smooth: Update = (w, write) => huberMixtureUpdate(w, write, { smooth: paperSmoothing });
    for (const [update, plain] of [
      [huberMixtureUpdate, plainBiases.huberMixture()],
      [smooth, plainBiases.huberMixture(tanh)],
      [direction, plainBiases.huberNorm()],
    ] as const)
      expectClose(await outerGradients(update, run), plainGradients(plain, run), 1e-8);
  });
});
