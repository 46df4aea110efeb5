import { describe, expect, it } from "vitest";
import { jit, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  gatesFromValues,
  higherOrderMomentum,
  type MemoryState,
  memoryChunk,
  momentumLeeway,
  recurrentMemory,
  type StepGuard,
  stepGuards,
} from "../../src/titans/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { architectureOf, memoryTensors, randomCell, randomWeights, tokenTensors, weightsOf } from "./memory-cases.ts";
import { expectNear } from "./memory-runs.ts";

describe("momentum of a higher order", () => {
  it("is a chain of leaky sums, each fed by the one below", () => {
    scope(() => {
      const architecture = architectureOf();
      const random = oracle.randomSource(401);
      const [gradient, ...past] = Array.from({ length: 4 }, () => randomWeights(random, architecture));
      const after = higherOrderMomentum(
        past.map((weights) => memoryTensors(weights)),
        memoryTensors(gradient!),
        np.full([], 0.75),
        np.full([], 0.5),
      );
      let below = oracle.combine(0.75, past[0]!, -0.5, gradient!);
      after.forEach((surprise, k) => {
        if (k > 0) below = oracle.combine(0.75, past[k]!, 1, below);
        expectNear(oracle.flatten(weightsOf(toNumbers(surprise))), oracle.flatten(below), 1e-6);
      });
    });
  });

  it("is carried by the token-by-token form as by the oracle", () => {
    scope(() => {
      const architecture = architectureOf();
      const cell = randomCell(402, architecture, 7);
      const lower = randomWeights(oracle.randomSource(403), architecture, 0.1);
      const state = {
        memory: memoryTensors(cell.weights),
        surprise: memoryTensors(cell.momentum),
        lowerSurprises: [memoryTensors(lower)],
      };
      const { keys, values, queries, forget, momentum, stepSize } = tokenTensors(cell);
      const actual = recurrentMemory(architecture, state, { keys, values, queries, forget, momentum, stepSize }, 3);
      const start = oracle.initialStableState(cell.weights, 2, [lower, cell.momentum]);
      const network = { activation: "silu" as const, residual: false, normEpsilon: 1e-3 };
      const expected = oracle.stableRecurrence(cell.sequence, start, { network, kappa: 1, chunk: 3, read: "after" });
      expectNear(actual.outputs, expected.outputs, 1e-5);
      const { surprise, lowerSurprises } = actual.state;
      const momenta = [...lowerSurprises!, surprise].map((tree) => weightsOf(toNumbers(tree)));
      expectNear(oracle.flatten(momenta), oracle.flatten(expected.state.momenta), 1e-5);
    });
  });
});

/** The largest error of the last tenth of a scalar memory written with one key over and over, relative to its start. */
function swing(gain: number, leak: number, order: number, tokens: number): number {
  let error = 1;
  const surprises = new Array<number>(order).fill(0);
  let largest = 0;
  for (let t = 0; t < tokens; t++) {
    let arriving = -gain * error;
    for (let k = 0; k < order; k++) {
      arriving += (1 - leak) * surprises[k]!;
      surprises[k] = arriving;
    }
    error += arriving;
    if (!Number.isFinite(error)) return Number.POSITIVE_INFINITY;
    if (t > 0.9 * tokens) largest = Math.max(largest, Math.abs(error));
  }
  return largest;
}

describe("the leeway of the step guards", () => {
  it("is half of the gain from which on a memory and its momentum swing against each other", () => {
    const leak = 0.01;
    for (const order of [2, 3, 4]) {
      const critical = 2 * momentumLeeway(leak, order);
      // Steps of a hundredth of the momentum's time: a few per cent from continuous time.
      expect(swing(0.9 * critical, leak, order, 40_000), `order ${order}`).toBeLessThan(0.05);
      expect(swing(1.1 * critical, leak, order, 40_000), `order ${order}`).toBeGreaterThan(20);
      // What is safe at order 1 is far beyond it.
      expect(swing(momentumLeeway(leak, 1), leak, order, 40_000), `order ${order}`).toBeGreaterThan(20);
    }
    expect(momentumLeeway(leak, 1)).toBe(leak);
    expect(swing(momentumLeeway(leak, 1), leak, 1, 40_000)).toBeLessThan(0.05);
  });

  const [dim, tokens] = [4, 2048];

  /** The largest weight of a memory that is written with one key over and over, as strongly as the gates allow. */
  function largestWeight(stepGuard: StepGuard, order: number, chunk: number, maxMomentum: number): number {
    const architecture = architectureOf({ depth: 1, dim });
    const random = oracle.randomSource(404);
    return scope(() => {
      const zero = { layers: [np.zeros([dim, dim])] };
      const rows = (vector: oracle.Vector) => toTensor(Array.from({ length: chunk }, () => vector));
      const [keys, values] = [rows(random.unitVector(dim)), rows(random.unitVector(dim))];
      const gates = gatesFromValues(np.full([chunk], 0.001), np.full([chunk], maxMomentum), np.full([chunk], 1));
      const run = jit((state: MemoryState) => {
        const next = memoryChunk(architecture, state, { keys, values, queries: keys }, gates, {
          stepGuard,
          maxMomentum,
        });
        return { state: next.state, size: np.max(np.absolute(next.state.memory.layers[0]!)) };
      });
      let state: MemoryState = {
        memory: zero,
        surprise: zero,
        lowerSurprises: Array.from({ length: order - 1 }, () => zero),
      };
      let largest = 0;
      for (let done = 0; done < tokens; done += chunk) {
        const result = run(state);
        largest = Math.max(largest, readSync(result.size)[0]!);
        if (!(largest < 1e6)) return Number.POSITIVE_INFINITY;
        state = result.state;
      }
      return largest;
    });
  }

  for (const guard of stepGuards.filter((name) => name !== "off")) {
    it(`lets the ${guard} guard bound one key written over and over, at every order, momentum and chunk`, () => {
      for (const order of [2, 3]) {
        for (const maxMomentum of [0.5, 0.9]) {
          for (const chunk of [1, 16]) {
            const found = largestWeight(guard, order, chunk, maxMomentum);
            // The value has length one, and an overshoot of everything would double it.
            expect(found, `order ${order}, momentum ${maxMomentum}, chunks of ${chunk}`).toBeLessThan(2);
          }
        }
      }
    });
  }

  it("is needed: without a guard the same memory diverges", () => {
    expect(largestWeight("off", 2, 16, 0.5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("makes steps smaller with each order", () => {
    scope(() => {
      const cell = randomCell(405, architectureOf(), 8);
      const { keys, values, queries } = tokenTensors(cell);
      const gates = gatesFromValues(np.zeros([8]), np.full([8], 0.8), np.ones([8]));
      const [weights, other] = [memoryTensors(cell.weights), memoryTensors(cell.momentum)];
      for (const stepGuard of stepGuards.filter((name) => name !== "off")) {
        const steps = [1, 2, 3].map((order) => {
          const lowerSurprises = Array.from({ length: order - 1 }, () => other);
          const state = { memory: weights, surprise: other, ...(order > 1 ? { lowerSurprises } : {}) };
          const result = memoryChunk(architectureOf(), state, { keys, values, queries }, gates, { stepGuard });
          return readSync(slice(result.stepSize as Tensor, 7))[0]!;
        });
        expect(steps[1]).toBeLessThan(steps[0]!);
        expect(steps[2]).toBeLessThan(steps[1]!);
      }
    });
  });
});
