import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  biasError,
  l2Bias,
  lpBias,
  lpUpdate,
  type MatrixWrite,
  paperSmoothing,
  type Smoothing,
  valuelessUpdate,
} from "../../src/miras/index.ts";
import { power } from "../../src/miras/smoothing.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import { exponents } from "../miras/bias-cases.ts";
import { floats, inFloat64, wide, wideTree } from "../miras/float64.ts";
import { plainBiases } from "../miras/plain-biases.ts";
import { outerGradients, plainGradients, randomRun } from "../miras/update-runs.ts";
import * as oracle from "../oracles/index.ts";

/** The paper reference's fixture: its residual is (-0.62, 0.2). */
const memory = [
  [0.5, -0.2, 0.1],
  [0.3, 0.4, -0.6],
];
const token = { key: [0.6, 0, 0.8], value: [1, -0.5], stepSize: [1] };

const fixtures: readonly (readonly [p: number, gradient: oracle.Matrix])[] = [
  [
    1,
    [
      [-0.6, 0, -0.8],
      [0.6, 0, 0.8],
    ],
  ],
  [
    1.5,
    [
      [-0.7086607087, 0, -0.9448809449],
      [0.4024922359, 0, 0.5366563146],
    ],
  ],
  [
    3,
    [
      [-0.69192, 0, -0.92256],
      [0.072, 0, 0.096],
    ],
  ],
  [
    4,
    [
      [-0.5719872, 0, -0.7626496],
      [0.0192, 0, 0.0256],
    ],
  ],
];
const smoothFixture = [
  [-0.6919161005, 0, -0.9225548007],
  [0.06941172102, 0, 0.09254896135],
];

/** What a step of size 1 takes away from the memory. */
function gradientOf(update: (memory: Tensor, write: MatrixWrite) => Tensor) {
  return (w: Tensor, write: MatrixWrite) => np.subtract(w, update(w, write));
}

describe("the l_p bias", () => {
  it("MIRAS Eq. 10: lpBias is the sum of the residuals' powers, at least 0, and 0 for the value itself", () => {
    scope(() => {
      const [prediction, value] = [toTensor([[3, -1, 0.5]]), toTensor([[1, -1, 1]])];
      expectClose(lpBias({ p: 3 }).loss(prediction, value), [8.125]);
      for (const p of exponents) {
        const bias = lpBias({ p });
        expectClose(bias.loss(prediction, value), [2 ** p + 0.5 ** p]);
        expectClose(bias.loss(value, prediction), [2 ** p + 0.5 ** p]);
        expect([...readSync(bias.loss(value, value))]).toEqual([0]);
        expect([...readSync(biasError(bias, value, value))]).toEqual([0, 0, 0]);
      }
    });
  });

  it("MIRAS Eq. 10: lpBias sums over the channels and does not average: twice the channels are twice the loss", () => {
    scope(() => {
      const bias = lpBias({ p: 3 });
      const once = toTensor([[0.3, -0.7]]);
      const twice = np.concatenate([once, once], -1);
      expectClose(bias.loss(twice, np.zerosLike(twice)), np.multiply(bias.loss(once, np.zerosLike(once)), 2));
      expectClose(biasError(bias, twice, np.zerosLike(twice)), [[0.27, -1.47, 0.27, -1.47]]);
    });
  });

  it("MIRAS Eq. 10: lpBias with p = 2 is the full l2 bias, bit for bit", () => {
    scope(() => {
      const random = oracle.randomSource(81);
      const [prediction, value] = [toTensor(random.normalMatrix(4, 7)), toTensor(random.normalMatrix(4, 7))];
      const [lp, l2] = [lpBias({ p: 2 }), l2Bias({ scale: "full" })];
      expect(readSync(lp.loss(prediction, value))).toEqual(readSync(l2.loss(prediction, value)));
      expect(readSync(biasError(lp, prediction, value))).toEqual(readSync(biasError(l2, prediction, value)));
    });
  });

  it("MIRAS Eq. 10: lpBias gives the loss of the reference's MLP fixture", () => {
    scope(() => {
      const [prediction, value] = [
        [1.591974056, 0.3765034696, -0.5684775261],
        [0.1, -0.2, 0.3],
      ].map((x) => wide([x]));
      expectClose(lpBias({ p: 3 }).loss(prediction!, value!), [4.167770732], 1e-9);
      expectClose(l2Bias().loss(prediction!, value!), [1.656298025], 1e-9);
    });
  });

  it("refuses exponents below 1 and smoothing that is none", () => {
    expect(() => lpBias({ p: 0.5 })).toThrow("p of the lp bias is 0.5; it must be a number of at least 1");
    expect(() => lpBias({ p: Number.NaN })).toThrow("p of the lp bias is NaN");
    expect(() => lpBias({ p: 3, smooth: { slope: 10, epsilon: 0 } })).toThrow("the epsilon of a smooth bias is 0");
  });
});

