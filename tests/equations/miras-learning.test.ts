import { describe, expect, it } from "vitest";
import { np, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  deltaUpdate,
  ftrlObjective,
  ftrlWeights,
  lossStream,
  onlineGradientDescent,
  onlineGradientStep,
  startedFtrlWeights,
  weightedFtrlWeights,
} from "../../src/miras/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import { distance, toExact } from "../miras/exact.ts";
import { minimize } from "../miras/minimize.ts";
import { example, squaredErrorGradient } from "../miras/retention-cases.ts";
import { addMatrix, type Matrix, randomSource, scaleMatrix, unflatten } from "../oracles/index.ts";

const tokens = 30;
const random = randomSource(811);
const keys = Array.from({ length: tokens }, () => random.unitVector(3));
const values = random.normalMatrix(tokens, 2);
const stepSizes = random.uniformVector(tokens, 0.1, 0.8);
const zero: Matrix = [
  [0, 0, 0],
  [0, 0, 0],
];

/** Half the squared error of a linear memory. */
function squaredError(weights: Tensor, key: Tensor, value: Tensor): Tensor {
  const error = np.subtract(np.squeeze(np.matmul(weights, np.expandDims(key, -1)), -1), value);
  return np.multiply(np.sum(np.square(error)), 0.5);
}

/** Online gradient descent in plain numbers: W_0, ..., W_T, and the gradients at all but the last. */
function descent(start: Matrix, rates: readonly number[]): { points: Matrix[]; gradients: Matrix[] } {
  const points = [start];
  const gradients = rates.map((rate, t) => {
    const gradient = squaredErrorGradient(points[t]!, keys[t]!, values[t]!);
    points.push(addMatrix(points[t]!, scaleMatrix(-rate, gradient)));
    return gradient;
  });
  return { points, gradients };
}

// Polynomials only: the reference engine computes them in true float64.
describe("online gradient descent", () => {
  it("MIRAS Eq. 5: onlineGradientStep takes the scaled gradient from every matrix of a memory", () => {
    scope(() => {
      const memory = { layers: [toTensor(example.weights), toTensor([[1, 2]])] };
      const gradient = { layers: [toTensor(scaleMatrix(2, example.weights)), toTensor([[-1, 4]])] };
      expectClose(toNumbers(onlineGradientStep(memory, gradient, 0.25)), {
        layers: [scaleMatrix(0.5, example.weights), [[1.25, 1]]],
      });
      expectClose(onlineGradientStep(toTensor([[1, 2]]), toTensor([[10, 10]]), toTensor([[0.1, 0]])), [[0, 2]]);
      expect(() => onlineGradientStep(memory as never, { layers: [toTensor([1])] } as never, 1)).toThrow(ShapeError);
    });
  });

  it("MIRAS Eq. 5: onlineGradientStep with the squared error is DeltaNet", () => {
    scope(() => {
      const [w, k, v] = [toTensor(example.weights), toTensor(example.key), toTensor(example.value)];
      const gradient = toTensor(squaredErrorGradient(example.weights, example.key, example.value));
      expectClose(onlineGradientStep(w, gradient, 0.5), deltaUpdate(w, k, v, { stepSize: 0.5 }));
    });
  });

  it("MIRAS Eq. 6: lossStream gives the loss of each token, in their order", () => {
    scope(() => {
      const stream = lossStream(squaredError, toExact(keys), toExact(values));
      expect(stream).toHaveLength(tokens);
      const at = toExact(example.weights);
      const expected = keys.map((key, t) => {
        const answer = example.weights.map((row) => row.reduce((sum, w, j) => sum + w * key[j]!, 0));
        return answer.reduce((sum, y, i) => sum + (y - values[t]![i]!) ** 2 / 2, 0);
      });
      expect(
        distance(
          stream.map((loss) => toNumbers(loss(at))),
          expected,
        ),
      ).toBeLessThan(1e-14);
      expect(() => lossStream(squaredError, toExact(keys), toExact(values.slice(1)))).toThrow(ShapeError);
    });
  });

  it("MIRAS Eq. 5-6: onlineGradientDescent is the loop over the stream, of lossStream", () => {
    scope(() => {
      const stream = lossStream(squaredError, toExact(keys), toExact(values));
      const run = onlineGradientDescent(stream, toExact(example.weights), stepSizes);
      const { points } = descent(example.weights, stepSizes);
      expect(distance(run.map(toNumbers), points.slice(1))).toBeLessThan(1e-14);
      expect(() => onlineGradientDescent(stream, toExact(example.weights), [0.1])).toThrow(ShapeError);
    });
  });

  it("MIRAS Eq. 6: onlineGradientDescent sees no loss that comes later: another token changes no bit before it, and something after", () => {
    scope(() => {
      const changed = 12;
      const others = values.with(changed, [5, -5]);
      const [run, other] = [values, others].map((v) =>
        onlineGradientDescent(lossStream(squaredError, toExact(keys), toExact(v)), toExact(zero), stepSizes).map(
          toNumbers,
        ),
      );
      expect(other!.slice(0, changed)).toEqual(run!.slice(0, changed));
      expect(distance(other![changed]!, run![changed]!)).toBeGreaterThan(0.1);
    });
  });
});

