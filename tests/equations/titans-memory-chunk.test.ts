import { describe, expect, it } from "vitest";
import { readSync, scope } from "../../src/array/index.ts";
import { readModes } from "../../src/titans/index.ts";
import type * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  type GateRanges,
  type MemoryCell,
  perCell,
  randomCell,
  randomCells,
  sliceCell,
  stateTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { chunkProgram, chunkwise, expectNear, expectRecurrence, recurrence } from "../titans/memory-runs.ts";

/** One more than a multiple of 4 and 16. */
const tokens = 17;

/**
 * Float32 rounding of 17 tokens through up to four layers, relative to the largest number of outputs, weights or momentum: the worst seen is 6e-6,
 * in the momentum of a chunk of 16 at depth 3; most cases stay below 1e-6.
 */
const tolerance = 3e-5;

const [plain, residual, norm, both] = [
  { residual: false, norm: false },
  { residual: true, norm: false },
  { residual: false, norm: true },
  { residual: true, norm: true },
];

/** A sequence whose gates are exactly closed or open at some tokens: clearing, keeping, no momentum, all momentum, no write. */
const closedGates: GateRanges = { forget: [0.001, 0.1], momentum: [0.1, 0.6], stepSize: [0.02, 0.1] };

function withExtremes({ sequence, ...cell }: MemoryCell): MemoryCell {
  const at = (gate: oracle.Vector, extremes: Record<number, number>) => gate.map((value, t) => extremes[t] ?? value);
  return {
    ...cell,
    sequence: {
      ...sequence,
      forget: at(sequence.forget, { 2: 1, 3: 0, 9: 1 }),
      momentum: at(sequence.momentum, { 1: 0, 4: 1, 5: 1, 9: 0 }),
      stepSize: at(sequence.stepSize, { 5: 0, 7: 0 }),
    },
  };
}

/** Empty slots at the front, in the middle, around a chunk boundary and at the end. */
function withMask(cell: MemoryCell, shift: number): MemoryCell {
  const empty = [0, 5, 6, 11, 12, 13, 16].map((slot) => (slot + shift) % tokens);
  return { ...cell, sequence: { ...cell.sequence, mask: cell.sequence.keys.map((_, t) => !empty.includes(t)) } };
}

describe("the low-rank chunk against the token-by-token recurrence", () => {
  for (const { depth, wrappings } of [
    { depth: 1, wrappings: [plain, both] },
    { depth: 2, wrappings: [plain, residual, norm, both] },
    { depth: 3, wrappings: [plain, both] },
    { depth: 4, wrappings: [plain, both] },
  ]) {
    it(`Titans Eq. 13-16, 18: memoryChunk equals the recurrence at depth ${depth}, chunks of 1, 4, 16 and all tokens, residual and norm on and off`, () => {
      for (const wrapping of wrappings) {
        scope(() => {
          const architecture = architectureOf({ depth, ...wrapping, activation: depth % 2 === 0 ? "gelu" : "silu" });
          const cells = randomCells(depth, architecture, tokens);
          const program = chunkProgram(architecture);
          for (const chunk of [1, 4, 16, tokens]) {
            const actual = chunkwise(program, stateTensors(cells), tokenTensors(cells), chunk);
            expectRecurrence(actual, recurrence(architecture, cells, chunk), tolerance);
          }
        });
      }
    });
  }

  for (const readMode of readModes) {
    it(`Titans Eq. 13-16, 18: memoryChunk reads "${readMode}" as the recurrence does`, () => {
      for (const depth of [1, 3]) {
        scope(() => {
          const architecture = architectureOf({ depth, residual: depth === 3, norm: depth === 3 });
          const cells = randomCells(depth, architecture, tokens);
          const actual = chunkwise(
            chunkProgram(architecture, { readMode }),
            stateTensors(cells),
            tokenTensors(cells),
            8,
          );
          expectRecurrence(actual, recurrence(architecture, cells, 8, { readMode }), tolerance);
        });
      }
    });
  }

  it("Titans Eq. 13-16, 18: memoryChunk takes gates that are exactly 0 and 1", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(5, architecture, 11, closedGates).map((row) => row.map(withExtremes));
      for (const chunk of [1, 4, 11]) {
        const actual = chunkwise(
          chunkProgram(architecture, {}, "values"),
          stateTensors(cells),
          tokenTensors(cells),
          chunk,
        );
        expectRecurrence(actual, recurrence(architecture, cells, chunk), tolerance);
      }
    });
  });

  it("Titans Eq. 13-16, 18: memoryChunk takes the loss as the paper prints it, lossScale 2", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(6, architecture, 9);
      const actual = chunkwise(
        chunkProgram(architecture, { lossScale: 2 }),
        stateTensors(cells),
        tokenTensors(cells),
        4,
      );
      expectRecurrence(actual, recurrence(architecture, cells, 4, { lossScale: 2 }), tolerance);
    });
  });
});

