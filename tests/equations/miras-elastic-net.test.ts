import { describe, expect, it } from "vitest";
import { np, scope, slice } from "../../src/array/index.ts";
import {
  elasticNetCoefficients,
  elasticNetFtrlUpdate,
  elasticNetUpdate,
  onlineGradientStep,
  smoothSoftThreshold,
  softThreshold,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, type NumberTree, toNumbers, toTensor } from "../common/tensors.ts";
import { distance, exactly, expectDerivatives } from "../miras/exact.ts";
import { goldenSection } from "../miras/minimize.ts";
import { example, exampleGradient } from "../miras/retention-cases.ts";
import { addMatrix, flatten, type Matrix, randomSource, scaleMatrix } from "../oracles/index.ts";

const { weights } = example;
const random = randomSource(851);
const previous = random.normalMatrix(4, 5, 0.5);
const gradient = random.normalMatrix(4, 5, 0.5);
const printed = { stepSize: 0.5, inverseL1: 4, inverseL2: 2 };

describe("soft thresholding", () => {
  it("MIRAS Eq. 22: softThreshold moves entries towards zero and stops there, at both signs", () => {
    scope(() => {
      expectClose(softThreshold(toTensor([-2, -0.5, -0.4, 0, 0.5, 0.75, 3]), 0.5), [-1.5, 0, 0, 0, 0, 0.25, 2.5]);
      expect(toNumbers(softThreshold(toTensor(weights), 0))).toEqual(toNumbers(toTensor(weights)));
      expectClose(
        softThreshold(
          toTensor([
            [1, 1],
            [1, 1],
          ]),
          toTensor([[0.25], [2]]),
        ),
        [
          [0.75, 0.75],
          [0, 0],
        ],
      );
    });
  });

  it("the smooth form is off by at most half the threshold, where an entry equals it, and by 1 - 2/pi of it for large entries", () => {
    scope(() => {
      const threshold = 0.4;
      const points = Array.from({ length: 801 }, (_, i) => (i - 400) / 100);
      const [hard, smooth] = [softThreshold, smoothSoftThreshold].map(
        (shrink) => toNumbers(shrink(toTensor(points), threshold)) as number[],
      );
      const errors = points.map((_, i) => Math.abs(hard![i]! - smooth![i]!));
      expect(Math.max(...errors)).toBeLessThan(threshold / 2 + 1e-6);
      expect(errors[points.indexOf(threshold)]).toBeCloseTo(threshold / 2, 6);
      const [far] = toNumbers(smoothSoftThreshold(toTensor([20]), threshold)) as [number];
      expect(20 - far).toBeCloseTo((2 / Math.PI) * threshold, 4);
      // No zero but at zero itself.
      expect(smooth!.filter((x) => x === 0)).toHaveLength(1);
    });
  });
});

describe("retention by the elastic net", () => {
  it("MIRAS Eq. 22: elasticNetCoefficients are lambda, zeta and gamma; infinite weights switch soft and hard forgetting off", () => {
    scope(() => {
      const of = (inverseL1: number, inverseL2: number) =>
        toNumbers(elasticNetCoefficients({ stepSize: toTensor(0.5), inverseL1, inverseL2 }));
      expectClose(of(4, 2), { retain: 0.8, stepSize: 0.4, shrinkage: 0.1 });
      expect(of(4, Number.POSITIVE_INFINITY)).toEqual({ retain: 1, stepSize: 0.5, shrinkage: 0.125 });
      expectClose(of(Number.POSITIVE_INFINITY, 2), { retain: 0.8, stepSize: 0.4, shrinkage: 0 });
    });
  });

  it("MIRAS Eq. 22: elasticNetUpdate gives the reference's example, hard and smooth", () => {
    scope(() => {
      const [w, g] = [toTensor(weights), toTensor(exampleGradient)];
      expectClose(elasticNetUpdate(w, g, printed), [
        [0.4488, -0.06, 0.1784],
        [0.092, 0.22, -0.444],
      ]);
      expectClose(elasticNetUpdate(w, g, printed, smoothSoftThreshold), [
        [0.4858288915, -0.103101541, 0.21728175],
        [0.1333077277, 0.2582968013, -0.4810408956],
      ]);
    });
  });

  it("MIRAS Eq. 22: elasticNetUpdate without both parts is a plain step; with them it is not", () => {
    scope(() => {
      const [w, g] = [toTensor(previous), toTensor(gradient)];
      const off = { stepSize: 0.5, inverseL1: Number.POSITIVE_INFINITY, inverseL2: Number.POSITIVE_INFINITY };
      const plain = toNumbers(onlineGradientStep(w, g, 0.5));
      expectClose(elasticNetUpdate(w, g, off), plain);
      for (const one of [{ inverseL1: 4 }, { inverseL2: 2 }])
        expect(distance(toNumbers(elasticNetUpdate(w, g, { ...off, ...one })), plain)).toBeGreaterThan(0.05);
    });
  });

  it("MIRAS Eq. 22: elasticNetUpdate sets exactly those entries to zero whose plain step lies within the threshold", () => {
    scope(() => {
      const next = toNumbers(elasticNetUpdate(toTensor(previous), toTensor(gradient), printed)) as Matrix;
      const within = previous.map((row, i) => row.map((w, j) => Math.abs(0.8 * w - 0.4 * gradient[i]![j]!) <= 0.1));
      expect(next.map((row) => row.map((w) => w === 0))).toEqual(within);
      expect(within.flat()).toContain(true);
      expect(within.flat()).toContain(false);
    });
  });

  it("MIRAS Eq. 23: elasticNetFtrlUpdate gives the reference's example, and brings a zero back", () => {
    scope(() => {
      const step = elasticNetFtrlUpdate(toTensor(weights), toTensor(exampleGradient), { stepSize: 0.5, inverseL1: 4 });
      expectClose(step.weights, [
        [0.561, -0.075, 0.223],
        [0.115, 0.275, -0.555],
      ]);
      expectClose(step.accumulator, addMatrix(weights, scaleMatrix(-0.5, exampleGradient)));

      const gates = { stepSize: 0.5, inverseL1: 1 };
      const push = toTensor([[-0.8]]);
      const first = elasticNetFtrlUpdate(np.zeros([1, 1]), push, gates);
      expect(toNumbers(first.weights)).toEqual([[0]]);
      expectClose(elasticNetFtrlUpdate(first.accumulator, push, gates).weights, [[0.3]]);
    });
  });
});