describe("a step of the l_p bias", () => {
  it.each(fixtures)("MIRAS Eq. 11: lpUpdate takes the reference's gradient for p = %d", (p, gradient) => {
    scope(() => {
      const update = gradientOf((w, write) => lpUpdate(w, write, { p }));
      expectClose(update(wide(memory), wideTree(token)), gradient, 1e-9);
      expectClose(update(toTensor(memory), floats(token)), gradient);
    });
  });

  it.each(exponents)("MIRAS Eq. 11: lpUpdate with p = %d descends the loss, by finite differences", (p) => {
    scope(() => {
      const random = oracle.randomSource(82);
      const start = random.normalMatrix(3, 4);
      const [key, value] = [random.normalVector(4), random.normalVector(3)];
      const { loss } = plainBiases.lp(p);
      const gradient = oracle.centralGradientTree(
        (w) => loss(oracle.subtract(oracle.matVec(w, key), value), []),
        start,
        { richardson: true },
      );
      const stepSize = [0.1, 0.2, 0.3];
      const expected = oracle.addMatrix(start, oracle.scaleRows(oracle.scale(-1, stepSize), gradient));
      expectClose(lpUpdate(toTensor(start), floats({ key, value, stepSize }), { p }), expected);
    });
  });

  it("MIRAS Eq. 11: lpUpdate damps large residuals below p = 2 and amplifies them above, and is exact in float32", () => {
    scope(() => {
      // From an empty memory with the key 1 the residual is minus the value.
      const written = (p: number, value: number) =>
        readSync(lpUpdate(np.zeros([1, 1]), floats({ key: [1], value: [value], stepSize: [1] }), { p }))[0]!;
      for (const value of [-30, -3, -1.001, -1, -0.9, -0.1, -1e-3, 1e-4, 0.5, 0.999, 1, 1.3, 3, 1000]) {
        for (const p of exponents) {
          const exact = p * Math.sign(value) * Math.abs(Math.fround(value)) ** (p - 1);
          expect(Math.abs(written(p, value) / exact - 1), `p = ${p} at ${value}`).toBeLessThan(3e-6);
        }
        expect(Math.sign(Math.abs(written(3, value)) - Math.abs(written(1.5, value)))).toBe(
          Math.sign(3 * Math.abs(value) ** 2 - 1.5 * Math.abs(value) ** 0.5),
        );
      }
    });
  });

  describeNative("in float64", () => {
    it("MIRAS Eq. 11: lpUpdate with smooth sign and absolute value takes the reference's gradient", async () => {
      const smooth = { slope: 10, epsilon: 1e-6 };
      const update = gradientOf((w, write) => lpUpdate(w, write, { p: 3, smooth }));
      expectClose(await inFloat64(update, wide(memory), wideTree(token)), smoothFixture, 1e-9);
      expect(paperSmoothing).toEqual(smooth);
    });

    it.each([
      [3, 10, 2.4e-3],
      [3, 100, 2.3e-5],
      [1.5, 10, 1.2e-1],
      [1.5, 100, 3.9e-2],
      [2, 10, 2.8e-2],
      [2, 100, 2.7e-3],
    ])(
      "the smooth error with p = %d and slope %d is off by at most %d of p for residuals up to 3",
      async (p, slope, bound) => {
        const residuals = Array.from({ length: 6001 }, (_, i) => [(i - 3000) / 1000]);
        const difference = (x: Tensor) => {
          const value = np.zerosLike(x);
          const smooth: Smoothing = { slope, epsilon: 1e-6 };
          return np.divide(
            np.subtract(biasError(lpBias({ p, smooth }), x, value), biasError(lpBias({ p }), x, value)),
            p,
          );
        };
        const worst = Math.max(...oracle.flatten(await inFloat64(difference, wide(residuals))).map(Math.abs));
        expect(worst).toBeLessThan(bound * 1.05);
        expect(worst).toBeGreaterThan(bound * 0.9);
      },
    );

    it.each(exponents)("the smooth error with p = %d has the finite slope of its formula at zero", async (p) => {
      const smooth: Smoothing = { slope: 10, epsilon: 1e-6 };
      const slopeAt = grad((x: Tensor) => np.sum(biasError(lpBias({ p, smooth }), x, np.zerosLike(x))));
      const [actual] = oracle.flatten(await inFloat64(slopeAt, wide([0])));
      expect(Math.abs(actual! / (p * 10 * 1e-6 ** ((p - 1) / 2)) - 1)).toBeLessThan(1e-12);
    });

    it.each(exponents)("MIRAS Eq. 11: lpUpdate with p = %d passes outer gradients through five tokens", async (p) => {
      const run = randomRun(83);
      for (const smooth of [false, paperSmoothing] as const) {
        const { slope, epsilon } = paperSmoothing;
        const plain = smooth === false ? plainBiases.lp(p) : plainBiases.smoothLp(p, slope, epsilon);
        const actual = await outerGradients((w, { threshold: _, ...write }) => lpUpdate(w, write, { p, smooth }), run);
        const expected = plainGradients(plain, run);
        expectClose(actual, expected, 1e-8);
      }
    });
  });
});

