import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../../src/common/index.ts";
import {
  addSurprise,
  associativeLoss,
  momentarySurprise,
  surpriseMomentum,
  surpriseStep,
} from "../../src/titans/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  mapCells,
  memoryTensors,
  networkOf,
  randomCells,
  stateTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { expectMemory, expectNear } from "../titans/memory-runs.ts";

/** The first token of each memory. */
function firstToken(x: Tensor): Tensor {
  return slice(x, [], [], 0);
}

describe("momentary surprise", () => {
  for (const depth of [1, 2, 3, 4]) {
    for (const activation of ["silu", "gelu"] as const) {
      it(`Titans Eq. 8: momentarySurprise equals finite differences of the loss at depth ${depth}, ${activation}`, () => {
        for (const residual of [false, true]) {
          for (const norm of [false, true]) {
            scope(() => {
              const architecture = architectureOf({ depth, activation, residual, norm });
              const cells = randomCells(21, architecture, 1);
              const { keys, values } = tokenTensors(cells);
              for (const lossScale of depth === 2 ? [1, 2] : [1]) {
                const surprise = jit((memory: MemoryWeights) =>
                  momentarySurprise(architecture, memory, firstToken(keys), firstToken(values), lossScale),
                );
                const expected = mapCells(cells, ({ weights, sequence }) =>
                  oracle.memoryGradientByDifferences(
                    networkOf(architecture),
                    weights,
                    sequence.keys[0]!,
                    sequence.values[0]!,
                    lossScale,
                  ),
                );
                // Float32 through four layers and back, relative to the largest entry: worst seen 6e-7.
                expectMemory(surprise(stateTensors(cells).memory), expected, 1e-5);
              }
            });
          }
        }
      });
    }
  }

  it("Titans Eq. 8: momentarySurprise equals automatic differentiation of the associative loss", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 3, residual: true, norm: true });
      const cells = randomCells(22, architecture, 1);
      const { keys, values } = tokenTensors(cells);
      const loss = (memory: MemoryWeights) => np.sum(associativeLoss(architecture, memory, keys, values));
      const { memory } = stateTensors(cells);
      const automatic = jit(grad(loss))(memory);
      const written = momentarySurprise(architecture, memory, firstToken(keys), firstToken(values));
      // Both are float32: worst seen 6e-7.
      expectNear(toNumbers(written), toNumbers(automatic), 1e-5);
    });
  });
});

describe("a plain gradient step", () => {
  const architecture: MemoryArchitecture = architectureOf({ depth: 1 });
  const random = oracle.randomSource(23);
  const [key, value] = [random.unitVector(5), random.normalVector(5)];
  const start = { layers: [random.normalMatrix(5, 5)], norm: null };

  function stepped(stepSize: number, lossScale: number): MemoryWeights {
    const memory = memoryTensors(start);
    const surprise = momentarySurprise(architecture, memory, toTensor(key), toTensor(value), lossScale);
    return surpriseStep(memory, surprise, toTensor(stepSize));
  }

  function lossAfter(stepSize: number, lossScale: number): number {
    const losses = associativeLoss(architecture, stepped(stepSize, lossScale), toTensor([key]), toTensor([value]), 2);
    return readSync(losses)[0]!;
  }

  it("Titans Eq. 8: surpriseStep stores a unit key's value in one step when step size times loss scale is 1", () => {
    scope(() => {
      for (const [stepSize, lossScale] of [
        [1, 1],
        [0.5, 2],
      ] as const) {
        const [matrix] = stepped(stepSize, lossScale).layers;
        expectNear(np.matmul(matrix!, toTensor(key)), value, 1e-6);
      }
    });
  });

  it("Titans Eq. 8: surpriseStep lowers the loss below twice that step size and raises it beyond", () => {
    scope(() => {
      const before = lossAfter(0, 1);
      expect(before).toBeCloseTo(oracle.memoryLoss(networkOf(architecture), start, key, value, 2), 5);
      // The error is multiplied by 1 - theta kappa |k|^2, its square by the square of that.
      for (const [stepSize, lossScale] of [
        [0.3, 1],
        [1.7, 1],
        [0.9, 2],
        [2.3, 1],
        [1.2, 2],
      ] as const) {
        expect(lossAfter(stepSize, lossScale) / before).toBeCloseTo((1 - stepSize * lossScale) ** 2, 5);
      }
    });
  });

  it("Titans Eq. 8: surpriseStep takes each memory's own step size", () => {
    scope(() => {
      const deep = architectureOf({ norm: true });
      const cells = randomCells(24, deep, 1);
      const { memory, surprise } = stateTensors(cells);
      const steps = [
        [0.1, 0],
        [1, 0.5],
      ];
      const expected = cells.map((row, i) =>
        row.map((cell, j) => oracle.combine(1, cell.weights, -steps[i]![j]!, cell.momentum)),
      );
      expectMemory(surpriseStep(memory, surprise, toTensor(steps)), expected, 1e-6);
    });
  });
});

