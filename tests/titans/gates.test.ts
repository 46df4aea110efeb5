import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { gatesFromLogits, gatesFromValues } from "../../src/titans/index.ts";
import { sigmoid, softplus } from "../oracles/index.ts";

const logits = [-100, -50, -20, -5, -1, 0, 0.5, 3, 17, 50, 100];

/** The largest error relative to each value; where both are 0 there is none. */
function relativeErrors(actual: Tensor, expected: readonly number[]): number {
  const errors = [...readSync(actual)].map((value, i) =>
    value === expected[i] ? 0 : Math.abs(value - expected[i]!) / Math.abs(expected[i]!),
  );
  return Math.max(...errors);
}

describe("gates", () => {
  it("from logits are finite logarithms, accurate relative to themselves up to logits of plus and minus 50", () => {
    scope(() => {
      const z = tensor(logits);
      const gates = gatesFromLogits({ forget: z, momentum: z, stepSize: z }, 0.25);
      const moderate = logits.filter((logit) => Math.abs(logit) <= 50).length;
      const inner = (x: Tensor) => np.split(x, [1, 1 + moderate], 0)[1]!;
      const expected = logits.slice(1, -1);
      // Exponentials of float32 numbers up to 50: worst seen 2e-6.
      expect(
        relativeErrors(
          inner(gates.logRetain),
          expected.map((logit) => -softplus(logit)),
        ),
      ).toBeLessThan(1e-5);
      expect(
        relativeErrors(
          inner(gates.logMomentum),
          expected.map((logit) => -softplus(-logit)),
        ),
      ).toBeLessThan(1e-5);
      expect(
        relativeErrors(
          inner(gates.stepSize),
          expected.map((logit) => 0.25 * sigmoid(logit)),
        ),
      ).toBeLessThan(1e-5);
      for (const gate of Object.values(gates)) {
        expect([...readSync(gate as Tensor)].every(Number.isFinite)).toBe(true);
      }
    });
  });

  it("from logits cap momentum, and leave momentum below the cap alone", () => {
    scope(() => {
      const z = tensor(logits);
      const capped = gatesFromLogits({ forget: z, momentum: z, stepSize: z }, 1, 0.9).logMomentum;
      const free = gatesFromLogits({ forget: z, momentum: z, stepSize: z }, 1).logMomentum;
      const expected = [...readSync(free)].map((log) => Math.min(log, Math.fround(Math.log(0.9))));
      expect([...readSync(capped)]).toEqual(expected);
    });
  });

  it("from logits have finite gradients at saturation", () => {
    scope(() => {
      const total = (z: Tensor) => {
        const gates = gatesFromLogits({ forget: z, momentum: z, stepSize: z }, 1, 0.999);
        return np.sum(np.add(np.add(gates.logRetain, gates.logMomentum), gates.stepSize));
      };
      expect([...readSync(grad(total)(tensor(logits)))].every(Number.isFinite)).toBe(true);
    });
  });

  it("from values include exactly 0 and 1", () => {
    scope(() => {
      const values = [0, 0.25, 0.5, 0.75, 1];
      const x = tensor(values);
      const gates = gatesFromValues(x, x, x);
      const exponential = (log: Tensor) => [...readSync(np.exp(log))];
      exponential(gates.logRetain).forEach((left, i) => {
        expect(left).toBeCloseTo(1 - values[i]!, 5);
      });
      exponential(gates.logMomentum).forEach((carried, i) => {
        expect(carried).toBeCloseTo(values[i]!, 5);
      });
      expect([exponential(gates.logRetain)[4], exponential(gates.logMomentum)[0]]).toEqual([0, 0]);
      expect([exponential(gates.logRetain)[0], exponential(gates.logMomentum)[4]]).toEqual([1, 1]);
      expect([...readSync(gates.stepSize)]).toEqual(values);
    });
  });
});

it("gates of exactly 0 and 1 close exactly, and have a finite gradient", () => {
  scope(() => {
    const values = tensor([0, 1, 0.5, 1, 0]);
    const total = (forget: Tensor, momentum: Tensor) => {
      const { logRetain, logMomentum } = gatesFromValues(forget, momentum, np.ones([5]));
      return np.sum(np.add(np.exp(logRetain), np.exp(logMomentum)));
    };
    const { logRetain, logMomentum } = gatesFromValues(values, values, np.ones([5]));
    expect([...readSync(np.exp(logRetain))]).toEqual([1, 0, 0.5, 0, 1]);
    expect([...readSync(np.exp(logMomentum))]).toEqual([0, 1, 0.5, 1, 0]);
    const gradients = [...readSync(grad(total)(values, values))];
    // d(1 - a)/da = -1 where the gate is open at all; a closed one has no slope.
    expect(gradients.map((g) => Math.round(g * 1e4) / 1e4)).toEqual([-1, 0, -1, 0, -1]);
  });
});
