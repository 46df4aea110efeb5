import { describe, expect, it } from "vitest";
import { nn, np, scope, type Tensor } from "../../src/array/index.ts";
import {
  backpropagationPairs,
  layerDescent,
  layerWriteObjective,
  selfGeneratedValue,
  selfReferentialWrite,
  weightGradient,
} from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { exact, expectExact, inFloat64, inner, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(29);

interface PlainLayer {
  readonly weights: oracle.Matrix;
  readonly bias: oracle.Vector;
}

const silu = (z: number) => z / (1 + Math.exp(-z));
const softmax = (z: oracle.Vector) => {
  const e = z.map(Math.exp);
  return e.map((value) => value / e.reduce((a, b) => a + b));
};
const activations = [(z: oracle.Vector) => z.map(Math.tanh), (z: oracle.Vector) => z.map(silu), softmax];

/** Half the squared distance of a three-layer perceptron's outputs from targets. */
function loss(layers: readonly PlainLayer[], inputs: oracle.Matrix, targets: oracle.Matrix): number {
  return inputs.reduce((sum, x, n) => {
    let h = x;
    layers.forEach(({ weights, bias }, l) => {
      h = activations[l]!(oracle.add(oracle.matVec(weights, h), bias));
    });
    return sum + oracle.norm(oracle.subtract(h, targets[n]!)) ** 2 / 2;
  }, 0);
}

describeNative("the back-propagated error", () => {
  it.each([1, 4])(
    "NL Eq. 29: backpropagationPairs and weightGradient equal finite differences through tanh, SiLU and softmax, %i samples",
    async (samples) => {
      const widths = [3, 5, 4, 3];
      const layers: PlainLayer[] = [0, 1, 2].map((l) => ({
        weights: random.normalMatrix(widths[l + 1]!, widths[l]!, 0.7),
        bias: random.normalVector(widths[l + 1]!),
      }));
      const [inputs, targets] = [random.normalMatrix(samples, 3), random.normalMatrix(samples, 3)];
      const found = await inFloat64(
        (weights: Tensor[], biases: Tensor[], x: Tensor, y: Tensor) => {
          const activation = [np.tanh, nn.silu, (z: Tensor) => nn.softmax(z, -1)] as ((z: Tensor) => Tensor)[];
          const network = weights.map((w, l) => ({ weights: w, bias: biases[l]!, activation: activation[l]! }));
          return backpropagationPairs(network, x, (output) => np.subtract(output, y)).map((pair) => ({
            bias: np.sum(pair.error, 0),
            weights: weightGradient(pair),
          }));
        },
        layers.map(({ weights }) => exact(weights)),
        layers.map(({ bias }) => exact(bias)),
        exact(inputs),
        exact(targets),
      );
      const expected = oracle.centralGradientTree((at) => loss(at, inputs, targets), layers, { richardson: true });
      // Differences of fourth order with steps of 1e-3 are good to 1e-10.
      expect(oracle.maxDifference(found, expected)).toBeLessThan(1e-9);
    },
  );
});

describe("a layer's update", () => {
  const [w, other, x, delta] = [
    random.normalMatrix(3, 4),
    random.normalMatrix(3, 4),
    random.normalMatrix(2, 4),
    random.normalMatrix(2, 3),
  ];
  const pair = () => ({ input: exact(x), error: exact(delta) });
  const objective = (at: oracle.Matrix) =>
    x.reduce((sum, input, n) => sum + inner(oracle.matVec(at, input), delta[n]!), 0) +
    squaredDistance(at, w) / (2 * 0.3);

  it("NL Eq. 30, 54: layerDescent subtracts the step size times error times input", () => {
    scope(() => {
      const expected = w.map((row, i) =>
        row.map((value, j) => value - 0.3 * (delta[0]![i]! * x[0]![j]! + delta[1]![i]! * x[1]![j]!)),
      );
      expectExact(layerDescent(exact(w), pair(), 0.3), expected, 1e-15);
    });
  });

  it("NL Eq. 30-31, 54-55, 112: layerWriteObjective has its minimum where layerDescent goes", () => {
    scope(() => {
      for (const at of [w, other])
        expect(numberOf(layerWriteObjective(exact(at), exact(w), pair(), 0.3))).toBeCloseTo(objective(at), 12);
      expectExact(layerDescent(exact(w), pair(), 0.3), oracle.quadraticMinimum(objective, w));
    });
  });

  /** A chain of samples through y = W x with half squared errors: each error depends on the weights at its time. */
  const samples = Array.from({ length: 5 }, () => ({ x: random.normalVector(4), y: random.normalVector(3) }));
  const errorAt = (weights: oracle.Matrix, n: number) =>
    oracle.subtract(oracle.matVec(weights, samples[n]!.x), samples[n]!.y);

  it("NL Eq. 30: layerDescent replayed with recorded errors gives the same weights, but another start makes other errors", () => {
    scope(() => {
      const run = (start: oracle.Matrix, errorOf: (weights: oracle.Matrix, n: number) => oracle.Vector) => {
        let weights = start;
        const errors = samples.map(({ x: input }, n) => {
          const error = errorOf(weights, n);
          weights = matrixOf(layerDescent(exact(weights), { input: exact(input), error: exact(error) }, 0.2));
          return error;
        });
        return { weights, errors };
      };
      const first = run(w, errorAt);
      expect(run(w, (_, n) => first.errors[n]!).weights).toEqual(first.weights);
      const second = run(other, errorAt);
      expect(oracle.maxDifference(second.errors, first.errors)).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 58: selfReferentialWrite is gradient descent, and with frozen values one large-batch step", () => {
    scope(() => {
      const valueAt = (n: number) => (weights: Tensor, input: Tensor) =>
        selfGeneratedValue(weights, input, (answer) => np.subtract(answer, exact(samples[n]!.y)));
      let [live, frozen] = [exact(w), exact(w)];
      let plain = w;
      samples.forEach(({ x: input }, n) => {
        live = selfReferentialWrite(live, exact(input), valueAt(n), 0.2);
        frozen = selfReferentialWrite(frozen, exact(input), (_, at) => valueAt(n)(exact(w), at), 0.2);
        plain = oracle.addMatrix(plain, oracle.scaleMatrix(-0.2, oracle.outer(errorAt(plain, n), input)));
      });
      expectExact(live, plain);
      const total = samples
        .map(({ x: input }, n) => oracle.outer(errorAt(w, n), input))
        .reduce((sum, term) => oracle.addMatrix(sum, term));
      expectExact(frozen, oracle.addMatrix(w, oracle.scaleMatrix(-0.2, total)));
      expect(oracle.maxDifference(matrixOf(live), matrixOf(frozen))).toBeGreaterThan(0.01);
    });
  });
});
