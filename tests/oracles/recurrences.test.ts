import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { addMatrix, dot, type Matrix, matVec, scaleMatrix, subtract, zeroMatrix } from "./matrix.ts";
import { randomSource } from "./random.ts";
import { deltaNet, gatedDeltaNet, linearMemory, longhorn } from "./recurrences.ts";
import { initialMemoryState, titansRecurrence } from "./titans.ts";
import { maxDifference, treeNorm } from "./tree.ts";

const random = randomSource(4);
const tokens = 13;
const keys = Array.from({ length: tokens }, () => random.unitVector(5));
const values = random.normalMatrix(tokens, 5);
const stepSize = random.uniformVector(tokens, 0.1, 0.9);
const forget = random.uniformVector(tokens, 0.05, 0.4);
const momentum = random.uniformVector(tokens, 0, 0.9);
const initial = random.normalMatrix(5, 5);
const none = stepSize.map(() => 0);
const network = { activation: "identity" as const, residual: false, normEpsilon: 0 };
const perChannel = (gates: number[]): Matrix => gates.map((gate) => initial.map(() => gate));

function onlineMemory(gates: { forget: number[]; momentum: number[] }): Matrix[] {
  const sequence = { keys, values, queries: keys, stepSize, ...gates };
  const start = initialMemoryState({ layers: [initial], norm: null });
  const result = titansRecurrence(sequence, start, { network, kappa: 1, chunk: 1, read: "after" });
  return result.trace.map(({ weights }) => weights.layers[0]!);
}

describe("oracle: recurrences of Appendix C", () => {
  it("Eq. 32-33: scalar gates reproduce the linear memory of Eq. 13-14", () => {
    const written = linearMemory(
      { keys, values, forget: perChannel(forget), momentum: perChannel(momentum), stepSize: perChannel(stepSize) },
      initial,
      zeroMatrix(5, 5),
    );
    expect(
      maxDifference(
        written.map(({ memory }) => memory),
        onlineMemory({ forget, momentum }),
      ),
    ).toBeLessThan(1e-13);
  });

  it("Eq. 33: the bracket is the gradient of the halved loss", () => {
    const written = linearMemory(
      {
        keys: [keys[0]!],
        values: [values[0]!],
        forget: [[0, 0, 0, 0, 0]],
        momentum: [[0, 0, 0, 0, 0]],
        stepSize: [[1, 1, 1, 1, 1]],
      },
      initial,
      zeroMatrix(5, 5),
    );
    const halvedLoss = (memory: Matrix): number => {
      const error = subtract(matVec(memory, keys[0]!), values[0]!);
      return dot(error, error) / 2;
    };
    const gradient = centralGradientTree(halvedLoss, initial, { richardson: true });
    expect(maxDifference(written[0]!.surprise, scaleMatrix(-1, gradient))).toBeLessThan(1e-10);
  });

  it("Eq. 32-33: gates per output channel act on rows", () => {
    const gates = {
      forget: random.normalMatrix(tokens, 5),
      momentum: random.normalMatrix(tokens, 5),
      stepSize: perChannel(stepSize),
    };
    const whole = linearMemory({ keys, values, ...gates }, initial, zeroMatrix(5, 5));
    const row = (matrix: Matrix): Matrix => matrix.map((entries) => [entries[2]!]);
    const alone = linearMemory(
      {
        keys,
        values: row(values),
        forget: row(gates.forget),
        momentum: row(gates.momentum),
        stepSize: row(gates.stepSize),
      },
      [initial[2]!],
      zeroMatrix(1, 5),
    );
    expect(alone.at(-1)!.memory[0]).toEqual(whole.at(-1)!.memory[2]);
  });

  it("Eq. 34: DeltaNet is the linear memory without momentum and forgetting", () => {
    const memories = deltaNet({ keys, values, stepSize }, initial);
    expect(maxDifference(memories, onlineMemory({ forget: none, momentum: none }))).toBeLessThan(1e-13);
  });

  it("Eq. 34: Gated DeltaNet is not the linear memory without momentum, unless nothing is forgotten", () => {
    const gated = gatedDeltaNet({ keys, values, stepSize, forget }, initial);
    const written = onlineMemory({ forget, momentum: none });
    expect(maxDifference(gated, written)).toBeGreaterThan(1e-2);
    // One step differs by the erase term α θ S k kᵀ.
    const erase = keys[0]!.map((_, j) =>
      matVec(initial, keys[0]!).map((entry) => forget[0]! * stepSize[0]! * entry * keys[0]![j]!),
    );
    const term = initial.map((_, i) => erase.map((column) => column[i]!));
    expect(maxDifference(gated[0], addMatrix(written[0]!, term))).toBeLessThan(1e-14);
    const kept = gatedDeltaNet({ keys, values, stepSize, forget: none }, initial);
    expect(maxDifference(kept, onlineMemory({ forget: none, momentum: none }))).toBeLessThan(1e-13);
  });

  it("Eq. 35: Longhorn minimises the implicit objective", () => {
    const longKeys = random.normalMatrix(tokens, 5, 2);
    const memories = longhorn({ keys: longKeys, values, stepSize }, initial);
    memories.forEach((memory, t) => {
      const before = t === 0 ? initial : memories[t - 1]!;
      const objective = (candidate: Matrix): number => {
        const error = subtract(matVec(candidate, longKeys[t]!), values[t]!);
        const move = treeNorm(addMatrix(candidate, scaleMatrix(-1, before)));
        return move ** 2 / 2 + (stepSize[t]! / 2) * dot(error, error);
      };
      expect(treeNorm(centralGradientTree(objective, memory, { richardson: true }))).toBeLessThan(1e-8);
    });
  });

  it("Eq. 35: an infinite step with a unit key stores the value", () => {
    const [memory] = longhorn({ keys, values, stepSize: stepSize.map(() => 1e12) }, initial);
    expect(maxDifference(matVec(memory!, keys[0]!), values[0])).toBeLessThan(1e-11);
  });
});
