import { describe, expect, it } from "vitest";
import { key, np, readSync, scope, zipTrees } from "../../src/array/index.ts";
import {
  checkArchitecture,
  gradientNorms,
  initMemoryWeights,
  type MemoryArchitecture,
  memoryFactors,
  memoryForward,
  tangentKernel,
  tokenExactRead,
  weightedGradient,
} from "../../src/common/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  memoryTensors,
  networkOf,
  perCell,
  randomCell,
  randomCells,
  stateTensors,
  tensorOfCells,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { expectMemory, expectNear } from "../titans/memory-runs.ts";
import { toNumbers, toTensor } from "./tensors.ts";

/** Every depth, with every activation and wrapping at least once. */
const architectures: MemoryArchitecture[] = [
  architectureOf({ depth: 1 }),
  architectureOf({ depth: 1, norm: true }),
  architectureOf({ depth: 2, residual: true }),
  architectureOf({ depth: 2, activation: "gelu", norm: true }),
  architectureOf({ depth: 3, activation: "gelu" }),
  architectureOf({ depth: 4, residual: true, norm: true }),
  architectureOf({ depth: 2, activation: "exactGelu", residual: true, norm: true, normEpsilon: 1e-5 }),
];

function nameOf({ depth, activation, residual, norm }: MemoryArchitecture): string {
  return `depth ${depth}, ${activation}${residual ? ", residual" : ""}${norm ? ", norm" : ""}`;
}

describe("the memory network", () => {
  for (const architecture of architectures) {
    it(`answers and gives per-token gradients as the oracle does: ${nameOf(architecture)}`, () => {
      scope(() => {
        const cells = randomCells(181, architecture, 3);
        const network = networkOf(architecture);
        const { keys, values } = tokenTensors(cells);
        const { memory } = stateTensors(cells);
        const answers = perCell(cells, ({ weights, sequence }) =>
          sequence.keys.map((k) => oracle.memoryForward(network, weights, k)),
        );
        // Float32 through four layers: worst seen 2e-7.
        expectNear(memoryForward(architecture, memory, keys), answers, 5e-6);

        const factors = memoryFactors(architecture, memory, keys, values, 2);
        const gradients = cells.map((row) =>
          row.map(({ weights, sequence }) =>
            sequence.keys.map((k, t) => oracle.memoryGradient(network, weights, k, sequence.values[t]!, 2)),
          ),
        );
        for (let t = 0; t < 3; t++) {
          const only = tensorOfCells(
            gradients.map((row) => row.map(() => 0)),
            () => [0, 1, 2].map((i) => Number(i === t)),
          );
          // And back again: worst seen 3e-7.
          expectMemory(
            weightedGradient(factors, only),
            gradients.map((row) => row.map((tokens) => tokens[t]!)),
            1e-5,
          );
        }
        const norms = perCell(
          gradients.map((row) => row.map((tokens) => ({ tokens }))),
          ({ tokens }) => tokens.map(oracle.treeNorm),
        );
        expectNear(gradientNorms(factors), norms, 5e-6);
      });
    });

    it(`bounds its tangent kernel from above: ${nameOf(architecture)}`, () => {
      scope(() => {
        const cell = randomCell(182, architecture, 3);
        const { keys, values } = tokenTensors(cell);
        const kernel = toNumbers(
          tangentKernel(memoryFactors(architecture, memoryTensors(cell.weights), keys, values)),
        ) as oracle.Matrix;
        const jacobians = cell.sequence.keys.map((k) => outputJacobian(architecture, cell.weights, k));
        for (const t of [0, 1, 2]) {
          for (const j of [0, 1, 2]) {
            const coupling = oracle.matMul(jacobians[t]!, oracle.transpose(jacobians[j]!));
            // A bound may be met exactly, as by a linear memory: one float32 rounding of slack.
            expect(spectralNorm(coupling)).toBeLessThanOrEqual(kernel[t]![j]! * (1 + 1e-5));
          }
        }
      });
    });
  }

  for (const depth of [1, 2]) {
    it(`has the oracle's tangent kernel at depth ${depth}`, () => {
      scope(() => {
        const architecture = architectureOf({ depth, activation: "gelu", residual: true });
        const cells = randomCells(183, architecture, 6);
        const { keys, values } = tokenTensors(cells);
        const factors = memoryFactors(architecture, stateTensors(cells).memory, keys, values);
        const expected = perCell(cells, ({ weights, sequence }) =>
          oracle.tangentKernel(networkOf(architecture), weights, sequence.keys),
        );
        expectNear(tangentKernel(factors), expected, 5e-6);
      });
    });
  }

  it("reads with token-exact weights what it would read with those weights built", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 3, residual: true, norm: true });
      const cell = randomCell(184, architecture, 4);
      const random = oracle.randomSource(185);
      const [b, c] = [random.uniformVector(4, 0.5, 1), random.uniformVector(4, 0, 1)];
      const P = Array.from({ length: 4 }, (_, t) => random.uniformVector(4, 0, 0.2).map((p, i) => (i > t ? 0 : p)));
      const { keys, values, queries } = tokenTensors(cell);
      const { memory, surprise } = stateTensors(cell);
      const factors = memoryFactors(architecture, memory, keys, values);
      const terms = [
        { weights: memory, share: toTensor(b) },
        { weights: surprise, share: toTensor(c) },
        { weights: memory },
      ];
      const { weights, momentum, sequence } = cell;
      const expected = sequence.queries.map((query, t) => {
        let built = oracle.combine(b[t]! + 1, weights, c[t]!, momentum);
        sequence.keys.forEach((k, i) => {
          const gradient = oracle.memoryGradient(networkOf(architecture), weights, k, sequence.values[i]!, 1);
          built = oracle.combine(1, built, -P[t]![i]!, gradient);
        });
        return oracle.memoryForward(networkOf(architecture), built, query);
      });
      expectNear(tokenExactRead(architecture, terms, toTensor(P), factors, queries), expected, 5e-6);
    });
  });
});

