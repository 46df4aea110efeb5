import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { dot, type Vector } from "./matrix.ts";
import { type MirasBias, mirasLoss, mirasOutputError } from "./miras-biases.ts";
import { mirasMlpFixture as fixture } from "./miras-fixtures.ts";
import {
  type MirasLayers,
  type MirasMemory,
  mirasApplyGate,
  mirasForward,
  mirasMatrixMemory,
  mirasMlpMemory,
  mirasPullBack,
} from "./miras-memory.ts";
import { randomSource } from "./random.ts";
import { flatten, maxDifference } from "./tree.ts";

const random = randomSource(151);
const mlp = (): MirasLayers => [random.normalMatrix(8, 4, 0.5), random.normalMatrix(4, 8, 0.5)];
const gradient = (memory: MirasMemory, layers: MirasLayers, bias: MirasBias, key: Vector, value: Vector) =>
  mirasPullBack(memory, layers, key, mirasOutputError(bias, mirasForward(memory, layers, key), value));

describe("oracle: memories of MIRAS", () => {
  it("printed numbers: output, losses and gradients of the two-layer memory", () => {
    const { layers, key, value } = fixture;
    const output = mirasForward(mirasMlpMemory, layers, key);
    expect(maxDifference(output, fixture.output)).toBeLessThan(1e-9);
    const biases = { l2: { kind: "l2", scale: "half" }, l3: { kind: "lp", p: 3 } } as const;
    for (const name of ["l2", "l3"] as const) {
      expect(Math.abs(mirasLoss(biases[name], output, value) - fixture[name].loss)).toBeLessThan(1e-9);
      const found = gradient(mirasMlpMemory, layers, biases[name], key, value);
      expect(maxDifference(found, fixture[name].gradient)).toBeLessThan(1e-9);
    }
  });

  const affine = { epsilon: 1e-5, gamma: random.uniformVector(4, 0.5, 1.5), beta: random.normalVector(4) };
  const memories: [string, MirasMemory, MirasLayers][] = [
    ["matrix", mirasMatrixMemory, [random.normalMatrix(4, 4)]],
    ["matrix with residual and norm", mirasMlpMemory, [random.normalMatrix(4, 4)]],
    ["MLP", mirasMlpMemory, mlp()],
    ["MLP with a learned affine", { ...mirasMlpMemory, norm: affine }, mlp()],
    ["MLP with the tanh GELU, bare", { activation: "gelu-tanh", residual: false, norm: null }, mlp()],
  ];

  it.each(memories)("%s: the pull-back equals finite differences for every kind of error", (_, memory, layers) => {
    const biases: MirasBias[] = [
      { kind: "dot", scale: "full" },
      { kind: "l2", scale: "half" },
      { kind: "lp", p: 3 },
      { kind: "huber-norm", threshold: 0.5 },
      { kind: "huber-mixture", threshold: 0.5, l1: "sign" },
      { kind: "value-shift", radius: 0.3 },
    ];
    const key = random.unitVector(4);
    const value = random.normalVector(4);
    for (const bias of biases) {
      const loss = (w: MirasLayers): number => mirasLoss(bias, mirasForward(memory, w, key), value);
      const differences = centralGradientTree(loss, layers, { richardson: true });
      const found = gradient(memory, layers, bias, key, value);
      expect(maxDifference(found, differences), bias.kind).toBeLessThan(1e-8 * Math.max(1, ...flatten(found)));
    }
  });

  it("LayerNorm ignores the scale of the last matrix: its gradient is orthogonal to it", () => {
    const exact: MirasMemory = { ...mirasMlpMemory, norm: { epsilon: 0 } };
    const layers = mlp();
    const [key, value] = [random.unitVector(4), random.normalVector(4)];
    const found = gradient(exact, layers, { kind: "l2", scale: "half" }, key, value);
    expect(Math.abs(dot(found[1]!.flat(), layers[1]!.flat()))).toBeLessThan(1e-13);
    expect(Math.abs(dot(found[0]!.flat(), layers[0]!.flat()))).toBeGreaterThan(1e-3);
  });

  it("a gate acts on rows of the last matrix and on columns of the first, or on the mean where rows are slices", () => {
    const ones: MirasLayers = [Array.from({ length: 3 }, () => [1, 1]), Array.from({ length: 2 }, () => [1, 1, 1])];
    expect(mirasApplyGate([2, 4], ones)).toEqual([
      [
        [2, 4],
        [2, 4],
        [2, 4],
      ],
      [
        [2, 2, 2],
        [4, 4, 4],
      ],
    ]);
    expect(mirasApplyGate([2, 4], ones, true)[0]!.flat()).toEqual([3, 3, 3, 3, 3, 3]);
    expect(mirasApplyGate(5, ones).flat(2)).toEqual(new Array(12).fill(5));
    expect(mirasApplyGate([2, 3, 4], [ones[0]!])).toEqual([
      [
        [2, 2],
        [3, 3],
        [4, 4],
      ],
    ]);
  });
});
