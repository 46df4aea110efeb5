import { describe, expect, it } from "vitest";
import { readSync, scope } from "../../src/array/index.ts";
import { memoryFactors } from "../../src/common/index.ts";
import {
  gatesFromLogits,
  guardedStepSize,
  guardKernel,
  type StepGuard,
  stepGuards,
  writePressure,
} from "../../src/titans/index.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  type GateRanges,
  type MemoryCell,
  networkOf,
  perCell,
  randomCells,
  stateTensors,
  tokenTensors,
} from "./memory-cases.ts";
import { chunkProgram, chunkwise, expectNear, expectRecurrence, recurrence } from "./memory-runs.ts";

const tokens = 11;

/** Half of the steps are far too large for a chunk, half are small enough to pass as they are. */
const wideGates: GateRanges = { forget: [0.001, 0.1], momentum: [0.1, 0.9], stepSize: [0.01, 0.9] };

/** Empty slots, which load nothing. */
function withMask(cell: MemoryCell): MemoryCell {
  return { ...cell, sequence: { ...cell.sequence, mask: cell.sequence.keys.map((_, t) => t % 4 !== 2) } };
}

const guards = stepGuards.filter((name) => name !== "off");

describe("the causal step guard", () => {
  for (const { guard, depth } of [
    { guard: "key", depth: 1 },
    { guard: "key", depth: 2 },
    { guard: "tangent", depth: 1 },
    { guard: "tangent", depth: 2 },
  ] as const) {
    it(`gives the oracle's loads and step sizes: ${guard} guard at depth ${depth}`, () => {
      scope(() => {
        const architecture = architectureOf({ depth });
        const cells = randomCells(111, architecture, tokens, wideGates);
        const { keys, values, logits } = tokenTensors(cells);
        const gates = gatesFromLogits(logits, 1);
        const kernel = guardKernel(guard, memoryFactors(architecture, stateTensors(cells).memory, keys, values));
        const pressure = writePressure(gates, kernel, 2);
        const held = cells.map((row) =>
          row.map(({ weights, sequence }) => {
            const kind = guard === "key" ? oracle.keyKernel(sequence.keys) : undefined;
            return oracle.causalStepGuard({
              kernel: kind ?? oracle.tangentKernel(networkOf(architecture), weights, sequence.keys),
              momentum: sequence.momentum,
              stepSize: sequence.stepSize,
              kappa: 2,
            });
          }),
        );
        // Sums of eleven terms, divided by 1 - momentum of at least 0.1: worst seen 2e-7.
        expectNear(
          pressure,
          perCell(held, ({ loads }) => loads),
          5e-6,
        );
        expectNear(
          guardedStepSize(gates, pressure),
          perCell(held, ({ stepSize }) => stepSize),
          5e-6,
        );
      });
    });

    it(`makes the low-rank chunk the oracle's guarded recurrence at chunks of 1, 4 and all tokens: ${guard} guard at depth ${depth}`, () => {
      scope(() => {
        const architecture = architectureOf({ depth });
        const program = chunkProgram(architecture, { stepGuard: guard });
        const plain = randomCells(112, architecture, tokens, wideGates);
        for (const cells of [plain, plain.map((row) => row.map(withMask))]) {
          for (const chunk of [1, 4, tokens]) {
            const actual = chunkwise(program, stateTensors(cells), tokenTensors(cells), chunk);
            const expected = recurrence(architecture, cells, chunk, { stepGuard: guard });
            // Rounding as without the guard: worst seen 7e-7.
            expectRecurrence(actual, expected, 1e-5);
            expectNear(
              actual.stepSize,
              perCell(expected, ({ stepSizes }) => stepSizes),
              1e-5,
            );
          }
        }
      });
    });
  }

  it("holds back large steps on similar keys, and is the identity for small ones", () => {
    scope(() => {
      const architecture = architectureOf();
      for (const guard of guards) {
        const stepsOf = (gates: GateRanges, stepGuard: StepGuard) => {
          const cells = randomCells(113, architecture, 8, gates);
          return readSync(
            chunkwise(chunkProgram(architecture, { stepGuard }), stateTensors(cells), tokenTensors(cells), 8).stepSize,
          );
        };
        const small: GateRanges = { forget: [0.01, 0.1], momentum: [0.1, 0.2], stepSize: [0.001, 0.002] };
        expect([...stepsOf(small, guard)]).toEqual([...stepsOf(small, "off")]);
        const large: GateRanges = { forget: [0.01, 0.1], momentum: [0.8, 0.9], stepSize: [0.8, 0.9] };
        const [held, wanted] = [stepsOf(large, guard), stepsOf(large, "off")];
        held.forEach((step, i) => {
          expect(step).toBeGreaterThan(0);
          expect(step).toBeLessThan(0.1 * wanted[i]!);
        });
      }
    });
  });

  it("looks at the token and its past alone: a later token changes no earlier step, bit for bit", () => {
    scope(() => {
      const architecture = architectureOf();
      for (const stepGuard of guards) {
        const program = chunkProgram(architecture, { stepGuard });
        const cells = randomCells(114, architecture, 8, wideGates);
        const other = randomCells(115, architecture, 8, wideGates);
        const altered = cells.map((row, i) =>
          row.map((cell, j) => {
            const { sequence, logits } = other[i]![j]!;
            const last = (gate: oracle.Vector, otherGate: oracle.Vector) => gate.with(-1, otherGate.at(-1)!);
            return {
              ...cell,
              sequence: { ...cell.sequence, keys: cell.sequence.keys.with(-1, sequence.keys.at(-1)!) },
              logits: {
                forget: last(cell.logits.forget, logits.forget),
                momentum: last(cell.logits.momentum, logits.momentum),
                stepSize: last(cell.logits.stepSize, logits.stepSize),
              },
            };
          }),
        );
        const stepsOf = (given: MemoryCell[][]) => [
          ...readSync(chunkwise(program, stateTensors(given), tokenTensors(given), 8).stepSize),
        ];
        const [original, changed] = [stepsOf(cells), stepsOf(altered)];
        const different = original.flatMap((step, i) => (step === changed[i] ? [] : [i]));
        expect(different).toEqual([7, 15, 23, 31]);
      }
    });
  });
});
