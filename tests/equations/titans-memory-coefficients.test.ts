import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  type ChunkCoefficients,
  chunkCoefficients,
  finalCoefficients,
  type GateLogits,
  gatesFromLogits,
  gatesFromValues,
} from "../../src/titans/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  type GateNumbers,
  type GateRanges,
  gatesOf,
  perCell,
  randomLogits,
  rounded,
  tensorOfCells,
} from "../titans/memory-cases.ts";
import { expectNear } from "../titans/memory-runs.ts";

const broad: GateRanges = { forget: [0.001, 0.9], momentum: [0.1, 0.99], stepSize: [0.01, 0.99] };

/** Every third logit at -50, every fifth at 50. */
function saturated(logits: GateNumbers): GateNumbers {
  const push = (values: oracle.Vector, shift: number) =>
    values.map((value, t) => ((t + shift) % 3 === 0 ? -50 : (t + shift) % 5 === 0 ? 50 : value));
  return { forget: push(logits.forget, 0), momentum: push(logits.momentum, 1), stepSize: push(logits.stepSize, 2) };
}

function logitTensors(logits: GateNumbers | GateNumbers[][]): GateLogits {
  return {
    forget: tensorOfCells(logits, (cell) => (cell as GateNumbers).forget),
    momentum: tensorOfCells(logits, (cell) => (cell as GateNumbers).momentum),
    stepSize: tensorOfCells(logits, (cell) => (cell as GateNumbers).stepSize),
  };
}

function expectCoefficients(
  actual: ChunkCoefficients,
  gates: oracle.ChunkGates | oracle.ChunkGates[][],
  tolerance: number,
): void {
  const of = (name: keyof oracle.ChunkCoefficients) =>
    perCell(gates, (cell) => oracle.chunkCoefficients(cell as oracle.ChunkGates)[name]);
  expectNear(actual.memory, of("b"), tolerance);
  expectNear(actual.momentum, of("c"), tolerance);
  expectNear(actual.surprise, of("h"), tolerance);
  expectNear(actual.writes, of("P"), tolerance);
  expectNear(actual.surpriseWrites, of("R"), tolerance);
}

describe("the coefficients of a chunk", () => {
  for (const tokens of [1, 2, 16, 13]) {
    for (const kind of ["moderate", "saturated"] as const) {
      it(`Titans Eq. 16, 18: chunkCoefficients equals explicit products over ${tokens} tokens with ${kind} gates`, () => {
        scope(() => {
          const logits = [0, 1].map((row) =>
            [0, 1].map((head) => {
              const random = randomLogits(oracle.randomSource(10 * row + head + 60), tokens, broad);
              return kind === "moderate" ? random : saturated(random);
            }),
          );
          const actual = chunkCoefficients(gatesFromLogits(logitTensors(logits), 1));
          // Exponentials of sums of at most 16 logarithms, and sums of 16 of their products: worst seen 1e-7.
          expectCoefficients(
            actual,
            logits.map((row) => row.map(gatesOf)),
            2e-6,
          );
        });
      });
    }
  }

  it("Titans Eq. 16, 18: chunkCoefficients takes gates at exactly 0 and 1", () => {
    scope(() => {
      const gates = {
        forget: [0, 1, 0.5, 0, 1, 0.25, 0],
        momentum: [1, 0.5, 0, 1, 1, 0, 0.5],
        stepSize: [1, 0, 0.5, 0, 1, 1, 0.25],
      };
      const actual = chunkCoefficients(
        gatesFromValues(toTensor(gates.forget), toTensor(gates.momentum), toTensor(gates.stepSize)),
      );
      // The array library's logarithm of a value may be wrong by 2e-5 of itself; at these values the worst seen is 8e-8.
      expectCoefficients(actual, gates, 2e-5);
    });
  });

  it("Titans Eq. 16, 18: chunkCoefficients skips empty slots: kept weights, kept momentum, nothing added", () => {
    scope(() => {
      const logits = randomLogits(oracle.randomSource(61), 9, broad);
      const mask = [false, true, true, false, false, true, true, true, false];
      const actual = chunkCoefficients(gatesFromLogits(logitTensors(logits), 1), toTensor(mask.map(Number)));
      expectCoefficients(actual, { ...gatesOf(logits), mask }, 2e-6);
    });
  });

  it("Titans Eq. 16, 18: chunkCoefficients broadcasts one mask over heads", () => {
    scope(() => {
      const logits = [0, 1].map((row) =>
        [0, 1].map((head) => randomLogits(oracle.randomSource(row + 2 * head), 5, broad)),
      );
      const masks = [
        [true, false, true, true, false],
        [false, true, true, false, true],
      ];
      const mask = np.expandDims(toTensor(masks.map((row) => row.map(Number))), 1);
      const actual = chunkCoefficients(gatesFromLogits(logitTensors(logits), 1), mask);
      expectCoefficients(
        actual,
        logits.map((row, i) => row.map((cell) => ({ ...gatesOf(cell), mask: masks[i]! }))),
        2e-6,
      );
    });
  });
});

