/** Whole blocks of Hope that learn from the loss of what comes next, against the paper in plain numbers. */
import { describe, expect, it } from "vitest";
import { key, mapTree, np, readSync, scope, tensor } from "../../src/array/index.ts";
import { LanguageModel, type ModelInput, type ModelParams } from "../../src/models/index.ts";
import { toNumbers } from "../common/tensors.ts";
import { inFloat64 } from "../nl/exact.ts";
import type { PlainParams } from "../nl/plain-self-modifying.ts";
import { selfModifyingOracle } from "../nl/self-modifying-oracle.ts";
import * as oracle from "../oracles/index.ts";

const [dim, tokens, vocabularySize] = [4, 8, 5];
const chunk = 2;
const input: ModelInput = {
  architecture: "hope",
  dim,
  layers: 1,
  heads: 1,
  vocabularySize,
  feedForwardExpansion: 1.5,
  selfModifying: {
    chunkSize: chunk,
    projectionChunkSize: 1,
    maxStepSize: 0.6,
    gateBiases: { stepSize: 0, retain: 1.5 },
    stepGuard: "off",
  },
  continuum: { periods: [2, 4], stepSize: [0.3, 0.2] },
};
const random = oracle.randomSource(94);
const text = Int32Array.from({ length: tokens + 1 }, () => Math.floor(vocabularySize * random.uniform()));

interface PlainModel {
  embedding: oracle.Matrix;
  norm: oracle.Vector;
  head: oracle.Matrix;
  blocks: {
    mixerNorm: oracle.Vector;
    mixer: PlainParams;
    continuum: {
      levels: { norm: oracle.Vector; weights: { up: oracle.Matrix; down: oracle.Matrix } }[];
      mix?: oracle.Vector;
    };
  }[];
}

function paramsOf(model: LanguageModel): ModelParams {
  return scope(() =>
    mapTree(model.init(key(5)), (leaf) =>
      tensor(
        Float64Array.from(readSync(leaf), (value) => value + 0.3 * random.normal()),
        leaf.shape,
      ),
    ),
  );
}

/** Logits of the text while it is learned from, and the weights of both levels after it. */
async function modelRun(model: LanguageModel, params: ModelParams) {
  const int = (x: Int32Array) => tensor(x, [1, tokens]);
  return (await inFloat64((p: ModelParams) => {
    const observed = { targets: int(text.slice(1)), weights: np.ones([1, tokens], { dtype: "float64" }) };
    const [logits, state] = model.learn!(p, model.initialState(p, 1), int(text.slice(0, -1)), observed);
    return { logits, state };
  }, params)) as unknown as {
    logits: oracle.Matrix[];
    state: { blocks: { continuum: { weights: { up: oracle.Matrix[]; down: oracle.Matrix[] } }[] }[] };
  };
}

/** The same from the paper: self-modifying memories, then networks that are rewritten at their periods. */
function oracleRun(model: LanguageModel, { embedding, norm, head, blocks }: PlainModel) {
  const { mixerNorm, mixer, continuum } = blocks[0]!;
  const x = [...text.slice(0, -1)].map((token) => embedding[token]!);
  const normed = x.map((u) => oracle.rmsNorm(u, mixerNorm, 1e-6));
  const mixed = selfModifyingOracle(model.blocks[0]!.mixer as never, mixer, normed).y;
  const logitsOf = (y: oracle.Vector) => oracle.vecMat(oracle.rmsNorm(y, norm, 1e-6), head);
  const { levels } = continuum;
  const result = oracle.continuumStream(
    oracle.initialContinuumState(
      levels.map((level) => ({
        gain: level.norm,
        up: oracle.transpose(level.weights.up),
        down: oracle.transpose(level.weights.down),
      })),
    ),
    x.map((u, t) => oracle.add(u, mixed[t]!)),
    (y, t) => {
      const logits = logitsOf(y);
      const largest = Math.max(...logits);
      const shares = logits.map((z) => Math.exp(z - largest));
      const total = shares.reduce((sum, share) => sum + share, 0);
      const target = text[t + 1]!;
      const errors = shares.map((share, i) => share / total - (i === target ? 1 : 0));
      const size = Math.sqrt(oracle.dot(y, y) / dim + 1e-6);
      const scaled = oracle.hadamard(norm, oracle.matVec(head, errors));
      const along = oracle.dot(scaled, y) / (dim * size ** 3);
      return {
        value: largest + Math.log(total) - logits[target]!,
        slope: y.map((value, i) => scaled[i]! / size - along * value),
      };
    },
    {
      levels: [
        { chunk: 2, stepSize: 0.3 },
        { chunk: 4, stepSize: 0.2 },
      ],
      form: model.config.continuum!.form,
      epsilon: 1e-6,
      rewritten: ["up", "down"],
      ...(continuum.mix && { weights: continuum.mix }),
    },
  );
  return { logits: result.outputs.map(logitsOf), levels: result.state.levels };
}

describe("a block of Hope", () => {
  it.each(["sequential", "nested", "independent"] as const)(
    "NL Eq. 94, 95, 96, 97: ContinuumBlock joins self-modifying memories and %s levels as the paper does",
    async (form) => {
      const model = new LanguageModel({ ...input, continuum: { ...input.continuum!, form } });
      const params = paramsOf(model);
      const plain = scope(() => toNumbers(params)) as unknown as PlainModel;
      const [found, expected] = [await modelRun(model, params), oracleRun(model, plain)];
      expect(oracle.maxDifference(found.logits[0]!, expected.logits)).toBeLessThan(1e-9);
      for (const level of [0, 1]) {
        const { up, down } = found.state.blocks[0]!.continuum[level]!.weights;
        const { state, init } = expected.levels[level]!;
        expect(oracle.maxDifference(up[0]!, oracle.transpose(state.up))).toBeLessThan(1e-9);
        expect(oracle.maxDifference(down[0]!, oracle.transpose(state.down))).toBeLessThan(1e-9);
        if (form !== "nested" || level > 0) expect(oracle.maxDifference(state.up, init.up)).toBeGreaterThan(1e-3);
      }
    },
  );
});
