import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  deltaNetUpdate,
  gatesFromValues,
  type LinearMemoryState,
  linearMemoryUpdate,
  longhornStepSize,
  longhornUpdate,
  memoryChunk,
  memoryUpdate,
  momentarySurprise,
} from "../../src/titans/index.ts";
import { randomMatrix, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { architectureOf, rounded } from "../titans/memory-cases.ts";
import { expectNear, relativeTo } from "../titans/memory-runs.ts";

/** Odd sizes, and values of another width than keys. */
const [tokens, inputs, outputs] = [9, 5, 3];

/** Nine float32 steps with numbers of order one, relative to the largest: worst seen 4e-7. */
const tolerance = 5e-6;

const random = oracle.randomSource(301);
const sequence = rounded({
  keys: random.normalMatrix(tokens, inputs, 0.4),
  values: random.normalMatrix(tokens, outputs),
  stepSize: random.uniformVector(tokens, 0.1, 0.9),
});
const start = rounded(random.normalMatrix(outputs, inputs, 0.5));
const startSurprise = rounded(random.normalMatrix(outputs, inputs, 0.1));

function perToken<S>(state: S, step: (state: S, t: number) => S): S[] {
  let now = state;
  return sequence.keys.map((_, t) => {
    now = step(now, t);
    return now;
  });
}

const key = (t: number) => toTensor(sequence.keys[t]!);
const value = (t: number) => toTensor(sequence.values[t]!);
const stepSize = (t: number) => tensor([sequence.stepSize[t]!], []);

describe("the linear memory written out", () => {
  it("Titans Eq. 32-33: linearMemoryUpdate equals the recurrence with a gate for every output channel", () => {
    scope(() => {
      const gates = rounded({
        forget: Array.from({ length: tokens }, () => random.uniformVector(outputs, 0, 0.4)),
        momentum: Array.from({ length: tokens }, () => random.uniformVector(outputs, 0, 0.9)),
        stepSize: Array.from({ length: tokens }, () => random.uniformVector(outputs, 0, 0.8)),
      });
      const expected = oracle.linearMemory({ ...sequence, ...gates }, start, startSurprise);
      const states = perToken<LinearMemoryState>(
        { memory: toTensor(start), surprise: toTensor(startSurprise) },
        (state, t) => {
          const at = (name: keyof typeof gates) => toTensor(gates[name][t]!);
          return linearMemoryUpdate(state, key(t), value(t), {
            forget: at("forget"),
            momentum: at("momentum"),
            stepSize: at("stepSize"),
          });
        },
      );
      states.forEach(({ memory, surprise }, t) => {
        expectNear(memory, expected[t]!.memory, tolerance);
        expectNear(surprise, expected[t]!.surprise, tolerance);
      });
      // Gates of one channel leave the others alone.
      const shared = { ...gates, stepSize: gates.stepSize.map((row) => row.map(() => row[0]!)) };
      const other = oracle.linearMemory({ ...sequence, ...shared }, start, startSurprise).at(-1)!.memory;
      expect(relativeTo(expected.at(-1)!.memory, other)).toBeGreaterThan(0.01);
    });
  });

  it("Titans Eq. 32-33: linearMemoryUpdate takes the gradient of the halved squared error, by automatic differentiation", () => {
    scope(() => {
      const loss = (memory: Tensor) => {
        const error = np.subtract(np.squeeze(np.matmul(memory, np.expandDims(key(0), -1)), -1), value(0));
        return np.multiply(np.sum(np.square(error)), 0.5);
      };
      const gradient = grad(loss)(toTensor(start));
      const one = np.ones([1]);
      const none = { memory: toTensor(start), surprise: np.zeros([outputs, inputs]) };
      const { surprise } = linearMemoryUpdate(none, key(0), value(0), {
        forget: np.zeros([1]),
        momentum: one,
        stepSize: one,
      });
      expectNear(np.negative(surprise), gradient, tolerance);
    });
  });

  it("Titans Eq. 32-33: linearMemoryUpdate with one gate for all channels is memoryUpdate with a memory of one layer", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 1, dim: inputs });
      const square = {
        memory: toTensor(randomMatrix(302, inputs, inputs)),
        surprise: toTensor(randomMatrix(303, inputs, inputs)),
      };
      const [k, v] = [key(1), toTensor(random.normalVector(inputs))];
      const gates = { forget: 0.2, momentum: 0.7, stepSize: 0.4 };
      const asTensors = (shape: number[]) => ({
        forget: np.full(shape, gates.forget),
        momentum: np.full(shape, gates.momentum),
        stepSize: np.full(shape, gates.stepSize),
      });
      const written = linearMemoryUpdate(square, k, v, asTensors([1]));
      const state = { memory: { layers: [square.memory] }, surprise: { layers: [square.surprise] } };
      const gradient = momentarySurprise(architecture, state.memory, k, v);
      const general = memoryUpdate(state, gradient, asTensors([]));
      expectNear(written.memory, general.memory.layers[0]!, tolerance);
      expectNear(written.surprise, general.surprise.layers[0]!, tolerance);
    });
  });
});

