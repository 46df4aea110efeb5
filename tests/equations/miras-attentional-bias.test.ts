import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  type AttentionalBias,
  biasError,
  dotProductBias,
  huberBias,
  l2Bias,
  matrixMemoryStep,
  valueShiftBias,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, type NumberTree, toNumbers, toTensor } from "../common/tensors.ts";
import { biasCases, biasTokens } from "../miras/bias-cases.ts";
import { inFloat64, wide, wideTree } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";

const tokens = biasTokens();
const thresholdOf = (bias: AttentionalBias, threshold: Tensor) => (bias.thresholded ? threshold : undefined);

/** A bias that is only given as a loss. */
function lossAlone({ name, thresholded, loss }: AttentionalBias): AttentionalBias {
  return { name, thresholded, loss };
}

type Tokens = { prediction: Tensor; value: Tensor; threshold: Tensor };

function perToken<T>(f: (prediction: oracle.Vector, value: oracle.Vector, threshold: oracle.Vector) => T): T[] {
  return tokens.prediction.map((prediction, t) => f(prediction, tokens.value[t]!, tokens.threshold[t]!));
}

describe.each(biasCases)("the bias $name", ({ bias, loss, error, surrogate }) => {
  it("has the loss of the plain formula, one a token", () => {
    scope(() => {
      const { prediction, value, threshold } = tokens;
      const losses = bias.loss(toTensor(prediction), toTensor(value), thresholdOf(bias, toTensor(threshold)));
      expect(losses.shape).toEqual([prediction.length]);
      expectClose(losses, perToken(loss));
    });
  });

  it("gives biasError the derivative of that loss, by finite differences of plain numbers", () => {
    scope(() => {
      const { prediction, value, threshold } = tokens;
      const actual = biasError(bias, toTensor(prediction), toTensor(value), thresholdOf(bias, toTensor(threshold)));
      const expected =
        surrogate === true
          ? perToken(error)
          : perToken((p, v, d) => oracle.centralGradient((x) => loss(x, v, d), p, { richardson: true }));
      expectClose(actual, expected);
    });
  });

  it("reads every token of every memory on its own", () => {
    scope(() => {
      const stacked = (x: oracle.Matrix) => toTensor([[x], [[...x].reverse()]]);
      const { prediction, value, threshold } = tokens;
      const args = [stacked(prediction), stacked(value), thresholdOf(bias, stacked(threshold))] as const;
      const expected = [[perToken(error)], [perToken(error).reverse()]];
      expectClose(biasError(bias, ...args), expected);
      expectClose(bias.loss(...args), [[perToken(loss)], [perToken(loss).reverse()]]);
    });
  });

  it("compiles to what it gives without", () => {
    scope(() => {
      const compiled = jit((p: Tensor, v: Tensor, d: Tensor) => biasError(bias, p, v, thresholdOf(bias, d)));
      const args = [toTensor(tokens.prediction), toTensor(tokens.value), toTensor(tokens.threshold)] as const;
      expectClose(compiled(...args), perToken(error));
    });
  });
});

