import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  addSurprise,
  forgetMemory,
  type MemoryState,
  memoryUpdate,
  momentarySurprise,
  retrieve,
  surpriseMomentum,
} from "../../src/titans/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  memoryTensors,
  networkOf,
  perCell,
  randomCell,
  randomCells,
  sliceTokens,
  stateTensors,
  type TokenTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { expectMemory, expectNear, recurrence, relativeTo } from "../titans/memory-runs.ts";

const architecture = architectureOf({ depth: 2 });
const cells = randomCells(31, architecture, 9);
const gradients = randomCells(32, architecture, 1);

/** The same gate for all four memories. */
function all(value: number): Tensor {
  return np.full([2, 2], value);
}

describe("forgetting", () => {
  it("Titans Eq. 13: forgetMemory scales each memory by what its own gate leaves", () => {
    scope(() => {
      const forget = [
        [0, 0.25],
        [1, 0.9],
      ];
      const expected = cells.map((row, i) =>
        row.map(({ weights }, j) => oracle.combine(1 - forget[i]![j]!, weights, 0, weights)),
      );
      expectMemory(forgetMemory(stateTensors(cells).memory, toTensor(forget)), expected, 1e-7);
    });
  });

  it("Titans Eq. 13-14: memoryUpdate without surprise leaves the product of what every token leaves", () => {
    scope(() => {
      const nothing = memoryTensors(cells.map((row) => row.map(({ weights }) => oracle.zerosLike(weights))));
      let state: MemoryState = { memory: stateTensors(cells).memory, surprise: nothing };
      const forgets = [0.1, 0.5, 0, 0.03];
      for (const forget of forgets) {
        state = memoryUpdate(state, stateTensors(gradients).memory, {
          forget: all(forget),
          momentum: all(0.7),
          stepSize: all(0),
        });
      }
      const left = forgets.reduce((product, forget) => product * (1 - forget), 1);
      const expected = cells.map((row) => row.map(({ weights }) => oracle.combine(left, weights, 0, weights)));
      expectMemory(state.memory, expected, 5e-7);
    });
  });
});

describe("the update rule", () => {
  for (const depth of [1, 2, 3]) {
    it(`Titans Eq. 13-14: memoryUpdate equals the scalar recurrence over nine tokens at depth ${depth}`, () => {
      scope(() => {
        const deep = architectureOf({ depth, norm: depth === 3 });
        const memories = randomCells(33, deep, 9);
        const tokens = tokenTensors(memories);
        const step = jit((state: MemoryState, { keys, values, forget, momentum, stepSize }: TokenTensors) => {
          const only = (x: Tensor) => slice(x, [], [], 0);
          const surprise = momentarySurprise(deep, state.memory, only(keys), only(values));
          const gates = { forget: only(forget), momentum: only(momentum), stepSize: only(stepSize) };
          return memoryUpdate(state, surprise, gates);
        });
        let state = stateTensors(memories);
        for (let t = 0; t < 9; t++) state = step(state, sliceTokens(tokens, t, t + 1));
        const expected = recurrence(deep, memories, 1);
        const of = (name: "weights" | "momentum") =>
          (expected as oracle.RecurrenceResult[][]).map((row) => row.map((result) => result.state[name]));
        // Nine float32 updates, relative to the largest entry: worst seen 2e-6, with an output norm.
        expectMemory(state.memory, of("weights"), 2e-5);
        expectMemory(state.surprise, of("momentum"), 2e-5);
      });
    });
  }

  it("Titans Eq. 13-14: memoryUpdate that forgets everything leaves exactly the carried surprise, which forgetting does not touch", () => {
    scope(() => {
      const gates = { forget: all(1), momentum: all(0.6), stepSize: all(0.3) };
      const { memory, surprise } = memoryUpdate(stateTensors(cells), stateTensors(gradients).memory, gates);
      expect(toNumbers(memory)).toEqual(toNumbers(surprise));
      const expected = cells.map((row, i) =>
        row.map(({ momentum }, j) => oracle.combine(0.6, momentum, -0.3, gradients[i]![j]!.weights)),
      );
      expectMemory(surprise, expected, 1e-6);
    });
  });

  it("Titans Eq. 13-14: memoryUpdate without forgetting is Eq. 9-10", () => {
    scope(() => {
      const [start, gradient] = [stateTensors(cells), stateTensors(gradients).memory];
      const { memory } = memoryUpdate(start, gradient, { forget: all(0), momentum: all(0.6), stepSize: all(0.3) });
      const surprise = surpriseMomentum(start.surprise, gradient, all(0.6), all(0.3));
      expect(toNumbers(memory)).toEqual(toNumbers(addSurprise(start.memory, surprise)));
    });
  });

  it("Titans Eq. 13-14: memoryUpdate takes the gradient at the weights before the decay; at the decayed ones it would differ", () => {
    scope(() => {
      const cell = randomCell(34, architecture, 1);
      const { weights, momentum, sequence } = cell;
      const [key, value] = [sequence.keys[0]!, sequence.values[0]!];
      const surprise = momentarySurprise(architecture, memoryTensors(weights), toTensor(key), toTensor(value));
      const gates = { forget: toTensor(0.5), momentum: toTensor(0.5), stepSize: toTensor(0.5) };
      const { memory } = memoryUpdate(stateTensors(cell), surprise, gates);
      const updatedAt = (point: oracle.MemoryWeights) => {
        const gradient = oracle.memoryGradient(networkOf(architecture), point, key, value, 1);
        return oracle.combine(0.5, weights, 1, oracle.combine(0.5, momentum, -0.5, gradient));
      };
      expectMemory(memory, updatedAt(weights), 1e-6);
      const mistaken = updatedAt(oracle.combine(0.5, weights, 0, weights));
      expect(relativeTo(toNumbers(memory), mistaken.layers)).toBeGreaterThan(0.02);
    });
  });

  it("Titans Eq. 13-14: memoryUpdate refuses a gradient of another network", () => {
    scope(() => {
      const other = randomCells(35, architectureOf({ depth: 3 }), 1);
      const gates = { forget: all(0), momentum: all(0), stepSize: all(0) };
      expect(() => memoryUpdate(stateTensors(cells), stateTensors(other).memory, gates)).toThrow(ShapeError);
    });
  });
});

