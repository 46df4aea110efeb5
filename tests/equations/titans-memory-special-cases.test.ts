import { describe, expect, it } from "vitest";
import { np, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { gatesFromValues, type MemoryState, memoryChunk, type ReadMode, readModes } from "../../src/titans/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  type MemoryCell,
  memoryTensors,
  randomCell,
  randomCells,
  stateTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { chunkProgram, chunkwise, expectNear, relativeTo } from "../titans/memory-runs.ts";

const linear = architectureOf({ depth: 1 });
const tokens = 12;

/** A cell whose gates, where given, are the same for all tokens; nothing is carried in. */
function withGates(cell: MemoryCell, gates: Partial<Record<"forget" | "momentum" | "stepSize", number>>): MemoryCell {
  const constant = Object.fromEntries(
    Object.entries(gates).map(([name, value]) => [name, cell.sequence.keys.map(() => value)]),
  );
  return { ...cell, momentum: oracle.zerosLike(cell.momentum), sequence: { ...cell.sequence, ...constant } };
}

/** The final weights of a linear memory after chunks of one token. */
function onlineWeights(cell: MemoryCell): oracle.Matrix {
  const { state } = chunkwise(chunkProgram(linear, {}, "values"), stateTensors(cell), tokenTensors(cell), 1);
  return toNumbers(state.memory.layers[0]!) as oracle.Matrix;
}

describe("settings of the rule that have names of their own", () => {
  it("Titans Eq. 13-14: memoryChunk of one token, linear, without momentum and forgetting is the delta rule", () => {
    scope(() => {
      const cell = withGates(randomCell(101, linear, tokens), { momentum: 0, forget: 0 });
      const [start] = cell.weights.layers;
      expectNear(onlineWeights(cell), oracle.deltaNet(cell.sequence, start!).at(-1)!, 2e-6);
    });
  });

  it("Titans Eq. 13-14: memoryChunk with forgetting is not the gated delta rule, whose gradient is taken after the decay", () => {
    scope(() => {
      const cell = withGates(randomCell(102, linear, tokens), { momentum: 0, forget: 0.1 });
      const [start] = cell.weights.layers;
      const gated = oracle.gatedDeltaNet(cell.sequence, start!).at(-1)!;
      expect(relativeTo(gated, onlineWeights(cell))).toBeGreaterThan(0.01);
    });
  });

  it("Titans Eq. 13-14: memoryChunk of one token, linear, is the recurrence of the paper's appendix", () => {
    scope(() => {
      const cell = withGates(randomCell(103, linear, tokens), { momentum: 0.5, forget: 0.25 });
      const [start] = cell.weights.layers;
      const perChannel = (gate: oracle.Vector) => gate.map((value) => new Array<number>(5).fill(value));
      const { keys, values, forget, momentum, stepSize } = cell.sequence;
      const gates = { forget: perChannel(forget), momentum: perChannel(momentum), stepSize: perChannel(stepSize) };
      const { memory } = oracle.linearMemory({ keys, values, ...gates }, start!, oracle.zeroMatrix(5, 5)).at(-1)!;
      expectNear(onlineWeights(cell), memory, 2e-6);
    });
  });
});

describe("gates at their limits", () => {
  it("Titans Eq. 13-15: memoryChunk stores a value under a unit key with one step of size 1 and reads it back", () => {
    scope(() => {
      const cell = withGates(randomCell(104, linear, 1), { stepSize: 1, forget: 0, momentum: 0.9 });
      const { keys, values } = cell.sequence;
      const same: MemoryCell = { ...cell, sequence: { ...cell.sequence, queries: keys } };
      const { outputs } = chunkwise(chunkProgram(linear, {}, "values"), stateTensors(same), tokenTensors(same), 1);
      expectNear(outputs, values, 1e-6);
    });
  });

  it("Titans Eq. 13-14: memoryChunk that ends with forgetting everything holds exactly the carried surprise", () => {
    scope(() => {
      const architecture = architectureOf({ norm: true });
      const cells = randomCells(105, architecture, 6).map((row) =>
        row.map((cell) => ({
          ...cell,
          sequence: { ...cell.sequence, forget: cell.sequence.forget.with(-1, 1) },
        })),
      );
      const program = chunkProgram(architecture, {}, "values");
      const { state } = chunkwise(program, stateTensors(cells), tokenTensors(cells), 6);
      expect(toNumbers(state.memory)).toEqual(toNumbers(state.surprise));
    });
  });

  it("Titans Eq. 13-15: memoryChunk without forgetting, steps and momentum reads the same in every mode and writes no bit", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(106, architecture, 5).map((row) =>
        row.map((cell) => withGates(cell, { forget: 0, momentum: 1, stepSize: 0 })),
      );
      const start = stateTensors(cells);
      const run = (readMode: ReadMode) =>
        chunkwise(chunkProgram(architecture, { readMode }, "values"), start, tokenTensors(cells), 5);
      const after = run("after");
      expect(toNumbers(after.state.memory)).toEqual(toNumbers(start.memory));
      for (const mode of readModes) expectNear(run(mode).outputs, after.outputs, 1e-6);
    });
  });

  it("Titans Eq. 13-14, 18: memoryChunk without steps lets the carried surprise act to its end: a geometric series", () => {
    scope(() => {
      const cell = randomCell(107, linear, 8);
      const idle = withGates(cell, { forget: 0, momentum: 0.5, stepSize: 0 });
      const running = { ...idle, momentum: cell.momentum };
      const { state } = chunkwise(chunkProgram(linear, {}, "values"), stateTensors(running), tokenTensors(running), 8);
      const expected = oracle.combine(1, cell.weights, 1 - 0.5 ** 8, cell.momentum);
      expectNear(state.memory.layers[0]!, expected.layers[0]!, 1e-6);
    });
  });
});

describe("a memory that has been cleared", () => {
  /** One write to a memory of zeros. */
  function written(depth: number): oracle.Vector {
    const architecture = architectureOf({ depth, residual: true });
    const random = oracle.randomSource(108);
    const zeros = oracle.zerosLike(oracle.randomMemory(random, depth === 1 ? [5, 5] : [5, 7, 5], false));
    const state: MemoryState = { memory: memoryTensors(zeros), surprise: memoryTensors(zeros) };
    const one = (x: oracle.Vector): Tensor => toTensor([x]);
    const inputs = {
      keys: one(random.unitVector(5)),
      values: one(random.normalVector(5)),
      queries: one(random.unitVector(5)),
    };
    const gates = gatesFromValues(np.zeros([1]), np.zeros([1]), tensor([1]));
    return oracle.flatten(toNumbers(memoryChunk(architecture, state, inputs, gates).state.memory));
  }

  it("Titans Eq. 13-14: memoryChunk can write again if the memory is linear, and never again if it is deep: zero weights are a dead point", () => {
    scope(() => {
      expect(Math.max(...written(1).map(Math.abs))).toBeGreaterThan(0.1);
      expect(written(2).every((value) => value === 0)).toBe(true);
    });
  });
});
