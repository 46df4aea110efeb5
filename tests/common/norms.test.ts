import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { initLayerNorm, initRmsNorm, l2Normalize, layerNorm, rmsNorm } from "../../src/common/index.ts";
import * as oracle from "../oracles/index.ts";
import { expectClose, randomMatrix, toNumbers, toTensor } from "./tensors.ts";

const x = randomMatrix(1, 7, 5);
const [scale, shift, weights] = randomMatrix(2, 3, 5) as [number[], number[], number[]];

const norms = [
  {
    name: "rmsNorm",
    norm: (u: Tensor) => rmsNorm(toTensor(scale), u),
    expected: (row: number[]) => oracle.rmsNorm(row, scale, 1e-6),
  },
  {
    name: "layerNorm",
    norm: (u: Tensor) => layerNorm({ scale: toTensor(scale), shift: toTensor(shift) }, u),
    expected: (row: number[]) => oracle.layerNorm(row, scale, shift, 1e-5),
  },
  {
    name: "l2Normalize",
    norm: (u: Tensor) => l2Normalize(u),
    expected: (row: number[]) => oracle.l2Normalise(row, 1e-6),
  },
];

describe("norms", () => {
  for (const { name, norm, expected } of norms) {
    it(`${name} equals the scalar loop, also for tiny and large inputs`, () => {
      scope(() => {
        for (const factor of [1, 1e-4, 1e4]) {
          const scaled = oracle.scaleMatrix(factor, x).map((row) => row.map(Math.fround));
          expectClose(norm(toTensor(scaled)), scaled.map(expected));
        }
      });
    });

    it(`${name} has the gradient of the oracle, and a finite one at zero`, () => {
      scope(() => {
        const loss = (u: Tensor) => np.sum(np.multiply(norm(u), toTensor(weights)));
        const numeric = oracle.centralGradientTree(
          (rows) => rows.reduce((sum, row) => sum + oracle.dot(expected(row), weights), 0),
          x,
        );
        expectClose(jit(grad(loss))(toTensor(x)), numeric);
        const atZero = readSync(jit(grad(loss))(np.zeros([2, 5])));
        expect([...atZero].every(Number.isFinite)).toBe(true);
      });
    });
  }

  it("have epsilon inside the root: a zero vector stays zero, a vector of length sqrt(epsilon) shrinks by sqrt(2)", () => {
    scope(() => {
      expect([...readSync(l2Normalize(np.zeros([3])))]).toEqual([0, 0, 0]);
      expectClose(l2Normalize(toTensor([1e-3, 0])), [Math.SQRT1_2, 0]);
    });
  });

  it("start as plain normalisations", () => {
    scope(() => {
      expect(toNumbers(initRmsNorm(3))).toEqual([1, 1, 1]);
      expect(toNumbers(initLayerNorm(3))).toEqual({ scale: [1, 1, 1], shift: [0, 0, 0] });
    });
  });
});
