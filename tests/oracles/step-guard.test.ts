import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { dot, identity } from "./matrix.ts";
import { memoryForward, randomMemory } from "./memory-mlp.ts";
import { randomSource } from "./random.ts";
import { causalStepGuard, keyKernel, tangentKernel } from "./step-guard.ts";
import { initialMemoryState, sliceSequence, titansRecurrence } from "./titans.ts";
import { flatten, maxDifference, treeNorm } from "./tree.ts";

const random = randomSource(6);
const constant = (length: number, value: number): number[] => new Array<number>(length).fill(value);

describe("oracle: causal step guard, section 9.2", () => {
  it("identical unit keys: the load counts tokens and the steps sum like 1/i²", () => {
    const key = random.unitVector(4);
    const keys = constant(50, 0).map(() => key);
    const { loads, stepSize } = causalStepGuard({
      kernel: keyKernel(keys),
      momentum: constant(50, 0),
      stepSize: constant(50, 1),
      kappa: 1,
    });
    for (const [t, load] of loads.entries()) expect(load).toBeCloseTo(t + 1, 12);
    for (const [t, step] of stepSize.entries()) expect(step).toBeCloseTo(1 / (t + 1) ** 2, 12);
    expect(stepSize.reduce((sum, step) => sum + step, 0)).toBeLessThan(Math.PI ** 2 / 6);
  });

  it("any step size: guarded steps of identical keys stay below the stability bound 2", () => {
    for (const theta of [1e-3, 0.01, 0.1, 0.3, 1, 10]) {
      for (const eta of [0, 0.5, 0.9, 0.999]) {
        const keys = constant(400, 0).map(() => [1]);
        const input = {
          kernel: keyKernel(keys),
          momentum: constant(400, eta),
          stepSize: constant(400, theta),
          kappa: 1,
        };
        const { stepSize } = causalStepGuard(input);
        const total = stepSize.reduce((sum, step) => sum + step / (1 - Math.min(eta, 0.99)), 0);
        expect(total).toBeLessThan(2);
      }
    }
  });

  it("is the identity for orthogonal keys and small steps, uses un-guarded gates, caps the momentum", () => {
    const orthogonal = {
      kernel: keyKernel([
        [1, 0],
        [0, 1],
      ]),
      momentum: [0.5, 0.5],
      stepSize: [0.5, 0.4],
      kappa: 1,
    };
    expect(causalStepGuard(orthogonal).stepSize).toEqual([0.5, 0.4]);
    const capped = causalStepGuard({ kernel: [[1]], momentum: [1], stepSize: [1], kappa: 1 });
    expect(capped.loads[0]).toBeCloseTo(100, 10);
    const twice = causalStepGuard({
      kernel: [
        [1, 1],
        [1, 1],
      ],
      momentum: [0, 0],
      stepSize: [4, 1],
      kappa: 0.5,
    });
    expect(twice.loads).toEqual([2, 2.5]);
    expect(twice.stepSize).toEqual([1, 1 / 6.25]);
  });

  it("is causal, and masked tokens load nothing", () => {
    const keys = Array.from({ length: 8 }, () => random.unitVector(3));
    const gates = { momentum: random.uniformVector(8, 0, 0.9), stepSize: random.uniformVector(8, 0, 1), kappa: 1 };
    const whole = causalStepGuard({ kernel: keyKernel(keys), ...gates });
    const changed = keys.map((key, t) => (t === 5 ? random.unitVector(3) : key));
    const after = causalStepGuard({ kernel: keyKernel(changed), ...gates });
    expect(after.stepSize.slice(0, 5)).toEqual(whole.stepSize.slice(0, 5));
    expect(after.stepSize[6]).not.toBe(whole.stepSize[6]);

    const mask = keys.map((_, t) => t !== 2);
    const valid = <T>(items: T[]): T[] => items.filter((_, t) => mask[t]);
    const masked = causalStepGuard({ kernel: keyKernel(keys), ...gates, mask });
    const removed = causalStepGuard({
      kernel: keyKernel(valid(keys)),
      momentum: valid(gates.momentum),
      stepSize: valid(gates.stepSize),
      kappa: 1,
    });
    expect(valid(masked.stepSize)).toEqual(removed.stepSize);
    expect(masked.stepSize[2]).toBe(0);
  });

  it("the tangent kernel bounds the change of output t caused by a unit output error at j", () => {
    const network = { activation: "silu" as const, residual: false, normEpsilon: 0 };
    const base = randomMemory(random, [3, 5, 3], false);
    const keys = random.normalMatrix(4, 3);
    const kernel = tangentKernel(network, base, keys);
    const jacobians = keys.map((key) =>
      [0, 1, 2].map((c) => flatten(centralGradientTree((w) => memoryForward(network, w, key)[c]!, base))),
    );
    keys.forEach((_, t) => {
      keys.forEach((__, j) => {
        const block = jacobians[t]!.map((rowT) => jacobians[j]!.map((rowJ) => dot(rowT, rowJ)));
        for (let trial = 0; trial < 5; trial++) {
          const error = random.unitVector(3);
          const moved = block.map((row) => dot(row, error));
          expect(treeNorm(moved)).toBeLessThanOrEqual(kernel[t]![j]! + 1e-7);
        }
      });
    });
    // With the identity activation and unit matrices: |k·k'| + |k·k'| ‖I‖².
    const unit = { layers: [identity(3), identity(3)], norm: null };
    const flat = tangentKernel({ ...network, activation: "identity" }, unit, keys);
    expect(
      maxDifference(
        flat,
        keyKernel(keys).map((row) => row.map((overlap) => overlap * 4)),
      ),
    ).toBeLessThan(1e-13);
    const wide = { layers: [identity(3), [[2, 0, 0]]], norm: null };
    const gain = tangentKernel({ ...network, activation: "identity" }, wide, [[1, 0, 0]]);
    expect(gain).toEqual([[1 + 4]]);
    expect(tangentKernel(network, { layers: [base.layers[0]!], norm: null }, keys)).toEqual(keyKernel(keys));
    expect(() => tangentKernel(network, randomMemory(random, [3, 3, 3, 3], false), keys)).toThrow("depth 3");
  });

  it.each(["keys", "tangent"] as const)(
    "in the recurrence (%s): restarts in each chunk and survives any cut",
    (guard) => {
      const network = { activation: "silu" as const, residual: false, normEpsilon: 0 };
      const base = randomMemory(random, [3, 5, 3], false);
      const length = 8;
      const sequence = {
        keys: Array.from({ length }, () => random.unitVector(3)),
        values: random.normalMatrix(length, 3),
        queries: random.normalMatrix(length, 3),
        forget: constant(length, 0.1),
        momentum: random.uniformVector(length, 0, 0.9),
        stepSize: constant(length, 0.5),
      };
      const options = { network, kappa: 1, chunk: 3, read: "after" as const, guard };
      const whole = titansRecurrence(sequence, initialMemoryState(base), options);
      const kernelOf =
        guard === "keys" ? keyKernel : (keys: number[][]) => tangentKernel(network, whole.trace[2]!.weights, keys);
      const second = sliceSequence(sequence, 3, 6);
      const expected = causalStepGuard({ ...second, kernel: kernelOf(second.keys), kappa: 1 });
      expect(whole.stepSizes.slice(3, 6)).toEqual(expected.stepSize);
      expect(whole.stepSizes[5]).toBeLessThan(5);
      for (let cut = 1; cut < length; cut++) {
        const first = titansRecurrence(sliceSequence(sequence, 0, cut), initialMemoryState(base), options);
        const rest = titansRecurrence(sliceSequence(sequence, cut, length), first.state, options);
        expect(rest.state).toEqual(whole.state);
      }
    },
  );

  it("keeps a linear memory bounded where it diverges without: identical keys, chunk 16, step 1, momentum 0.9", () => {
    const network = { activation: "identity" as const, residual: false, normEpsilon: 0 };
    const length = 160;
    const key = random.unitVector(6);
    const sequence = {
      keys: constant(length, 0).map(() => key),
      values: constant(length, 0).map(() => random.normalVector(6)),
      queries: constant(length, 0).map(() => key),
      forget: constant(length, 1e-3),
      momentum: constant(length, 0.9),
      stepSize: constant(length, 1),
    };
    const start = initialMemoryState(randomMemory(random, [6, 6], false));
    const options = { network, kappa: 1, chunk: 16, read: "after" as const };
    const free = titansRecurrence(sequence, start, options);
    const guarded = titansRecurrence(sequence, start, { ...options, guard: "keys" });
    expect(treeNorm(free.state.weights)).toBeGreaterThan(1e8);
    expect(Math.max(...guarded.losses)).toBeLessThan(50);
    expect(maxDifference(guarded.stepSizes, sequence.stepSize)).toBeGreaterThan(0.9);
  });
});
