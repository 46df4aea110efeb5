import { describe, expect, it } from "vitest";
import { jit, readSync, scope } from "../../src/array/index.ts";
import type { MemoryDiagnostics } from "../../src/common/index.ts";
import type { NeuralMemory, NeuralMemoryConfig, NeuralMemoryParams } from "../../src/titans/index.ts";
import { randomSequences, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf, layerOptions, layerParameters, maskTensor, noisyParams } from "./layer-cases.ts";
import { networkOf, rounded } from "./memory-cases.ts";
import { expectNear } from "./memory-runs.ts";

/** Two chunks of four and an open one. */
const [tokens, chunk] = [11, 4];
const sequences = rounded(randomSequences(131, 2, tokens, 5));

/** Empty slots at the end of the first sequence and in the second one; both have tokens that are only read with. */
const valid = [sequences[0]!.map((_, t) => t < 10), sequences[1]!.map((_, t) => t !== 2 && t !== 5)];
const store = [sequences[0]!.map((_, t) => t !== 1), sequences[1]!.map((_, t) => t > 3)];

/** What never writes: inner losses at weights that stay as they are. */
const readOnly = { maxStep: 0, decay: false, carrySurprise: false } as const;

function mean(values: oracle.Vector): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Keys or values of every token of one head, before any normalisation, as the layer makes them. */
function projected(
  parameters: oracle.LayerParameters,
  branch: "key" | "value",
  row: number,
  head: number,
): oracle.Matrix {
  const x = oracle.project(sequences[row]!, parameters[branch]);
  const { outputs } = oracle.causalConvolution(x, parameters.convolution![branch], undefined, valid[row]!);
  const size = parameters.readNorm[0]!.length;
  return oracle.headColumns(outputs, head, size).map((token) => token.map((value) => oracle.activate("silu", value)));
}

/** The largest norm of any layer's error over the valid tokens of a chunk: each gradient's norm, divided by that of the layer's input. */
function errorNorm(layer: NeuralMemory, weights: oracle.MemoryWeights, keys: oracle.Matrix, values: oracle.Matrix) {
  const network = networkOf(layer.architecture);
  const norms = keys.flatMap((key, t) => {
    const inputs = oracle.memoryTrace(network, weights, key).inputs.map(oracle.norm);
    const { layers } = oracle.memoryGradient(network, weights, key, values[t]!, 1);
    return layers.map((matrix, l) => oracle.treeNorm(matrix) / inputs[l]!);
  });
  return Math.max(...norms);
}

/** Everything `diagnose` reports of one sequence, by running the oracle chunk by chunk: [heads, chunks] and [heads, tokens]. */
function expectedDiagnostics(layer: NeuralMemory, params: NeuralMemoryParams, row: number) {
  const parameters = layerParameters(toNumbers(params));
  const options = layerOptions(layer);
  const x = sequences[row]!;
  let state = oracle.initialLayerState(parameters);
  const fresh = state;
  const parts = [];
  for (let start = 0; start < tokens; start += chunk) {
    const end = Math.min(start + chunk, tokens);
    const piece = x.slice(start, end);
    const masks = { valid: valid[row]!.slice(start, end), store: store[row]!.slice(start, end) };
    const active = (values: oracle.Vector) => values.filter((_, t) => masks.valid[t]);
    const lossesAt = (memory: oracle.LayerState["memory"]) => {
      const at = { tails: state.tails, memory: memory.map(({ weights }) => oracle.initialMemoryState(weights)) };
      const { losses } = oracle.memoryLayer(parameters, at, piece, { ...options, ...readOnly }, masks);
      return losses.map((ofHead) => mean(active(ofHead)));
    };
    const result = oracle.memoryLayer(parameters, state, piece, options, masks);
    const heads = parameters.memory.map((_, head) => head);
    const errorNorms = heads.map((head) => {
      const inChunk = (rows: oracle.Matrix) => rows.slice(start, end).filter((_, t) => masks.valid[t]);
      const normalise = (rows: oracle.Matrix) => rows.map((token) => oracle.l2Normalise(token, 1e-6));
      const keys = normalise(projected(parameters, "key", row, head));
      const values = projected(parameters, "value", row, head);
      const wanted = layer.config.normalizeValues ? normalise(values) : values;
      return errorNorm(layer, state.memory[head]!.weights, inChunk(keys), inChunk(wanted));
    });
    const rho = heads.map((head) => {
      const gates = {
        forget: result.forget[head]!,
        momentum: result.momentum[head]!,
        stepSize: result.stepSize[head]!,
        mask: masks.valid,
      };
      return oracle
        .chunkCoefficients(gates)
        .P.at(-1)!
        .reduce((sum, write) => sum + write, 0);
    });
    parts.push({
      lossAtInitial: lossesAt(fresh.memory),
      lossBefore: lossesAt(state.memory),
      lossAfter: lossesAt(result.state.memory),
      memoryNorm: result.state.memory.map(({ weights }) => oracle.treeNorm(weights)),
      surpriseNorm: result.state.memory.map(({ momentum }) => oracle.treeNorm(momentum)),
      errorNorm: errorNorms,
      rho,
      surprises: result.gradientNorms,
      stepSizes: result.stepSize,
    });
    state = result.state;
  }
  return parts;
}