describeNative.each(biasCases)("in float64, the bias $name", ({ bias, loss, error, surrogate }) => {
  it("has the loss and error of the plain formula", async () => {
    const actual = await inFloat64(({ prediction, value, threshold }: Tokens) => {
      const delta = thresholdOf(bias, threshold);
      return [bias.loss(prediction, value, delta), biasError(bias, prediction, value, delta)];
    }, wideTree(tokens));
    // The guard under the norm's root is 1e-12.
    expectClose(actual, [perToken(loss), perToken(error)] as unknown as NumberTree, 5e-12);
  });

  it.skipIf(surrogate)("has the error that automatic differentiation finds", async () => {
    const [own, found] = (await inFloat64(({ prediction, value, threshold }: Tokens) => {
      const delta = thresholdOf(bias, threshold);
      return [biasError(bias, prediction, value, delta), biasError(lossAlone(bias), prediction, value, delta)];
    }, wideTree(tokens))) as [NumberTree, NumberTree];
    expectClose(own, found, 1e-12);
  });

  it("has the outer gradients of finite differences, with its own derivative and without", async () => {
    const random = oracle.randomSource(72);
    const weights = tokens.prediction.map((row) => random.normalVector(row.length));
    const plain = (numbers: typeof tokens) => {
      const errors = numbers.prediction.map((p, t) => error(p, numbers.value[t]!, numbers.threshold[t]!));
      return errors.reduce((sum, e, t) => sum + oracle.dot(weights[t]!, e), 0);
    };
    const expected = oracle.centralGradientTree(plain, tokens, { richardson: true });
    const biases = surrogate === true ? [bias] : [bias, lossAlone(bias)];
    for (const form of biases) {
      const outer = grad(({ prediction, value, threshold }: Tokens, w: Tensor) => {
        const delta = form.thresholded ? threshold : undefined;
        // All three count, so that those which a bias does not use have a gradient too: zero.
        const unused = np.multiply(np.add(np.sum(prediction), np.add(np.sum(value), np.sum(threshold))), 0);
        return np.add(np.sum(np.multiply(biasError(form, prediction, value, delta), w)), unused);
      });
      const actual = await inFloat64(outer, wideTree(tokens), wide(weights));
      expectClose(actual, expected as unknown as NumberTree, 1e-8);
    }
  });

  it("has finite second derivatives where the residual is zero", async () => {
    const zero = { prediction: [[0.5, -1]], value: [[0.5, -1]], threshold: [[1]] };
    const outer = grad(({ prediction, value, threshold }: Tokens) => {
      const delta = bias.thresholded ? threshold : undefined;
      const unused = np.multiply(np.add(np.sum(prediction), np.sum(threshold)), 0);
      return np.add(np.sum(biasError(bias, prediction, value, delta)), unused);
    });
    const actual = oracle.flatten(await inFloat64(outer, wideTree(zero)));
    expect(actual.every(Number.isFinite)).toBe(true);
    scope(() => {
      const single = outer({
        prediction: toTensor([[0.5, -1]]),
        value: toTensor([[0.5, -1]]),
        threshold: tensor([1], [1, 1]),
      });
      expect(oracle.flatten(toNumbers(single)).every(Number.isFinite)).toBe(true);
    });
  });
});

describe("biasError", () => {
  it("prefers a bias's own derivative", () => {
    scope(() => {
      const bias: AttentionalBias = { ...l2Bias(), outputError: (prediction) => np.multiply(prediction, 7) };
      expect([...readSync(biasError(bias, tensor([1, 2]), tensor([5, 5])))]).toEqual([7, 14]);
    });
  });

  it("differentiates a loss inside a compiled outer gradient", () => {
    scope(() => {
      const bias = lossAlone(huberBias({ form: "coordinate" }));
      const outer = jit(
        grad(({ v, d }: { v: Tensor; d: Tensor }, p: Tensor) => np.sum(np.square(biasError(bias, p, v, d)))),
      );
      // The error is [1, 2]: the first is the residual, the second the threshold.
      const { v, d } = outer({ v: toTensor([[0, 0]]), d: toTensor([[2]]) }, toTensor([[1, 5]]));
      expect([...readSync(v)]).toEqual([-2, 0]);
      expect([...readSync(d)]).toEqual([4]);
    });
  });
});