describe("closed forms", () => {
  const tokens = 8;

  function constant(forget: number, momentum: number, stepSize: number): ChunkCoefficients {
    const gate = (value: number) => np.full([tokens], value);
    return chunkCoefficients(gatesFromValues(gate(forget), gate(momentum), gate(stepSize)));
  }

  it("Titans Eq. 16, 18: chunkCoefficients has the step size on the diagonal: a token's own gates do not touch its write", () => {
    scope(() => {
      const logits = rounded(randomLogits(oracle.randomSource(62), tokens, broad));
      const gates = gatesFromLogits(logitTensors(logits), 1);
      const { writes, surpriseWrites } = chunkCoefficients(gates);
      for (const matrix of [writes, surpriseWrites]) {
        const diagonal = (toNumbers(matrix) as oracle.Matrix).map((row, t) => row[t]!);
        expect(diagonal).toEqual([...readSync(gates.stepSize)]);
      }
    });
  });

  it("Titans Eq. 16, 18: chunkCoefficients of constant gates is the difference of two geometric series", () => {
    scope(() => {
      const [keep, carry, step] = [0.9, 0.6, 0.5];
      const { writes, momentum } = constant(1 - keep, carry, step);
      const series = (n: number) => (keep ** (n + 1) - carry ** (n + 1)) / (keep - carry);
      const expected = Array.from({ length: tokens }, (_, t) =>
        Array.from({ length: tokens }, (_, i) => (i > t ? 0 : step * series(t - i))),
      );
      // The array library's logarithm again; worst seen 1e-7.
      expectNear(writes, expected, 2e-5);
      expectNear(
        momentum,
        Array.from({ length: tokens }, (_, t) => carry * series(t)),
        2e-5,
      );
    });
  });

  it("Titans Eq. 16, 18: chunkCoefficients without momentum is pure decay, without forgetting a geometric sum", () => {
    scope(() => {
      const decay = constant(0.5, 0, 1);
      const lower = (f: (n: number) => number) =>
        Array.from({ length: tokens }, (_, t) => Array.from({ length: tokens }, (_, i) => (i > t ? 0 : f(t - i))));
      expectNear(
        decay.writes,
        lower((n) => 0.5 ** n),
        1e-6,
      );
      expectNear(decay.momentum, new Array<number>(tokens).fill(0), 0);
      const sum = constant(0, 0.5, 1);
      expectNear(
        sum.writes,
        lower((n) => (1 - 0.5 ** (n + 1)) / 0.5),
        2e-5,
      );
    });
  });

  it("Titans Eq. 16, 18: finalCoefficients is the last row that chunkCoefficients gives", () => {
    scope(() => {
      const all = constant(0.1, 0.5, 0.3);
      const final = finalCoefficients(all);
      const last = (x: Tensor) => (toNumbers(x) as number[]).at(-1)!;
      for (const name of ["memory", "momentum", "surprise", "writes", "surpriseWrites"] as const) {
        expect(toNumbers(final[name])).toEqual(last(all[name]));
      }
    });
  });
});

describe("long chunks with saturated gates", () => {
  const tokens = 512;
  const random = oracle.randomSource(63);
  const half = () =>
    Array.from({ length: tokens }, () => {
      const choice = random.uniform();
      return choice < 0.25 ? -50 : choice < 0.5 ? 50 : 3 * random.normal();
    });
  const logits = rounded({ forget: half(), momentum: half(), stepSize: half() });

  it("Titans Eq. 16, 18: chunkCoefficients of 512 tokens, half of their logits at plus or minus 50, follows its row recurrence", () => {
    scope(() => {
      const { writes, momentum, surpriseWrites } = chunkCoefficients(gatesFromLogits(logitTensors(logits), 1));
      const { forget, momentum: carry, stepSize } = gatesOf(logits);
      const [P, R, c]: [oracle.Matrix, oracle.Matrix, oracle.Vector] = [[], [], []];
      let left = 1;
      for (let t = 0; t < tokens; t++) {
        const grown = (row: oracle.Vector, factor: number, i: number) => (row[i] ?? 0) * factor;
        R.push(stepSize.map((step, i) => (i === t ? step : grown(R[t - 1] ?? [], carry[t]!, i))));
        P.push(R[t]!.map((write, i) => grown(P[t - 1] ?? [], 1 - forget[t]!, i) + write));
        left *= carry[t]!;
        c.push((c[t - 1] ?? 0) * (1 - forget[t]!) + left);
      }
      // Sums of up to 512 products: worst seen 2e-7.
      expectNear(writes, P, 2e-6);
      expectNear(surpriseWrites, R, 2e-6);
      expectNear(momentum, c, 2e-6);
    });
  });

  it("Titans Eq. 16, 18: chunkCoefficients of 512 tokens with saturated gates has a finite gradient", () => {
    scope(() => {
      const readout = tensor(random.normalVector(tokens * tokens), [tokens, tokens]);
      const along = tensor(random.normalVector(tokens));
      const f = ([forget, momentum, stepSize]: readonly [Tensor, Tensor, Tensor]) => {
        const c = chunkCoefficients(gatesFromLogits({ forget, momentum, stepSize }, 1));
        const matrices = np.sum(np.multiply(np.add(c.writes, c.surpriseWrites), readout));
        return np.add(matrices, np.sum(np.multiply(np.add(np.add(c.memory, c.momentum), c.surprise), along)));
      };
      const { forget, momentum, stepSize } = logitTensors(logits);
      for (const [gate, values] of jit(grad(f))([forget, momentum, stepSize]).entries()) {
        const numbers = [...readSync(values)];
        expect(numbers.every(Number.isFinite), `gate ${gate}`).toBe(true);
        expect(Math.max(...numbers.map(Math.abs)), `gate ${gate}`).toBeGreaterThan(0.01);
      }
    });
  });
});
