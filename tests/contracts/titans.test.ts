import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, key, liveTensors, np, release, scope, startEngine, type Tensor } from "../../src/array/index.ts";
import { type Block, concatenateTokens, Stream, sliceTokens } from "../../src/common/index.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "../../src/titans/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import { randomSource } from "../oracles/index.ts";
import { layerOf, oracleLayer } from "../titans/layer-cases.ts";
import { oracleOptionLayer } from "../titans/option-layer.ts";
import { layerContract } from "./contract.ts";

const grid = { chunk: 4, segment: 8 };

/** The default ones. */
const gateBiases = { forget: -5, momentum: 0, stepSize: 0 };

function subjectOf(layer: NeuralMemory) {
  return {
    layer,
    dim: layer.config.dim,
    // Two chunks, the second one open.
    tokens: 7,
    grid: { chunk: 4, segment: 4 },
    stepWithLosses: (
      params: NeuralMemoryParams,
      state: NeuralMemoryState,
      x: Tensor,
    ): [Tensor, NeuralMemoryState, Tensor] => {
      const [y, next, { lossBefore }] = layer.diagnose(params, state, x);
      return [y, next, lossBefore];
    },
  };
}

function withOracle(layer: NeuralMemory) {
  const oracle = (params: Parameters<typeof oracleLayer>[1], x: number[][]) => oracleLayer(layer, params, x).outputs;
  return { ...subjectOf(layer), oracle };
}

layerContract(
  "linear neural memory without a guard, chunks of two in a grid of four",
  withOracle(layerOf({ depth: 1, chunkSize: 2, maxStepSize: 0.1, gateBiases })),
);

layerContract(
  "neural memory of two layers with the tangent guard",
  withOracle(layerOf({ stepGuard: "tangent", maxStepSize: 1, normalizeValues: true, gateBiases })),
);

layerContract(
  "neural memory with residual, output norm and the key guard",
  withOracle(
    layerOf({
      norm: true,
      residual: true,
      normalizeValues: true,
      stepGuard: "key",
      maxStepSize: 0.1,
      gateBiases,
    }),
  ),
);

function withOptionOracle(layer: NeuralMemory) {
  const oracle = (params: NumberTree, x: number[][]) => oracleOptionLayer(layer, params, x);
  return { ...subjectOf(layer), oracle };
}

layerContract(
  "neural memory with clipped surprise, forgetting towards its start, rms-normalised keys",
  withOptionOracle(
    layerOf({
      maxSurpriseNorm: 0.3,
      forgetTowards: "initial",
      queryKeyNorm: "rms",
      lossScale: 2,
      maxStepSize: 0.1,
      gateBiases: { forget: -2, momentum: 0, stepSize: 0 },
    }),
  ),
);

layerContract(
  "neural memory with momentum of order 2 and two pairs a token",
  withOptionOracle(
    layerOf({
      momentumOrder: 2,
      pairsPerToken: 2,
      maxStepSize: 0.03,
      maxMomentum: 0.6,
      normalizeValues: true,
      gateBiases,
    }),
  ),
);

layerContract(
  "neural memory with a gated transition and renormalised weights",
  withOptionOracle(layerOf({ gatedTransition: true, renormalizeWeights: true, maxStepSize: 0.1, gateBiases })),
);

layerContract("neural memory with orthogonalised surprise", {
  ...subjectOf(
    layerOf({
      orthogonalizeSurprise: true,
      gatedTransition: true,
      stepGuard: "curvature",
      maxMomentum: 0.9,
      gateBiases,
    }),
  ),
  // Newton-Schulz makes small singular values, and their rounding, up to 480 times larger.
  tolerance: 1e-4,
});

layerContract(
  "neural memory with everything but its sizes as it is by default",
  subjectOf(new NeuralMemory({ dim: 5, heads: 2, headDim: 3, chunkSize: 4 })),
);

describe("the neural memory in a stream", () => {
  const [batch, tokens, dim] = [2, 11, 5];
  const layer = layerOf({ stepGuard: "tangent" });
  /** Two programs round differently: the worst seen is 2e-7. */
  const rounding = 2e-6;
  const x: Block = {
    data: Float32Array.from(randomSource(171).normalVector(batch * tokens * dim)),
    shape: [batch, tokens, dim],
  };
  let engine: Engine;
  let stream: Stream<NeuralMemoryParams, NeuralMemoryState>;
  let params: NeuralMemoryParams;

  beforeAll(async () => {
    engine = await startEngine("wasm");
    stream = new Stream(engine, layer, grid, "memory");
    params = scope(() => layer.init(key(172)));
  });
  afterAll(() => release(params));

  /** Reads the sequence in calls of the given sizes. */
  async function readIn(sizes: readonly number[], storeMask?: Block): Promise<Block> {
    let state = await stream.start(params, batch);
    const outputs: Block[] = [];
    let done = 0;
    for (const size of sizes) {
      const cut = (block: Block) => sliceTokens(block, done, done + size);
      const [y, next] = await stream.push(params, state, cut(x), storeMask ? { storeMask: cut(storeMask) } : {});
      outputs.push(y);
      stream.release(state);
      state = next;
      done += size;
    }
    stream.release(state);
    return concatenateTokens(outputs);
  }

  function distance(a: Block, b: Block): number {
    return Array.from(a.data, (value, i) => Math.abs(value - b.data[i]!)).reduce((x, y) => Math.max(x, y), 0);
  }

  it("compiles two programs that read and one that starts, however the sequence is cut", async () => {
    await readIn([tokens]);
    for (let cut = 1; cut < tokens; cut++) await readIn([cut, tokens - cut]);
    await readIn(new Array<number>(tokens).fill(1));
    expect(engine.programs.map(({ name }) => name).sort()).toEqual(["memory chunk", "memory segment", "memory start"]);
  });

  it("keeps which tokens are stored through every cut, single tokens included", async () => {
    const stored = Array.from({ length: batch * tokens }, (_, i) => Number(i % 3 !== 1));
    const storeMask: Block = { data: Float32Array.from(stored), shape: [batch, tokens] };
    const whole = await readIn([tokens], storeMask);
    expect(distance(whole, await readIn([tokens]))).toBeGreaterThan(1e-3);
    for (const sizes of [[3, 8], [5, 6], [9, 2], new Array<number>(tokens).fill(1)]) {
      expect(distance(await readIn(sizes, storeMask), whole)).toBeLessThanOrEqual(rounding);
    }
  });

  it("leaves no array alive after its states are released", async () => {
    await readIn([3, 8]);
    const before = liveTensors();
    await readIn([3, 8]);
    expect(liveTensors()).toBe(before);
  });

  it("takes up a state again that it has been continued from before", async () => {
    const fresh = await stream.start(params, batch);
    const [, middle] = await stream.push(params, fresh, sliceTokens(x, 0, 6));
    const [first, end] = await stream.push(params, middle, sliceTokens(x, 6, 11));
    const [second, otherEnd] = await stream.push(params, middle, sliceTokens(x, 6, 11));
    expect(distance(second, first)).toBe(0);
    expect(np.isfinite(end.closed.tail).shape).toEqual([batch, 3, 18]);
    for (const state of [fresh, middle, end, otherEnd]) stream.release(state);
  });
});
