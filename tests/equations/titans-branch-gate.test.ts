import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { branchGate, branchGates, initBranchGate } from "../../src/titans/index.ts";
import { expectClose, randomMatrix, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

const [y, m] = [randomMatrix(21, 5, 6), randomMatrix(22, 5, 6)];
const scales = { attention: randomMatrix(23, 1, 6)[0]!, memory: randomMatrix(24, 1, 6)[0]! };

describe("the gate of the branches", () => {
  for (const kind of branchGates) {
    it(`Titans Eq. 25, 28: branchGate equals the scalar formula: ${kind}`, () => {
      scope(() => {
        const params = { attention: toTensor(scales.attention), memory: toTensor(scales.memory) };
        expectClose(branchGate(kind, params, toTensor(y), toTensor(m)), oracle.branchGate(kind, y, m, scales));
      });
    });
  }

  it("Titans Eq. 25, 28: branchGate lets nothing through where the memory says no, and passes its branch unchanged by size", () => {
    scope(() => {
      const closed = { attention: np.ones([6]), memory: np.full([6], -1e4, { dtype: "float32" }) };
      const positive = np.absolute(toTensor(m));
      expect(Math.max(...readSync(np.absolute(branchGate("sigmoid", closed, toTensor(y), positive))))).toBe(0);
      const fresh = initBranchGate(6);
      // Norms make each branch's size irrelevant.
      const [once, larger] = [1, 50].map((size) =>
        branchGate("sigmoid", fresh, np.multiply(toTensor(y), size), toTensor(m)),
      );
      expectClose(larger!, once!, 1e-5);
    });
  });

  it("Titans Eq. 25, 28: branchGate has a gradient to the memory unless its scale is zero", () => {
    scope(() => {
      const largest = (memory: Tensor) => {
        const params = { attention: np.ones([6]), memory };
        const loss = (x: Tensor) => np.sum(np.multiply(branchGate("sigmoid", params, toTensor(y), x), toTensor(y)));
        return Math.max(...readSync(np.absolute(grad(loss)(toTensor(m)))));
      };
      expect(largest(np.ones([6]))).toBeGreaterThan(1e-2);
      expect(largest(np.zeros([6]))).toBe(0);
      const fresh = toNumbers(initBranchGate(2)) as { attention: number[]; memory: number[] };
      expect(fresh.memory).toEqual([1, 1]);
      for (const scale of fresh.attention) expect(scale).toBeCloseTo(0.2, 6);
    });
  });
});