describe("DeltaNet", () => {
  it("Titans Eq. 34: deltaNetUpdate equals the recurrence", () => {
    scope(() => {
      const expected = oracle.deltaNet(sequence, start);
      const states = perToken(toTensor(start), (memory, t) => deltaNetUpdate(memory, key(t), value(t), stepSize(t)));
      expectNear(np.stack(states), expected, tolerance);
    });
  });

  it("Titans Eq. 34: deltaNetUpdate is linearMemoryUpdate without momentum and forgetting, and memoryChunk of one token likewise", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 1, dim: inputs });
      const memory = toTensor(randomMatrix(304, inputs, inputs));
      const [k, v, step] = [key(2), toTensor(random.normalVector(inputs)), tensor([0.6], [])];
      const delta = deltaNetUpdate(memory, k, v, step);
      const none = np.zeros([1]);
      const zero = np.zeros([inputs, inputs]);
      const gates = { forget: none, momentum: none, stepSize: np.full([1], 0.6) };
      expectNear(linearMemoryUpdate({ memory, surprise: zero }, k, v, gates).memory, delta, tolerance);
      const [keys, values] = [np.expandDims(k, 0), np.expandDims(v, 0)];
      const { state } = memoryChunk(
        architecture,
        { memory: { layers: [memory] }, surprise: { layers: [zero] } },
        { keys, values, queries: keys },
        gatesFromValues(none, none, gates.stepSize),
      );
      expectNear(state.memory.layers[0]!, delta, tolerance);
    });
  });

  it("Titans Eq. 34: deltaNetUpdate after decay is the gated delta rule; linearMemoryUpdate is not, unless nothing is forgotten", () => {
    scope(() => {
      const run = (alpha: number) => {
        const forget = sequence.keys.map(() => alpha);
        const gated = oracle.gatedDeltaNet({ ...sequence, forget }, start).at(-1)!;
        const decayedFirst = perToken(toTensor(start), (memory, t) =>
          deltaNetUpdate(np.multiply(memory, 1 - alpha), key(t), value(t), stepSize(t)),
        ).at(-1)!;
        const linear = perToken<LinearMemoryState>(
          { memory: toTensor(start), surprise: np.zeros([outputs, inputs]) },
          (state, t) =>
            linearMemoryUpdate(state, key(t), value(t), {
              forget: np.full([1], alpha),
              momentum: np.zeros([1]),
              stepSize: np.reshape(stepSize(t), [1]),
            }),
        ).at(-1)!.memory;
        expectNear(decayedFirst, gated, tolerance);
        return relativeTo(gated, linear);
      };
      expect(run(0)).toBeLessThanOrEqual(tolerance);
      expect(run(0.25)).toBeGreaterThan(0.01);
    });
  });
});

describe("Longhorn", () => {
  it("Titans Eq. 35: longhornUpdate equals the recurrence", () => {
    scope(() => {
      const expected = oracle.longhorn(sequence, start);
      const states = perToken(toTensor(start), (memory, t) => longhornUpdate(memory, key(t), value(t), stepSize(t)));
      expectNear(np.stack(states), expected, tolerance);
    });
  });

  it("Titans Eq. 35: longhornUpdate minimises the distance to the memory plus the weighted loss", () => {
    scope(() => {
      const [memory, theta] = [toTensor(start), 2.5];
      const objective = (next: Tensor) => {
        const error = np.subtract(np.squeeze(np.matmul(next, np.expandDims(key(3), -1)), -1), value(3));
        const moved = np.sum(np.square(np.subtract(next, memory)));
        return np.multiply(np.add(moved, np.multiply(np.sum(np.square(error)), theta)), 0.5);
      };
      const minimum = longhornUpdate(memory, key(3), value(3), tensor([theta], []));
      // At the minimum of a quadratic the gradient is zero; at the explicit step it is not.
      const size = (at: Tensor) => Math.max(...[...readSync(grad(objective)(at))].map(Math.abs));
      expect(size(minimum)).toBeLessThan(tolerance);
      expect(size(deltaNetUpdate(memory, key(3), value(3), tensor([theta], [])))).toBeGreaterThan(0.1);
    });
  });

  it("Titans Eq. 35: longhornUpdate is deltaNetUpdate with longhornStepSize, whose step at a key stays below a full one", () => {
    scope(() => {
      for (const theta of [0.01, 1, 100, 1e4]) {
        const delta = longhornStepSize(tensor([theta], []), key(4));
        const full = readSync(delta)[0]! * oracle.dot(sequence.keys[4]!, sequence.keys[4]!);
        expect(full).toBeLessThanOrEqual(1);
        const squared = oracle.dot(sequence.keys[4]!, sequence.keys[4]!);
        expectNear(delta, [theta / (1 + theta * squared)], tolerance);
        const [memory, v] = [toTensor(start), value(4)];
        expectNear(
          longhornUpdate(memory, key(4), v, tensor([theta], [])),
          deltaNetUpdate(memory, key(4), v, delta),
          tolerance,
        );
      }
    });
  });

  it("Titans Eq. 35: longhornUpdate stores a value exactly as its step size grows", () => {
    scope(() => {
      const unit = oracle.randomSource(305).unitVector(inputs);
      const errorAt = (theta: number) => {
        const memory = longhornUpdate(toTensor(start), toTensor(unit), value(5), tensor([theta], []));
        const read = oracle.matVec(toNumbers(memory) as oracle.Matrix, unit);
        return oracle.norm(oracle.subtract(read, sequence.values[5]!));
      };
      const before = oracle.norm(oracle.subtract(oracle.matVec(start, unit), sequence.values[5]!));
      // The error shrinks by 1 / (1 + theta).
      for (const theta of [1, 10, 100]) expect(errorAt(theta)).toBeCloseTo(before / (1 + theta), 5);
      expect(errorAt(1e6)).toBeLessThan(1e-5);
    });
  });
});
