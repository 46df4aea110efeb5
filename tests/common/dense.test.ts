import { describe, expect, it } from "vitest";
import { key, np, readSync, scope } from "../../src/array/index.ts";
import { dense, initDense } from "../../src/common/index.ts";
import { project } from "../oracles/index.ts";
import { expectClose, randomSequences, toNumbers, toTensor } from "./tensors.ts";

describe("dense maps", () => {
  it("equal the scalar product", () => {
    scope(() => {
      const weight = initDense(key(1), 5, 3);
      const x = randomSequences(1, 2, 7, 5);
      const numbers = toNumbers(weight) as number[][];
      expectClose(
        dense(weight, toTensor(x)),
        x.map((sequence) => project(sequence, numbers)),
      );
    });
  });

  it("start with deviation gain / sqrt(inputs)", () => {
    scope(() => {
      // 6,000 samples: the deviation is known to 1 %.
      expect(Math.abs(readSync(np.std(initDense(key(1), 100, 60)))[0]! / 0.1 - 1)).toBeLessThan(0.05);
      expect(Math.abs(readSync(np.std(initDense(key(1), 100, 60, 0.5)))[0]! / 0.05 - 1)).toBeLessThan(0.05);
    });
  });
});
