import { describe, expect, it } from "vitest";
import { jit, np, scope, type Tensor } from "../../src/array/index.ts";
import type {
  NeuralMemory,
  NeuralMemoryConfig,
  NeuralMemoryParams,
  NeuralMemoryState,
} from "../../src/titans/index.ts";
import { randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import type * as oracle from "../oracles/index.ts";
import { layerOf, maskTensor, noisyParams, oracleRows } from "../titans/layer-cases.ts";
import { rounded } from "../titans/memory-cases.ts";
import { expectMemory, expectNear } from "../titans/memory-runs.ts";

/** Two chunks of four and an open one. */
const tokens = 11;

/** Float32 through projections, convolution, three chunks and the read-out, relative to the largest number: worst seen 4e-6. */
const tolerance = 3e-5;

const sequences = rounded(randomSequences(71, 2, tokens, 5));

interface Case {
  readonly name: string;
  readonly config: Partial<NeuralMemoryConfig>;
}

const cases: Case[] = [
  { name: "a linear memory", config: { depth: 1 } },
  { name: "two layers", config: {} },
  { name: "two layers, normalised values", config: { normalizeValues: true } },
  { name: "two layers, gelu, residual", config: { activation: "gelu", residual: true } },
  { name: "three layers with output norm", config: { depth: 3, norm: true, residual: true, maxStepSize: 0.1 } },
  { name: "four layers", config: { depth: 4 } },
  { name: "chunks of one", config: { chunkSize: 1 } },
  { name: "one chunk for all, kernel of two, one head", config: { chunkSize: 16, convolutionKernel: 2, heads: 1 } },
  { name: "three heads, wide memory", config: { heads: 3, headDim: 2, expansion: 3.5 } },
  { name: "the key guard on a linear memory", config: { depth: 1, stepGuard: "key", maxStepSize: 1 } },
  { name: "the key guard on two layers, normalised values", config: { stepGuard: "key", normalizeValues: true } },
  { name: "the tangent guard on two layers", config: { stepGuard: "tangent", maxStepSize: 1 } },
];

function expectLayer(
  actual: { y: Tensor; state: NeuralMemoryState },
  expected: readonly oracle.LayerResult[],
  valid: readonly (readonly boolean[])[],
): void {
  const y = toNumbers(actual.y) as number[][][];
  const kept = <T>(rows: T[], row: number) => rows.filter((_, t) => valid[row]![t]);
  expectNear(
    y.map((rows, row) => kept(rows, row)),
    expected.map(({ outputs }, row) => kept(outputs, row)),
    tolerance,
  );
  const memories = (name: "weights" | "momentum") =>
    expected.map(({ state }) => state.memory.map((memory) => memory[name]));
  expectMemory(actual.state.memory, memories("weights"), tolerance);
  expectMemory(actual.state.surprise, memories("momentum"), tolerance);
  const tails = expected.map(({ state }) =>
    state.tails!.query.map((row, i) => [...row, ...state.tails!.key[i]!, ...state.tails!.value[i]!]),
  );
  expectNear(actual.state.tail, tails, tolerance);
}

function run(layer: NeuralMemory, params: NeuralMemoryParams, options: { mask?: Tensor; storeMask?: Tensor } = {}) {
  const step = jit((x: Tensor, given: { mask?: Tensor; storeMask?: Tensor }) => {
    const [y, state] = layer.step(params, layer.initialState(params, x.shape[0]!), x, given);
    return { y, state };
  });
  return step(toTensor(sequences), options);
}

describe("the layer against the oracle", () => {
  const everything = sequences.map((row) => row.map(() => true));

  for (const { name, config } of cases) {
    it(`Titans Eq. 11-15: NeuralMemory equals the oracle's layer: ${name}`, () => {
      scope(() => {
        const layer = layerOf(config);
        const params = noisyParams(layer, 72);
        expectLayer(run(layer, params), oracleRows(layer, params, sequences), everything);
      });
    });
  }

  for (const stepGuard of ["off", "tangent"] as const) {
    it(`Titans Eq. 11-15: NeuralMemory with empty and read-only slots equals the oracle's layer, guard ${stepGuard}`, () => {
      scope(() => {
        const layer = layerOf({ stepGuard, maxStepSize: 1 });
        const params = noisyParams(layer, 73);
        const masks = [
          { valid: everything[0]!.map((_, t) => t < 9), store: everything[0]!.map((_, t) => t !== 1 && t !== 6) },
          {
            valid: everything[0]!.map((_, t) => t !== 0 && t !== 5 && t !== 6),
            store: everything[0]!.map((_, t) => t < 7),
          },
        ];
        const actual = run(layer, params, {
          mask: maskTensor(masks.map(({ valid }) => valid)),
          storeMask: maskTensor(masks.map(({ store }) => store)),
        });
        expectLayer(
          actual,
          oracleRows(layer, params, sequences, masks),
          masks.map(({ valid }) => valid),
        );
      });
    });
  }

  it("Titans Eq. 11-15: NeuralMemory caps the momentum gate at maxMomentum", () => {
    scope(() => {
      const layer = layerOf({ maxMomentum: 0.75 });
      const params = noisyParams(layer, 74);
      const momentumOf = (bias: number) => ({
        ...params,
        gates: {
          ...params.gates,
          momentum: { weight: np.zerosLike(params.gates.momentum.weight), bias: np.full([2], bias) },
        },
      });
      // sigmoid(log 3) = 3/4
      const expected = oracleRows(layer, momentumOf(Math.log(3)), sequences);
      expectLayer(run(layer, momentumOf(60)), expected, everything);
      expectLayer(run(layer, momentumOf(Math.log(3))), expected, everything);
    });
  });

  it("Titans Eq. 11-15: NeuralMemory continues from its state: two chunk-aligned calls give what one gives", () => {
    scope(() => {
      const layer = layerOf({ stepGuard: "tangent" });
      const params = noisyParams(layer, 75);
      const x = toTensor(sequences);
      const [first, rest] = np.split(x, [8], 1) as [Tensor, Tensor];
      const [y1, middle] = layer.step(params, layer.initialState(params, 2), first);
      const [y2, state] = layer.step(params, middle, rest);
      const expected = oracleRows(layer, params, sequences);
      expectLayer({ y: np.concatenate([y1, y2], 1), state }, expected, everything);
      expect(oracleDifference(expected)).toBeGreaterThan(0.01);
    });
  });
});

/** How far the memory of the first sequence is from that of the second: what the cases above could not tell apart. */
function oracleDifference([first, second]: readonly oracle.LayerResult[]): number {
  const flat = (result: oracle.LayerResult | undefined) =>
    result!.state.memory.flatMap(({ weights }) => weights.layers.flat(2));
  return Math.max(...flat(first).map((value, i) => Math.abs(value - flat(second)[i]!)));
}
