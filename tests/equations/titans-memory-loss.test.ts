import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import {
  associativeLoss,
  gatesFromLogits,
  keysAndValues,
  type MemoryState,
  memoryChunk,
} from "../../src/titans/index.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  memoryTensors,
  networkOf,
  perCell,
  randomCell,
  randomCells,
  rounded,
  stateTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { expectNear } from "../titans/memory-runs.ts";

describe("keys and values", () => {
  const [dim, features, tokens] = [5, 3, 7];
  const random = oracle.randomSource(11);
  const [x, keyWeights, valueWeights] = [
    rounded(random.normalMatrix(tokens, dim)),
    rounded(random.normalMatrix(dim, features)),
    rounded(random.normalMatrix(dim, features)),
  ];

  it("Titans Eq. 11: keysAndValues projects every token of every sequence with matrices of its own", () => {
    scope(() => {
      const batch = [x, x.map((row) => row.map((value) => -value))];
      const { keys, values } = keysAndValues(toTensor(batch), toTensor(keyWeights), toTensor(valueWeights));
      expectClose(
        keys,
        batch.map((sequence) => oracle.project(sequence, keyWeights)),
      );
      expectClose(
        values,
        batch.map((sequence) => oracle.project(sequence, valueWeights)),
      );
    });
  });

  it("Titans Eq. 11: keysAndValues passes outer gradients through the memory to W_K and W_V, equal to finite differences", () => {
    const architecture = architectureOf({ dim: features });
    const cell = randomCell(12, architecture, tokens);
    const readout = random.normalMatrix(tokens, features);
    const weighted = (outputs: oracle.Matrix) => outputs.reduce((sum, row, t) => sum + oracle.dot(row, readout[t]!), 0);
    const expected = oracle.centralGradientTree(
      (weights: oracle.Matrix[]) => {
        const sequence = {
          ...cell.sequence,
          keys: oracle.project(x, weights[0]!),
          values: oracle.project(x, weights[1]!),
        };
        const options = { network: networkOf(architecture), kappa: 1, chunk: 4, read: "after" as const };
        return weighted(
          oracle.titansRecurrence(sequence, oracle.initialMemoryState(cell.weights, cell.momentum), options).outputs,
        );
      },
      [keyWeights, valueWeights],
      { richardson: true },
    );
    scope(() => {
      const tensors = tokenTensors(cell);
      const loss = (weights: readonly [Tensor, Tensor]) => {
        const { keys, values } = keysAndValues(toTensor(x), ...weights);
        let state: MemoryState = stateTensors(cell);
        const outputs: Tensor[] = [];
        for (const [from, to] of [
          [0, 4],
          [4, 7],
        ] as const) {
          const cut = (all: Tensor) => np.split(all, [from, to], 0)[1]!;
          const logits = {
            forget: cut(tensors.logits.forget),
            momentum: cut(tensors.logits.momentum),
            stepSize: cut(tensors.logits.stepSize),
          };
          const inputs = { keys: cut(keys), values: cut(values), queries: cut(tensors.queries) };
          const result = memoryChunk(architecture, state, inputs, gatesFromLogits(logits, 1));
          outputs.push(result.outputs);
          state = result.state;
        }
        return np.sum(np.multiply(np.concatenate(outputs, 0), toTensor(readout)));
      };
      const actual = jit(grad(loss))([toTensor(keyWeights), toTensor(valueWeights)]);
      for (const i of [0, 1]) {
        expect(oracle.treeNorm(expected[i])).toBeGreaterThan(0.1);
        // Float32 forward and backward through two chunks: worst seen 6e-7.
        expectNear(actual[i]!, expected[i]!, 1e-5);
      }
    });
  });
});

describe("the associative loss", () => {
  for (const depth of [1, 2, 3, 4]) {
    it(`Titans Eq. 12: associativeLoss equals the scalar loss of each token at depth ${depth}`, () => {
      for (const activation of ["silu", "gelu"] as const) {
        for (const wrapped of [false, true]) {
          scope(() => {
            const architecture = architectureOf({ depth, activation, residual: wrapped, norm: wrapped });
            const cells = randomCells(13, architecture, 6);
            const { keys, values } = tokenTensors(cells);
            const memory = stateTensors(cells).memory;
            for (const lossScale of [1, 2]) {
              const expected = perCell(cells, ({ weights, sequence }) =>
                sequence.keys.map((key, t) =>
                  oracle.memoryLoss(networkOf(architecture), weights, key, sequence.values[t]!, lossScale),
                ),
              );
              // A few dozen float32 roundings, and the activation's own error of some 1e-6: worst seen 2e-7.
              expectNear(associativeLoss(architecture, memory, keys, values, lossScale), expected, 1e-5);
            }
          });
        }
      }
    });
  }

  it("Titans Eq. 12: associativeLoss as printed is the squared distance, summed over features and halved nowhere", () => {
    scope(() => {
      const architecture = architectureOf({ depth: 1, dim: 2 });
      const memory = memoryTensors({
        layers: [
          [
            [1, 2],
            [3, 4],
          ],
        ],
        norm: null,
      });
      // M k = (5, 11), so M k - v = (3, -4).
      const loss = (scale?: number) =>
        toNumbers(associativeLoss(architecture, memory, toTensor([[1, 2]]), toTensor([[2, 15]]), scale));
      expect(loss(2)).toEqual([25]);
      expect(loss()).toEqual([12.5]);
    });
  });

  it("Titans Eq. 12: associativeLoss mixes neither tokens nor heads nor sequences", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(14, architecture, 5);
      const memory = stateTensors(cells).memory;
      const lossesOf = (grid: typeof cells) => {
        const { keys, values } = tokenTensors(grid);
        return [...readSync(associativeLoss(architecture, memory, keys, values))];
      };
      const original = lossesOf(cells);
      const { sequence } = cells[1]![0]!;
      const values = sequence.values.map((row, t) => (t === 3 ? row.map((value) => value + 1) : row));
      const altered = lossesOf([cells[0]!, [{ ...cells[1]![0]!, sequence: { ...sequence, values } }, cells[1]![1]!]]);
      const different = original.flatMap((loss, i) => (loss === altered[i] ? [] : [i]));
      expect(different).toEqual([2 * 5 + 3]);
    });
  });
});
