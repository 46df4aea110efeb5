import { describe, expect, it } from "vitest";
import { grad, jit, key, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { causalConvolution, causalConvolutionLayer, initTaps } from "../../src/common/index.ts";
import * as oracle from "../oracles/index.ts";
import { expectClose, randomMatrix, randomSequences, toNumbers, toTensor } from "./tensors.ts";

/** As float32 holds them, so that copies can be compared exactly. */
function rounded(sequences: oracle.Matrix[]): oracle.Matrix[] {
  return sequences.map((sequence) => sequence.map((row) => row.map(Math.fround)));
}

describe("causal convolution", () => {
  it("equals the scalar loop, from a tail, for kernels shorter and longer than the call", () => {
    scope(() => {
      for (const kernel of [2, 4, 9]) {
        const taps = randomMatrix(1, kernel, 5);
        const tails = rounded(randomSequences(2, 2, kernel - 1, 5));
        const x = rounded(randomSequences(3, 2, 7, 5));
        const [y, tail] = causalConvolution(toTensor(taps), toTensor(tails), toTensor(x));
        const expected = x.map((sequence, row) => oracle.causalConvolution(sequence, taps, tails[row]!));
        expectClose(
          y,
          expected.map((result) => result.outputs),
        );
        expectClose(
          tail,
          expected.map((result) => result.tail),
          0,
        );
      }
    });
  });

  it("skips empty slots anywhere, keeps the last valid inputs exactly, and outputs zero where nothing is", () => {
    scope(() => {
      const taps = randomMatrix(1, 4, 5);
      const tails = rounded(randomSequences(2, 3, 3, 5));
      const x = rounded(randomSequences(3, 3, 7, 5));
      const masks = [
        [1, 1, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
      ];
      const [y, tail] = causalConvolution(toTensor(taps), toTensor(tails), toTensor(x), toTensor(masks));
      const expected = x.map((sequence, row) =>
        oracle.causalConvolution(sequence, taps, tails[row]!, masks[row]!.map(Boolean)),
      );
      expectClose(
        y,
        expected.map(({ outputs }, row) => outputs.map((output, t) => oracle.scale(masks[row]![t]!, output))),
      );
      expectClose(
        tail,
        expected.map((result) => result.tail),
        0,
      );
    });
  });

  it("has the gradients of the oracle through taps, tail and masked inputs", () => {
    scope(() => {
      const at = { tail: randomMatrix(1, 2, 3), taps: randomMatrix(2, 3, 3), x: randomMatrix(3, 5, 3) };
      const mask = [1, 0, 1, 1, 0];
      const weights = randomMatrix(4, 5, 3).map((row, t) => oracle.scale(mask[t]!, row));
      const tailWeights = randomMatrix(5, 2, 3);
      const dot = (a: number[][], b: number[][]) => oracle.dot(a.flat(), b.flat());
      const expected = oracle.centralGradientTree(({ tail, taps, x }) => {
        const result = oracle.causalConvolution(x, taps, tail, mask.map(Boolean));
        return dot(result.outputs, weights) + dot(result.tail, tailWeights);
      }, at);
      const gradient = jit(
        grad((p: { tail: Tensor; taps: Tensor; x: Tensor }) => {
          const [y, tail] = causalConvolution(
            p.taps,
            np.expandDims(p.tail, 0),
            np.expandDims(p.x, 0),
            toTensor([mask]),
          );
          return np.add(np.sum(np.multiply(y, toTensor(weights))), np.sum(np.multiply(tail, toTensor(tailWeights))));
        }),
      )({ tail: toTensor(at.tail), taps: toTensor(at.taps), x: toTensor(at.x) });
      expectClose(toNumbers(gradient), expected);
    });
  });

  it("starts with taps that all count: uniform, of variance 1 / (3 K)", () => {
    scope(() => {
      const taps = (toNumbers(initTaps(key(1), 4, 600)) as number[][]).map((row) => new Set(row));
      for (const row of taps) {
        expect(row.size).toBe(600);
        expect(Math.max(...[...row].map(Math.abs))).toBeLessThanOrEqual(0.5);
        // The mean of 600 squares is off by 0.003 (one deviation).
        const variance = [...row].reduce((sum, tap) => sum + tap * tap, 0) / 600;
        expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.015);
      }
    });
  });

  it("refuses sizes and inputs that cannot work", () => {
    expect(() => causalConvolutionLayer({ dim: 5, kernel: 1 })).toThrow(
      "kernel is 1; it must be a whole number of at least 2",
    );
    expect(() => causalConvolutionLayer({ dim: 0.5, kernel: 4 })).toThrow("dim is 0.5");
    scope(() => {
      const layer = causalConvolutionLayer({ dim: 5, kernel: 4 });
      const params = layer.init(key(1));
      expect(() => layer.step(params, layer.initialState(params, 1), np.zeros([1, 5]))).toThrow(
        "convolution got an input of shape [1,5]",
      );
      expect(readSync(layer.initialState(params, 1).tail)).toEqual(new Float32Array(15));
    });
  });
});