describeNative("retention by the elastic net in float64", () => {
  /** Gates as tensors: numbers among themselves are rounded to float32. */
  const update = (soft: boolean) => {
    const shrink = soft ? smoothSoftThreshold : softThreshold;
    return (...[w, g, eta, alpha, beta]: Parameters<Parameters<typeof exactly>[0]>) =>
      elasticNetUpdate(w!, g!, { stepSize: eta!, inverseL1: alpha!, inverseL2: beta! }, shrink);
  };
  const gates = [[[0.5]], [[4]], [[2]]];

  it("MIRAS Eq. 22: elasticNetUpdate has a subgradient of zero, and is each entry's minimum", async () => {
    const next = await exactly(update(false), previous, gradient, ...gates);
    previous.forEach((row, i) => {
      row.forEach((before, j) => {
        const [w, g] = [next[i]![j]!, gradient[i]![j]!];
        const smooth = g + (w - before) / 0.5 + w / 2;
        const missing = w === 0 ? Math.max(0, Math.abs(smooth) - 1 / 4) : Math.abs(smooth + Math.sign(w) / 4);
        expect(missing).toBeLessThan(1e-14);
        const objective = (x: number) => g * x + (x - before) ** 2 + x ** 2 / 4 + Math.abs(x) / 4;
        expect(Math.abs(goldenSection(objective, w - 1, w + 1.1) - w)).toBeLessThan(1e-7);
      });
    });
  });

  /** Tokens of a quadratic loss that depends on the weights: g = W - target. */
  const targets = Array.from({ length: 8 }, () => random.normalMatrix(2, 3));

  it("MIRAS Eq. 23: elasticNetFtrlUpdate follows the regularised leader over eight tokens; elasticNetUpdate, which thresholds each time, parts after the first", async () => {
    const trajectory = await exactly<{ ftrl: Matrix[]; lr: Matrix[]; gradients: Matrix[] }>(
      (all, eta, alpha) => {
        let ftrl = { accumulator: np.zerosLike(slice(all!, 0)), weights: np.zerosLike(slice(all!, 0)) };
        let lr = ftrl.weights;
        const steps = targets.map((_, t) => {
          const g = np.subtract(ftrl.weights, slice(all!, t));
          ftrl = elasticNetFtrlUpdate(ftrl.accumulator, g, { stepSize: eta!, inverseL1: alpha! });
          lr = elasticNetUpdate(lr, g, { stepSize: eta!, inverseL1: alpha!, inverseL2: Number.POSITIVE_INFINITY });
          return { g, ftrl: ftrl.weights, lr };
        });
        return {
          ftrl: steps.map((step) => step.ftrl),
          lr: steps.map((step) => step.lr),
          gradients: steps.map((step) => step.g),
        };
      },
      targets,
      [[0.4]],
      [[2]],
    );
    let sum: Matrix = scaleMatrix(0, targets[0]!);
    trajectory.ftrl.forEach((next, t) => {
      sum = addMatrix(sum, trajectory.gradients[t]!);
      next.flat().forEach((w, i) => {
        const smooth = sum.flat()[i]! + w / 0.4;
        const missing = w === 0 ? Math.max(0, Math.abs(smooth) - 1 / 2) : Math.abs(smooth + Math.sign(w) / 2);
        expect(missing).toBeLessThan(1e-14);
      });
    });
    expect(distance(trajectory.ftrl[0]!, trajectory.lr[0]!)).toBeLessThan(1e-15);
    expect(distance(trajectory.ftrl[2]!, trajectory.lr[2]!)).toBeGreaterThan(0.05);
  });

  it("MIRAS Eq. 22; MIRAS Eq. 23: elasticNetUpdate and elasticNetFtrlUpdate have the derivatives of differences", async () => {
    await expectDerivatives(update(false), [previous, gradient, ...gates]);
    // The native engine's arc tangent is good to float32 only, too little for differences of its own values.
    const smooth = (...args: NumberTree[]): number[] => {
      const [w, g, eta, alpha, beta] = [args[0], args[1], ...flatten(args.slice(2))] as [
        Matrix,
        Matrix,
        number,
        number,
        number,
      ];
      const lambda = beta / (beta + eta);
      return w.flat().map((before, i) => {
        const z = lambda * (before - eta * g.flat()[i]!);
        return (Math.abs(z) * Math.atan((z * alpha) / (lambda * eta)) * 2) / Math.PI;
      });
    };
    await expectDerivatives(update(true), [previous, gradient, ...gates], 1e-6, smooth);
    await expectDerivatives(
      (a, g, eta, alpha) => {
        const step = elasticNetFtrlUpdate(a!, g!, { stepSize: eta!, inverseL1: alpha! });
        return np.add(step.weights, np.square(step.accumulator));
      },
      [previous, gradient, [[0.5]], [[4]]],
    );
  });
});
