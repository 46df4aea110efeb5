import { describe, expect, it } from "vitest";
import { readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture } from "../../src/common/index.ts";
import { chunkGradientDescent, gatesFromLogits, linearChunkGradient, memoryChunk } from "../../src/titans/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  type MemoryCell,
  networkOf,
  perCell,
  randomCells,
  rounded,
  stateTensors,
  tensorOfCells,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { chunkProgram, chunkwise, expectNear, recurrence } from "../titans/memory-runs.ts";

const linear: MemoryArchitecture = architectureOf({ depth: 1 });

function gradientsAtStart({ weights, sequence }: MemoryCell): oracle.Matrix[] {
  return sequence.keys.map(
    (key, t) => oracle.memoryGradient(networkOf(linear), weights, key, sequence.values[t]!, 1).layers[0]!,
  );
}

/** Without momentum, and with none carried in. */
function withoutMomentum({ weights, sequence, logits }: MemoryCell): MemoryCell {
  return {
    weights,
    momentum: oracle.zerosLike(weights),
    sequence: { ...sequence, momentum: sequence.momentum.map(() => 0) },
    logits: { ...logits, momentum: logits.momentum.map(() => -200) },
  };
}

describe("gradient descent over a chunk", () => {
  it("Titans Eq. 16: chunkGradientDescent gives every token's weights as the recurrence with frozen gradients does", () => {
    scope(() => {
      const cells = randomCells(51, linear, 7).map((row) => row.map(withoutMomentum));
      const { logits } = tokenTensors(cells);
      const { logRetain, stepSize } = gatesFromLogits(logits, 1);
      const actual = chunkGradientDescent(
        stateTensors(cells).memory.layers[0]!,
        tensorOfCells(cells, gradientsAtStart),
        logRetain,
        stepSize,
      );
      const expected = perCell(recurrence(linear, cells, 7), ({ trace }) =>
        trace.map(({ weights }) => weights.layers[0]!),
      );
      expect(actual.shape).toEqual([2, 2, 7, 5, 5]);
      // Seven terms a weight: worst seen 2e-7.
      expectNear(actual, expected, 2e-6);
    });
  });

  it("Titans Eq. 16: chunkGradientDescent leaves a token's own gradient alone: one token gives (1 - alpha) M - theta g", () => {
    scope(() => {
      const memory = [
        [1, 2],
        [3, 4],
      ];
      const gradient = [
        [10, 20],
        [30, 40],
      ];
      const [logRetain, stepSize] = [toTensor([Math.log(0.25)]), toTensor([0.5])];
      const actual = chunkGradientDescent(toTensor(memory), toTensor([gradient]), logRetain, stepSize);
      expectNear(
        actual,
        [
          [
            [0.25 - 5, 0.5 - 10],
            [0.75 - 15, 1 - 20],
          ],
        ],
        1e-6,
      );
    });
  });

  it("Titans Eq. 16: chunkGradientDescent takes gates that are exactly closed: what came before is gone, and no number is lost", () => {
    scope(() => {
      const random = oracle.randomSource(52);
      const memory = random.normalMatrix(3, 3);
      const gradients = Array.from({ length: 4 }, () => random.normalMatrix(3, 3));
      const logRetain = toTensor([0, Number.NEGATIVE_INFINITY, -50, 0]);
      const actual = chunkGradientDescent(toTensor(memory), toTensor(gradients), logRetain, toTensor([1, 1, 1, 1]));
      const negative = (i: number) => oracle.scaleMatrix(-1, gradients[i]!);
      const expected = [
        oracle.addMatrix(memory, negative(0)),
        negative(1),
        oracle.addMatrix(negative(2), oracle.scaleMatrix(Math.exp(-50), negative(1))),
        oracle.addMatrix(negative(2), negative(3)),
      ];
      expectNear(actual, expected, 1e-6);
    });
  });
});