describe("the classical biases", () => {
  it("the full l2 bias with one step size is the half one with twice the step size, bit for bit", () => {
    scope(() => {
      const random = oracle.randomSource(73);
      const memory = toTensor(random.normalMatrix(3, 4));
      const [key, value] = [tensor(random.normalVector(4)), tensor(random.normalVector(3))];
      const full = matrixMemoryStep(l2Bias({ scale: "full" }), memory, { key, value, stepSize: tensor([0.3]) });
      const half = matrixMemoryStep(l2Bias({ scale: "half" }), memory, { key, value, stepSize: tensor([0.6]) });
      expect(readSync(full)).toEqual(readSync(half));
      const once = matrixMemoryStep(l2Bias({ scale: "half" }), memory, { key, value, stepSize: tensor([0.3]) });
      expect(readSync(full)).not.toEqual(readSync(once));
    });
  });

  it("a step of the dot product writes scale v k^T whatever the memory holds, and grows without end on a repeated pair", () => {
    scope(() => {
      const [key, value, stepSize] = [tensor([0.6, 0, 0.8]), tensor([1, -0.5]), tensor([1])];
      const pair = oracle.outer([1, -0.5], [0.6, 0, 0.8]);
      let memory = np.zeros([2, 3]);
      for (let t = 1; t <= 5; t++) {
        memory = matrixMemoryStep(dotProductBias(), memory, { key, value, stepSize });
        expectClose(memory, oracle.scaleMatrix(t, pair));
      }
      const twice = matrixMemoryStep(dotProductBias({ scale: 2 }), np.zeros([2, 3]), { key, value, stepSize });
      expectClose(twice, oracle.scaleMatrix(2, pair));
    });
  });

  it("the l2 step of DeltaNet gives the paper's fixture", () => {
    scope(() => {
      const memory = wide([
        [0.5, -0.2, 0.1],
        [0.3, 0.4, -0.6],
      ]);
      const write = { key: wide([0.6, 0, 0.8]), value: wide([1, -0.5]), stepSize: wide([0.5]) };
      const expected = [
        [0.686, -0.2, 0.348],
        [0.24, 0.4, -0.68],
      ];
      expectClose(matrixMemoryStep(l2Bias(), memory, write), expected, 1e-12);
    });
  });
});

describe("biases say what is wrong", () => {
  const [two, three] = [() => np.zeros([4, 2]), () => np.zeros([4, 3])];

  it("with a value of another shape", () => {
    scope(() => {
      for (const bias of [dotProductBias(), l2Bias(), valueShiftBias({ radius: 1 })]) {
        expect(() => bias.loss(two(), three())).toThrow(
          `the ${bias.name} bias got a prediction of shape [4,2] and a value of shape [4,3]; both must be [..., out]`,
        );
        expect(() => biasError(bias, two(), three())).toThrow("a value of shape [4,3]");
      }
    });
  });

  it("with a threshold that is missing or does not fit", () => {
    scope(() => {
      for (const form of ["coordinate", "norm", "mixture"] as const) {
        const bias = huberBias({ form });
        expect(() => bias.loss(two(), two())).toThrow(`the huber (${form}) bias got no threshold`);
        expect(() => biasError(bias, two(), two(), np.ones([4]))).toThrow("a threshold of shape [4]");
        expect(() => biasError(bias, two(), two(), np.ones([4, 3]))).toThrow("its last axis must be 1");
      }
      expect(() => biasError(huberBias({ form: "norm" }), two(), two(), np.ones([4, 2]))).toThrow(
        "its last axis must be 1, one threshold a token",
      );
      expect(biasError(huberBias({ form: "coordinate" }), two(), two(), np.ones([4, 2])).shape).toEqual([4, 2]);
    });
  });

  it("with options that are not valid", () => {
    expect(() => dotProductBias({ scale: 0 })).toThrow("the scale of the dot product bias is 0");
    expect(() => l2Bias({ scale: "double" as never })).toThrow(
      'the scale of the l2 bias is "double" (valid: half, full)',
    );
    expect(() => huberBias({ form: "vector" as never })).toThrow("(valid: coordinate, norm, mixture)");
    expect(() => huberBias({ form: "mixture", l1: "l2" as never })).toThrow("(valid: sign, direction)");
    expect(() => huberBias({ form: "mixture", smooth: { slope: 0, epsilon: 1e-6 } })).toThrow(
      "the slope of a smooth bias",
    );
    expect(() => valueShiftBias({ radius: -1 })).toThrow("the radius of the value shift bias is -1");
  });
});