const perChunk = [
  "lossAtInitial",
  "lossBefore",
  "lossAfter",
  "memoryNorm",
  "surpriseNorm",
  "errorNorm",
  "rho",
] as const;

function diagnose(layer: NeuralMemory, params: NeuralMemoryParams, masked = true) {
  const run = jit((p: NeuralMemoryParams) => {
    const masks = masked ? { mask: maskTensor(valid), storeMask: maskTensor(store) } : {};
    const [y, state, diagnostics] = layer.diagnose(p, layer.initialState(p, 2), toTensor(sequences), masks);
    return { y, state, diagnostics };
  });
  return run(params);
}

describe("diagnostics of the layer", () => {
  const configs: Partial<NeuralMemoryConfig>[] = [
    { depth: 1, normalizeValues: true },
    { depth: 2, stepGuard: "tangent", maxStepSize: 1 },
    { depth: 3, norm: true, residual: true, maxStepSize: 0.2 },
  ];
  for (const config of configs) {
    it(`are the oracle's numbers at depth ${config.depth}, with empty and read-only slots`, () => {
      scope(() => {
        const layer = layerOf(config);
        const params = noisyParams(layer, 132);
        const { diagnostics } = diagnose(layer, params);
        const expected = [0, 1].map((row) => expectedDiagnostics(layer, params, row));
        for (const name of perChunk) {
          expect(diagnostics[name].shape).toEqual([2, 2, 3]);
          const numbers = expected.map((parts) => [0, 1].map((head) => parts.map((part) => part[name][head]!)));
          // Rounding as in the layer's outputs: worst seen 6e-7.
          expectNear(diagnostics[name], numbers, 1e-5);
        }
        for (const name of ["surprises", "stepSizes"] as const) {
          expect(diagnostics[name].shape).toEqual([2, 2, tokens]);
          const numbers = expected.map((parts) => [0, 1].map((head) => parts.flatMap((part) => part[name][head]!)));
          expectNear(diagnostics[name], numbers, 1e-5);
        }
      });
    });
  }

  it("come with the outputs and the state that a plain step gives", () => {
    scope(() => {
      const layer = layerOf();
      const params = noisyParams(layer, 133);
      const { y, state } = diagnose(layer, params, false);
      const plain = jit((p: NeuralMemoryParams) => {
        const [outputs, next] = layer.step(p, layer.initialState(p, 2), toTensor(sequences));
        return { outputs, next };
      });
      const { outputs, next } = plain(params);
      expectNear(y, outputs, 1e-6);
      expectNear(toNumbers(state), toNumbers(next), 1e-6);
    });
  });

  it("show a memory that learns: below the loss of its initial weights, and lower after a chunk than before", () => {
    scope(() => {
      const layer = layerOf({ depth: 1, maxStepSize: 0.5, normalizeValues: true });
      const params = noisyParams(layer, 134);
      const { diagnostics } = diagnose(layer, params, false);
      const total = (name: keyof MemoryDiagnostics) => [...readSync(diagnostics[name])].reduce((sum, x) => sum + x, 0);
      expect(total("lossAfter")).toBeLessThan(total("lossBefore"));
      expect(total("lossBefore")).toBeLessThan(total("lossAtInitial"));
    });
  });
});
