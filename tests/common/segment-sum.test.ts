import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { cumulativeProducts, finiteLogGates, segmentProducts } from "../../src/common/index.ts";
import { chunkCoefficients, randomSource, type Vector } from "../oracles/index.ts";
import { expectClose, toNumbers, toTensor } from "./tensors.ts";

/** Products of gates between positions, by explicit loops. */
function products(gates: Vector) {
  const nothing = gates.map(() => 0);
  return chunkCoefficients({ forget: gates.map((gate) => 1 - gate), momentum: gates, stepSize: nothing });
}

/** The smallest positive float32 that is not denormal. */
const SMALLEST = 1.2e-38;

describe("products of gates between positions", () => {
  for (const tokens of [1, 2, 13, 64]) {
    it(`are exponentials of sums of logarithms over ${tokens} tokens`, () => {
      scope(() => {
        const gates = randomSource(tokens).uniformVector(tokens, 0.5, 1);
        const logs = toTensor(gates.map(Math.log));
        const { H, h } = products(gates);
        expectClose(segmentProducts(logs), H);
        expectClose(cumulativeProducts(logs), h);
      });
    });
  }

  it("keep their digits where the product from the start has underflowed and a quotient would be 0/0", () => {
    scope(() => {
      const logs = Array.from({ length: 256 }, (_, t) => (t % 2 === 0 ? -2.5 : -0.25));
      const matrix = toNumbers(segmentProducts(toTensor(logs))) as number[][];
      expect(readSync(cumulativeProducts(toTensor(logs)))[255]).toBe(0);
      for (const [t, i, log] of [
        [255, 254, -0.25],
        [254, 253, -2.5],
        [255, 253, -2.75],
        [100, 90, -13.75],
      ] as const) {
        // Ten logarithms that are exact in float32; the array library's exponential is good to 7e-7.
        expect(Math.abs(matrix[t]![i]! / Math.exp(log) - 1)).toBeLessThan(2e-6);
      }
    });
  });

  it("are 1 on the diagonal and 0 above it, whatever the gates", () => {
    scope(() => {
      const logs = [Number.NEGATIVE_INFINITY, 0, -50, -1e-30, Number.NEGATIVE_INFINITY, -3];
      const matrix = toNumbers(segmentProducts(toTensor(logs))) as number[][];
      matrix.forEach((row, t) => {
        row.forEach((value, i) => {
          if (i === t) expect(value).toBe(1);
          if (i > t) expect(value).toBe(0);
        });
      });
    });
  });

  it("are 0 where they are less than float64 can tell beside 1, and owe their gates nothing", () => {
    scope(() => {
      const logs = toTensor([0, -39, -1.5, 0]);
      const matrix = toNumbers(segmentProducts(logs)) as number[][];
      expect(matrix[1]![0]).toBeCloseTo(Math.exp(-39), 23);
      expect([matrix[2]![0], matrix[3]![0]]).toEqual([0, 0]);
      expect([...readSync(cumulativeProducts(logs))].slice(2)).toEqual([0, 0]);
      const gradient = readSync(grad((x: Tensor) => np.sum(segmentProducts(x)))(logs));
      // The gate at 2 is in the products [2,1], [3,1] (and in [2,0] and [3,0], which count as 0).
      expect(gradient[2]).toBeCloseTo(2 * Math.exp(-1.5), 6);
      expect(gradient[1]).toBeCloseTo(Math.exp(-39), 23);
    });
  });

  it("are exactly 0 across an exactly closed gate and untouched beside it", () => {
    scope(() => {
      const logs = toTensor([Math.log(0.5), Number.NEGATIVE_INFINITY, Math.log(0.25)]);
      const matrix = toNumbers(segmentProducts(logs)) as number[][];
      expect([matrix[1]![0], matrix[2]![0]]).toEqual([0, 0]);
      expect(matrix[2]![1]).toBeCloseTo(0.25, 6);
      expect([...readSync(cumulativeProducts(logs))].slice(1)).toEqual([0, 0]);
    });
  });

  it("are taken over the last axis of any number of axes", () => {
    scope(() => {
      const random = randomSource(5);
      const gates = [0, 1].map(() => [0, 1, 2].map(() => random.uniformVector(4, 0.1, 1)));
      const logs = toTensor(gates.map((row) => row.map((head) => head.map(Math.log))));
      expectClose(
        segmentProducts(logs),
        gates.map((row) => row.map((head) => products(head).H)),
      );
      expectClose(
        cumulativeProducts(logs),
        gates.map((row) => row.map((head) => products(head).h)),
      );
    });
  });

  it("have finite gradients where products vanish", () => {
    scope(() => {
      const total = (logs: Tensor) => np.add(np.sum(segmentProducts(logs)), np.sum(cumulativeProducts(logs)));
      const logs = tensor([-50, -1e3, 0, -1e-30, -0.5, -1e4, -90]);
      expect([...readSync(grad(total)(logs))].every(Number.isFinite)).toBe(true);
    });
  });
});

describe("finite logarithms", () => {
  it("replace only what has no finite one, by a number whose exponential is 0", () => {
    scope(() => {
      const logs = finiteLogGates(toTensor([Number.NEGATIVE_INFINITY, Math.log(SMALLEST), -1, 0]));
      const values = [...readSync(logs)];
      expect(Number.isFinite(values[0])).toBe(true);
      expect(readSync(np.exp(logs))[0]).toBe(0);
      expect(values.slice(1)).toEqual([Math.fround(Math.log(SMALLEST)), -1, 0]);
    });
  });
});