describe("empty slots of a chunk", () => {
  for (const readMode of ["after", "before", "end"] as const) {
    it(`Titans Eq. 13-16, 18: memoryChunk skips them with momentum running, reading "${readMode}"`, () => {
      scope(() => {
        const architecture = architectureOf({ norm: true, residual: true });
        const cells = randomCells(7, architecture, tokens).map((row, i) =>
          row.map((cell, j) => withMask(cell, 2 * i + j)),
        );
        for (const chunk of [4, tokens]) {
          const actual = chunkwise(
            chunkProgram(architecture, { readMode }),
            stateTensors(cells),
            tokenTensors(cells),
            chunk,
          );
          expectRecurrence(actual, recurrence(architecture, cells, chunk, { readMode }), tolerance);
        }
      });
    });
  }

  it("Titans Eq. 13-16, 18: memoryChunk of nothing but empty slots changes no bit of weights or momentum", () => {
    scope(() => {
      const architecture = architectureOf({ norm: true });
      const cells = randomCells(8, architecture, 6).map((row) =>
        row.map((cell) => ({ ...cell, sequence: { ...cell.sequence, mask: cell.sequence.keys.map(() => false) } })),
      );
      const start = stateTensors(cells);
      const { state } = chunkwise(chunkProgram(architecture), start, tokenTensors(cells), 6);
      for (const part of ["memory", "surprise"] as const) {
        for (const [l, matrix] of state[part].layers.entries()) {
          expect([...readSync(matrix)]).toEqual([...readSync(start[part].layers[l]!)]);
        }
        expect([...readSync(state[part].norm!.scale)]).toEqual([...readSync(start[part].norm!.scale)]);
      }
    });
  });

  it("Titans Eq. 13-16, 18: memoryChunk gives a right-padded chunk what its tokens alone give, whatever stands in the padding", () => {
    scope(() => {
      const architecture = architectureOf();
      const cell = randomCell(9, architecture, 7);
      const short = sliceCell(cell, 0, 4);
      const mask = cell.sequence.keys.map((_, t) => t < 4);
      const padded = { ...cell, sequence: { ...cell.sequence, mask } };
      const program = chunkProgram(architecture);
      const alone = chunkwise(program, stateTensors(short), tokenTensors(short), 4);
      const together = chunkwise(program, stateTensors(padded), tokenTensors(padded), 7);
      const expected = perCell(recurrence(architecture, short, 4), (result) => result.outputs);
      expectNear(alone.outputs, expected, tolerance);
      expectRecurrence(
        { outputs: alone.outputs, state: together.state },
        recurrence(architecture, short, 4),
        tolerance,
      );
    });
  });
});

describe("memories of a batch", () => {
  it("Titans Eq. 13-16, 18: memoryChunk keeps sequences and heads apart, bit for bit", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(10, architecture, 9);
      const other = randomCell(999, architecture, 9);
      const program = chunkProgram(architecture);
      const run = (grid: MemoryCell[][]) => {
        const { outputs, state } = chunkwise(program, stateTensors(grid), tokenTensors(grid), 4);
        const perMemory = [outputs, ...state.memory.layers, ...state.surprise.layers].map((x) => [...readSync(x)]);
        return (memory: number) =>
          perMemory.map((all) => all.slice((memory * all.length) / 4, ((memory + 1) * all.length) / 4));
      };
      const original = run(cells);
      const altered = run([[cells[0]![0]!, other], cells[1]!]);
      for (const memory of [0, 2, 3]) expect(altered(memory)).toEqual(original(memory));
      expect(altered(1)).not.toEqual(original(1));
    });
  });
});