describe("momentum", () => {
  const architecture = architectureOf({ norm: true });
  const cells = randomCells(25, architecture, 1);
  const gradients = randomCells(26, architecture, 1);
  const gates = (values: number[][]) => toTensor(values);

  it("Titans Eq. 9: addSurprise adds the carried surprise to the weights", () => {
    scope(() => {
      const { memory, surprise } = stateTensors(cells);
      const expected = cells.map((row) => row.map((cell) => oracle.combine(1, cell.weights, 1, cell.momentum)));
      expectMemory(addSurprise(memory, surprise), expected, 1e-7);
    });
  });

  it("Titans Eq. 10: surpriseMomentum carries past surprise on and subtracts the new one, each memory with its own gates", () => {
    scope(() => {
      const { surprise } = stateTensors(cells);
      const gradient = stateTensors(gradients).memory;
      const [momentum, stepSize] = [
        [
          [0.9, 0],
          [1, 0.25],
        ],
        [
          [0.5, 1],
          [0, 0.125],
        ],
      ];
      const expected = cells.map((row, i) =>
        row.map((cell, j) =>
          oracle.combine(momentum[i]![j]!, cell.momentum, -stepSize[i]![j]!, gradients[i]![j]!.weights),
        ),
      );
      expectMemory(surpriseMomentum(surprise, gradient, gates(momentum), gates(stepSize)), expected, 1e-6);
    });
  });

  it("Titans Eq. 9-10: surpriseMomentum and addSurprise without momentum are surpriseStep", () => {
    scope(() => {
      const { memory, surprise } = stateTensors(cells);
      const gradient = stateTensors(gradients).memory;
      const [none, steps] = [
        gates([
          [0, 0],
          [0, 0],
        ]),
        gates([
          [0.3, 0.7],
          [1, 0.1],
        ]),
      ];
      const carried = surpriseMomentum(surprise, gradient, none, steps);
      const plain = surpriseStep(memory, gradient, steps);
      expectNear(toNumbers(addSurprise(memory, carried)), toNumbers(plain), 1e-7);
    });
  });

  for (const [eta, total] of [
    [1, (t: number) => t],
    [0.5, (t: number) => 1 - 0.5 ** t],
    [0.9, (t: number) => (0.9 * (1 - 0.9 ** t)) / (1 - 0.9)],
  ] as const) {
    it(`Titans Eq. 9-10: addSurprise of a surpriseMomentum without new surprise follows the geometric series of momentum ${eta}`, () => {
      scope(() => {
        const zero = memoryTensors(mapCells(cells, (cell) => oracle.zerosLike(cell.weights)));
        const momentum = gates([
          [eta, eta],
          [eta, eta],
        ]);
        const none = gates([
          [0, 0],
          [0, 0],
        ]);
        let { memory, surprise } = stateTensors(cells);
        for (let t = 1; t <= 10; t++) {
          surprise = surpriseMomentum(surprise, zero, momentum, none);
          memory = addSurprise(memory, surprise);
          if (t !== 1 && t !== 10) continue;
          const expected = cells.map((row) =>
            row.map((cell) => oracle.combine(1, cell.weights, total(t), cell.momentum)),
          );
          expectMemory(memory, expected, 1e-6);
        }
      });
    });
  }
});