/** Derivative of the output by all weights, [dim, number of weights], by central differences. */
function outputJacobian(architecture: MemoryArchitecture, weights: oracle.MemoryWeights, k: oracle.Vector) {
  const flat = oracle.flatten(weights);
  const h = 1e-5;
  const columns = flat.map((weight, i) => {
    const at = (shifted: number) =>
      oracle.memoryForward(networkOf(architecture), oracle.unflatten(flat.with(i, shifted), weights), k);
    return oracle.scale(1 / (2 * h), oracle.subtract(at(weight + h), at(weight - h)));
  });
  return oracle.transpose(columns);
}

/** The largest singular value, by power iteration; never above the true one. */
function spectralNorm(matrix: oracle.Matrix): number {
  let direction = oracle.randomSource(1).unitVector(matrix.length);
  for (let n = 0; n < 30; n++) {
    const image = oracle.vecMat(oracle.matVec(matrix, direction), matrix);
    direction = oracle.scale(1 / Math.max(oracle.norm(image), Number.MIN_VALUE), image);
  }
  return oracle.norm(oracle.matVec(matrix, direction));
}

describe("fresh memory weights", () => {
  it("are one network a head, of variance one over the inputs, with a neutral output norm", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 3, dim: 32, hiddenDim: 48, norm: true });
      const { layers, norm } = initMemoryWeights(architecture, key(1), 3);
      expect(layers.map(({ shape }) => shape)).toEqual([
        [3, 48, 32],
        [3, 48, 48],
        [3, 32, 48],
      ]);
      for (const matrix of layers) {
        const values = [...readSync(matrix)];
        const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
        // Some 5,000 normal numbers: the variance is off by 2 % (one deviation).
        expect(Math.abs(variance * matrix.shape[2]! - 1)).toBeLessThan(0.1);
        const perHead = values.length / 3;
        expect(values.slice(0, perHead)).not.toEqual(values.slice(perHead, 2 * perHead));
      }
      expect(new Set(readSync(norm!.scale))).toEqual(new Set([1]));
      expect(new Set(readSync(norm!.shift))).toEqual(new Set([0]));
    });
  });

  it("answer as softly as they are told to: the last matrix alone is smaller", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 2, dim: 4, hiddenDim: 6 });
      const [first, last] = initMemoryWeights(architecture, key(1), 2).layers.map((w) => toNumbers(w));
      const [sameFirst, soft] = initMemoryWeights(architecture, key(1), 2, 0.25).layers.map((w) => toNumbers(w));
      expect(sameFirst).toEqual(first);
      // A quarter is exact in float32.
      expect(soft).toEqual((last as number[][][]).map((head) => head.map((row) => row.map((w) => w / 4))));
    });
  });

  it("differ from layer to layer and from seed to seed, and not for one seed", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 3, dim: 4, hiddenDim: 4 });
      const numbers = (seed: number) =>
        toNumbers(initMemoryWeights(architecture, key(seed), 1).layers) as number[][][][];
      const [first, second, third] = numbers(1);
      expect(first).not.toEqual(second);
      expect(second).not.toEqual(third);
      expect(numbers(1)).toEqual([first, second, third]);
      expect(numbers(2)[0]).not.toEqual(first);
    });
  });

  it("are refused for sizes that cannot be", () => {
    for (const wrong of [{ depth: 0 }, { dim: 2.5 }, { hiddenDim: -1 }, { activation: "relu" }]) {
      const architecture = { ...architectureOf(), ...wrong } as MemoryArchitecture;
      expect(() => checkArchitecture(architecture)).toThrow(ConfigError);
      expect(() => scope(() => initMemoryWeights(architecture, key(1), 1))).toThrow(ConfigError);
    }
  });

  it("of a memory without a norm make no gradient for one", () => {
    scope(() => {
      const architecture = architectureOf();
      const weights = initMemoryWeights(architecture, key(3), 2);
      const ones = np.ones([2, 3, 5]);
      const gradient = weightedGradient(memoryFactors(architecture, weights, ones, ones), np.ones([2, 3]));
      expect(() => zipTrees((a) => a, weights, gradient)).not.toThrow();
      expect("norm" in gradient).toBe(false);
    });
  });
});