describe("retrieval", () => {
  for (const depth of [1, 2, 3, 4]) {
    it(`Titans Eq. 15: retrieve is the network's forward pass at depth ${depth}, and changes no bit of the memory`, () => {
      for (const wrapped of [false, true]) {
        scope(() => {
          const deep = architectureOf({
            depth,
            activation: wrapped ? "gelu" : "silu",
            residual: wrapped,
            norm: wrapped,
          });
          const memories = randomCells(36, deep, 5);
          const { memory } = stateTensors(memories);
          const original = toNumbers(memory);
          const expected = perCell(memories, ({ weights, sequence }) =>
            sequence.queries.map((query) => oracle.memoryForward(networkOf(deep), weights, query)),
          );
          // Float32 through four layers: worst seen 2e-7.
          expectNear(retrieve(deep, memory, tokenTensors(memories).queries), expected, 5e-6);
          expect(toNumbers(memory)).toEqual(original);
        });
      }
    });
  }

  const linear = architectureOf({ depth: 1 });
  const random = oracle.randomSource(37);
  const [key, value] = [random.unitVector(5), random.normalVector(5)];

  it("Titans Eq. 15: retrieve returns the value that one exact store has written at its key", () => {
    scope(() => {
      const cell = randomCell(38, linear, 1);
      const start = { memory: memoryTensors(cell.weights), surprise: memoryTensors(oracle.zerosLike(cell.momentum)) };
      const surprise = momentarySurprise(linear, start.memory, toTensor(key), toTensor(value));
      const gates = { forget: toTensor(0), momentum: toTensor(0.9), stepSize: toTensor(1) };
      const { memory } = memoryUpdate(start, surprise, gates);
      expectNear(retrieve(linear, memory, toTensor([key])), [value], 1e-6);
    });
  });

  it("Titans Eq. 15: retrieve lets outer gradients flow to the value of an earlier token", () => {
    scope(() => {
      const cell = randomCell(39, linear, 1);
      const gates = { forget: toTensor(0.25), momentum: toTensor(0), stepSize: toTensor(0.5) };
      const read = (stored: Tensor) => {
        const start = stateTensors(cell);
        const surprise = momentarySurprise(linear, start.memory, toTensor(key), stored);
        const { memory } = memoryUpdate(start, surprise, gates);
        return np.sum(retrieve(linear, memory, toTensor([key])));
      };
      // M k = ... + theta v (k.k), so every feature of the value has the step size as its gradient.
      expectNear(grad(read)(toTensor(value)), [0.5, 0.5, 0.5, 0.5, 0.5], 1e-6);
      expect(readSync(read(toTensor(value)))[0]).not.toBe(0);
    });
  });
});