describe("following the regularised leader", () => {
  const rate = 0.4;
  const constant = descent(zero, Array<number>(tokens).fill(rate));

  it("MIRAS Eq. 7: ftrlWeights equals online gradient descent after each of 30 tokens if the step size is constant and the start zero", () => {
    scope(() => {
      for (let t = 1; t <= tokens; t++) {
        const leader = ftrlWeights(toExact(constant.gradients.slice(0, t)), rate);
        expect(distance(toNumbers(leader), constant.points[t]!)).toBeLessThan(1e-14);
      }
    });
  });

  it("MIRAS Eq. 7: ftrlWeights is where ftrlObjective is least, found from its values alone", () => {
    const leader = scope(() => toNumbers(ftrlWeights(toExact(constant.gradients), rate))) as Matrix;
    const [points, gradients] = [toExact(constant.points.slice(0, -1)), toExact(constant.gradients)];
    const objective = (flat: number[]) =>
      scope(() => toNumbers(ftrlObjective(toExact(unflatten(flat, zero)), points, gradients, rate)) as number);
    const least = minimize(
      objective,
      leader.flat().map((x) => x + 0.3),
      { sweeps: 1 },
    );
    // Values of size ten have differences good to 1e-15 only where steps are above 1e-7.
    expect(distance(least, leader.flat())).toBeLessThan(1e-6);
    const plain = constant.gradients.reduce(
      (sum, gradient, t) => {
        const moved = addMatrix(leader, scaleMatrix(-1, constant.points[t]!)).flat();
        return sum + gradient.flat().reduce((inner, g, i) => inner + g * moved[i]!, 0);
      },
      leader.flat().reduce((sum, w) => sum + w * w, 0) / (2 * rate),
    );
    expect(Math.abs(objective(leader.flat()) - plain)).toBeLessThan(1e-12);
  });

  it("MIRAS Eq. 7: ftrlWeights with the last of varying step sizes outside is another rule; weightedFtrlWeights has them inside and is the same", () => {
    scope(() => {
      const { points, gradients } = descent(zero, stepSizes);
      const outside = ftrlWeights(toExact(gradients), stepSizes.at(-1)!);
      expect(distance(toNumbers(outside), points.at(-1)!)).toBeGreaterThan(0.5);
      const inside = weightedFtrlWeights(toExact(gradients), toExact(stepSizes));
      expect(distance(toNumbers(inside), points.at(-1)!)).toBeLessThan(1e-14);
    });
  });

  it("MIRAS Eq. 7: startedFtrlWeights equals online gradient descent from weights other than zero, ftrlWeights does not", () => {
    scope(() => {
      const { points, gradients } = descent(example.weights, Array<number>(tokens).fill(rate));
      const started = startedFtrlWeights(toExact(example.weights), toExact(gradients), rate);
      expect(distance(toNumbers(started), points.at(-1)!)).toBeLessThan(1e-14);
      expect(distance(toNumbers(ftrlWeights(toExact(gradients), rate)), points.at(-1)!)).toBeGreaterThan(0.5);
    });
  });

  it("MIRAS Eq. 7: ftrlWeights, weightedFtrlWeights and ftrlObjective keep memories apart", () => {
    scope(() => {
      const batch = toExact([constant.gradients, descent(example.weights, stepSizes).gradients]);
      const points = toExact([constant.points.slice(0, -1), descent(example.weights, stepSizes).points.slice(0, -1)]);
      const rates = toExact([stepSizes, stepSizes.map((x) => 2 * x)]);
      const [leader, weighted] = [ftrlWeights(batch, rate), weightedFtrlWeights(batch, rates)];
      const objective = ftrlObjective(leader, points, batch, rate);
      for (const i of [0, 1]) {
        const one = (x: Tensor) => slice(x, i);
        expect(toNumbers(one(leader))).toEqual(toNumbers(ftrlWeights(one(batch), rate)));
        expect(toNumbers(one(weighted))).toEqual(toNumbers(weightedFtrlWeights(one(batch), one(rates))));
        const alone = ftrlObjective(one(leader), one(points), one(batch), rate);
        expect(distance(toNumbers(one(objective)), toNumbers(alone))).toBeLessThan(1e-12);
      }
    });
  });
});