describe("a memory without values", () => {
  it("MIRAS Eq. 12: valuelessUpdate writes the sign of the residual, the reference's gradient for p = 1", () => {
    scope(() => {
      const update = gradientOf((w, write) => valuelessUpdate(w, write));
      expectClose(update(wide(memory), wideTree(token)), fixtures[0]![1], 1e-12);
      // A residual of exactly 0 writes nothing.
      const met = { key: [1, 0, 0], value: [0.5, 7], stepSize: [0.25] };
      const expected = [memory[0]!, [0.55, 0.4, -0.6]];
      expectClose(valuelessUpdate(toTensor(memory), floats(met)), expected);
    });
  });

  it("MIRAS Eq. 12: valuelessUpdate does not see how far a value is, only on which side, and lpUpdate with p = 3 does", () => {
    scope(() => {
      const near = { ...token, stepSize: [0.3] };
      const far = { ...near, value: [100, -50] };
      const update = (write: typeof near) => readSync(valuelessUpdate(toTensor(memory), floats(write)));
      expect(update(far)).toEqual(update(near));
      expect(update({ ...near, value: [-1, -0.5] })).not.toEqual(update(near));
      const cubic = (write: typeof near) => readSync(lpUpdate(toTensor(memory), floats(write), { p: 3 }));
      expect(cubic(far)).not.toEqual(cubic(near));
    });
  });

  it("MIRAS Eq. 12: valuelessUpdate passes an outer gradient to the value only if its sign is smooth", () => {
    scope(() => {
      const outer = (smooth: Smoothing | false) =>
        grad((value: Tensor) => {
          const write = { ...floats(token), value };
          return np.add(
            np.sum(np.square(valuelessUpdate(toTensor(memory), write, smooth))),
            np.multiply(np.sum(value), 0),
          );
        });
      expect([...readSync(outer(false)(tensor(token.value)))]).toEqual([0, 0]);
      const smooth = [...readSync(outer({ slope: 2, epsilon: 1e-6 })(tensor(token.value)))];
      expect(smooth.every((slope) => Math.abs(slope) > 0.01)).toBe(true);
    });
  });

  it("MIRAS Eq. 12: valuelessUpdate with a steep smooth sign is the hard one, up to the tails of tanh", () => {
    scope(() => {
      const hard = valuelessUpdate(toTensor(memory), floats(token));
      const steep = valuelessUpdate(toTensor(memory), floats(token), { slope: 100, epsilon: 1e-6 });
      const gentle = valuelessUpdate(toTensor(memory), floats(token), { slope: 1, epsilon: 1e-6 });
      expectClose(steep, hard);
      expect(relativeError(gentle, hard)).toBeGreaterThan(0.1);
    });
  });
});

describe("powers", () => {
  const numbers = [0, 1e-20, 1e-6, 0.01, 0.3, 0.999, 1, 1.001, 2, 17, 1e6];

  it.each([0, 0.125, 0.25, 0.5, 0.8, 1, 1.1, 1.5, 1.8, 2, 2.2, 2.8, 3, 3.2, 4, 5])(
    "to %d are exact to float32",
    (n) => {
      scope(() => {
        const actual = readSync(power(tensor(numbers), n));
        for (const [i, x] of numbers.map(Math.fround).entries()) {
          const exact = x ** n;
          expect(Math.abs(actual[i]! - exact), `at ${x}`).toBeLessThanOrEqual(3e-6 * exact + 1e-37);
        }
      });
    },
  );

  it("to 0 are exactly 1, also of 0", () => {
    scope(() => expect([...readSync(power(tensor([0, 1e-30, 5]), 0))]).toEqual([1, 1, 1]));
  });

  it.each([0.5, 0.8, 1.5, 2.2])("to %d have a finite derivative at zero, and that of the formula elsewhere", (n) => {
    scope(() => {
      const slopes = grad((x: Tensor) => np.sum(power(x, n)))(tensor([0, 1e-38, 0.25, 1, 3]));
      const expected = [0, 0, 0.25, 1, 3].map((x) => (x === 0 ? 0 : n * x ** (n - 1)));
      expectClose(slopes, expected, 3e-6);
      const curvatures = grad((x: Tensor) => np.sum(grad((y: Tensor) => np.sum(power(y, n)))(x)))(
        tensor([0, 1e-38, 1]),
      );
      expect((toNumbers(curvatures) as number[]).every(Number.isFinite)).toBe(true);
    });
  });
});