describe("the chunk as an approximation of the online rule", () => {
  /** The largest difference between chunks of four and of one, for step sizes scaled down. */
  function gap(scale: number): number {
    return scope(() => {
      const cells = randomCells(53, linear, 8).map((row) =>
        row.map((cell) => {
          const still = withoutMomentum(cell);
          const logit = Math.log(scale / (1 - scale));
          return { ...still, logits: { ...still.logits, stepSize: still.logits.stepSize.map(() => logit) } };
        }),
      );
      const program = chunkProgram(linear);
      const run = (chunk: number) =>
        chunkwise(program, stateTensors(cells), tokenTensors(cells), chunk).state.memory.layers[0]!;
      return oracle.maxDifference([...readSync(run(4))], [...readSync(run(1))]);
    });
  }

  it("Titans Eq. 16: memoryChunk with one gradient point for four tokens differs from the online rule, and the difference vanishes with the square of the step sizes", () => {
    const gaps = [0.2, 0.1, 0.05].map(gap);
    expect(gaps[0]).toBeGreaterThan(0.01);
    // Each write is linear in the step size and its error is another factor of it, so halving divides by four, and less where third order counts.
    for (const i of [0, 1]) {
      expect(gaps[i]! / gaps[i + 1]!).toBeGreaterThan(3);
      expect(gaps[i]! / gaps[i + 1]!).toBeLessThan(5);
    }
  });
});

describe("the chunk's sum of gradients for a linear memory", () => {
  const [keyDim, valueDim, tokens] = [5, 3, 7];

  function randomChunk(seed: number) {
    const random = oracle.randomSource(seed);
    return rounded({
      memory: random.normalMatrix(valueDim, keyDim),
      keys: random.normalMatrix(tokens, keyDim),
      values: random.normalMatrix(tokens, valueDim),
      logRetain: random.uniformVector(tokens, -0.5, 0),
      stepSize: random.uniformVector(tokens, 0, 1),
    });
  }

  const chunks = [0, 1].map((row) => [0, 1].map((head) => randomChunk(10 * row + head)));
  const stacked = (name: keyof ReturnType<typeof randomChunk>): Tensor => tensorOfCells(chunks, (chunk) => chunk[name]);

  for (const lossScale of [1, 2]) {
    it(`Titans Eq. 17: linearChunkGradient equals the explicit sum over tokens with keys and values of different widths, lossScale ${lossScale}`, () => {
      scope(() => {
        const actual = linearChunkGradient(
          stacked("memory"),
          stacked("keys"),
          stacked("values"),
          stacked("logRetain"),
          stacked("stepSize"),
          lossScale,
        );
        const expected = perCell(chunks, ({ memory, keys, values, logRetain, stepSize }) =>
          keys.reduce(
            (sum, key, i) => {
              const error = oracle.subtract(oracle.matVec(memory, key), values[i]!);
              const left = Math.exp(logRetain.slice(i + 1).reduce((total, log) => total + log, 0));
              const weight = lossScale * stepSize[i]! * left;
              return oracle.addMatrix(sum, oracle.scaleMatrix(weight, oracle.outer(error, key)));
            },
            oracle.zeroMatrix(valueDim, keyDim),
          ),
        );
        expect(actual.shape).toEqual([2, 2, valueDim, keyDim]);
        // Seven tokens a sum: worst seen 2e-7.
        expectNear(actual, expected, 2e-6);
      });
    });
  }

  it("Titans Eq. 17: linearChunkGradient is what a chunk without momentum takes from the decayed memory", () => {
    scope(() => {
      const cells = randomCells(54, linear, tokens).map((row) => row.map(withoutMomentum));
      const { keys, values, queries, logits } = tokenTensors(cells);
      const start = stateTensors(cells);
      const gates = gatesFromLogits(logits, 1);
      const { state, coefficients } = memoryChunk(linear, start, { keys, values, queries }, gates);
      const taken = linearChunkGradient(start.memory.layers[0]!, keys, values, gates.logRetain, gates.stepSize);
      const left = slice(coefficients.memory, [], [], -1);
      const numbers = [taken, state.memory.layers[0]!, left].map((x) => toNumbers(x)) as [
        oracle.Matrix[][],
        oracle.Matrix[][],
        oracle.Matrix,
      ];
      const expected = cells.map((row, i) =>
        row.map(({ weights }, j) =>
          oracle.addMatrix(
            oracle.scaleMatrix(numbers[2][i]![j]!, weights.layers[0]!),
            oracle.scaleMatrix(-1, numbers[0][i]![j]!),
          ),
        ),
      );
      expectNear(numbers[1], expected, 1e-6);
    });
  });
});
