/** A model with a continuum memory: what it learns while it reads, however the reading is cut, and what the outer loop learns through that. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Engine,
  grad,
  key,
  mapTree,
  namedLeaves,
  np,
  read,
  readSync,
  release,
  scope,
  startEngine,
  type Tree,
  tensor,
  vjp,
} from "../../src/array/index.ts";
import { type Block, concatenateTokens, Stream, type StreamState } from "../../src/common/index.ts";
import {
  LanguageModel,
  type ModelParams,
  type ModelState,
  nextTokenLoss,
  type ResidualBlockParams,
} from "../../src/models/index.ts";
import { nativeEngine } from "../array/native/support.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

const sizes = { architecture: "transformer", dim: 4, layers: 2, heads: 2, window: 3, vocabularySize: 6 } as const;
const memory = { chunkSize: 1 };
const modelOf = (continuum: object, changes: object = {}) =>
  new LanguageModel({
    ...sizes,
    memory,
    continuum: { periods: [2, 4], stepSize: 0.3, ...continuum },
    ...changes,
  } as never);

/** Fresh parameters are in float32; the same numbers, in float64. */
const widened = <T extends Tree>(tree: T): T =>
  mapTree(tree, (leaf) => tensor(Float64Array.from(toNumbers(np.ravel(leaf)) as number[]), leaf.shape));
const random = oracle.randomSource(71);
const tokensOf = (count: number) => Int32Array.from({ length: count }, () => Math.floor(6 * random.uniform()));

const text = tokensOf(14);
const [inputs, targets] = [text.slice(0, -1), text.slice(1)];

describe("a stream that learns", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine("wasm");
  });

  /** Reads the text in calls of the given sizes; logits, and the state after them. */
  async function readIn(
    model: LanguageModel,
    sizes: readonly number[],
    learns = 1,
  ): Promise<{ logits: number[]; state: Map<string, number[]> }> {
    const stream = new Stream(engine, model, { chunk: model.chunkSize, segment: model.chunkSize });
    const params = scope(() => model.init(key(3)));
    let state: StreamState<ModelState> = await stream.start(params, 1);
    const outputs: Block[] = [];
    let at = 0;
    for (const size of sizes) {
      const x: Block = { data: text.slice(at, at + size), shape: [1, size] };
      const learnMask: Block = { data: new Float32Array(size).fill(learns), shape: [1, size] };
      const [y, next] = await stream.push(params, state, x, { learnMask });
      stream.release(state);
      state = next;
      outputs.push(y);
      at += size;
    }
    const found = new Map<string, number[]>();
    for (const [path, leaf] of namedLeaves(state.closed)) found.set(path, [...(await read(leaf))]);
    stream.release(state);
    release(params);
    return { logits: [...concatenateTokens(outputs).data], state: found };
  }

  const cuts = [[14], Array.from({ length: 14 }, () => 1), [1, 5, 3, 5], [4, 4, 4, 2], [9, 5]];

  it("gives the same outputs and the same weights however the text is cut into calls, each level updated at multiples of its period", async () => {
    const model = modelOf({});
    const [whole, ...others] = await Promise.all(cuts.map((sizes) => readIn(model, sizes)));
    for (const other of others) {
      expect(oracle.maxDifference(other.logits, whole!.logits)).toBeLessThan(1e-5);
      for (const [path, numbers] of whole!.state)
        expect(oracle.maxDifference(other.state.get(path)!, numbers)).toBeLessThan(1e-5);
    }
    // What came after token 14 is not known, so that 12 tokens are closed: 6 chunks of 2, and 3 of 4.
    for (const block of [0, 1]) {
      expect(whole!.state.get(`blocks.${block}.continuum.0.updates`)).toEqual([6]);
      expect(whole!.state.get(`blocks.${block}.continuum.1.updates`)).toEqual([3]);
    }
  });

  it("keeps its weights bit-identical at step size 0 with every update made, and its logits those of a model that stands still", async () => {
    const [silent, still] = [
      await readIn(modelOf({ stepSize: 0 }), [14]),
      await readIn(modelOf({ periods: [null, null] }), [14]),
    ];
    const start = toNumbers(scope(() => modelOf({}).init(key(3)).blocks) as unknown as Tree);
    expect(silent.state.get("blocks.0.continuum.0.updates")).toEqual([6]);
    for (const level of [0, 1]) {
      const expected = (start as never as { continuum: { levels: { weights: { up: number[][] } }[] } }[])[0]!.continuum
        .levels[level]!.weights.up;
      expect(silent.state.get(`blocks.0.continuum.${level}.weights.up`)).toEqual(expected.flat());
    }
    expect(oracle.maxDifference(silent.logits, still.logits)).toBeLessThan(1e-6);
    const learned = await readIn(modelOf({}), [14]);
    expect(oracle.maxDifference(learned.logits, still.logits)).toBeGreaterThan(1e-2);
  });

  it("learns nothing from tokens that are masked, and counts them", async () => {
    const [masked, still] = [
      await readIn(modelOf({}), [14], 0),
      await readIn(modelOf({ periods: [null, null] }), [14]),
    ];
    expect(oracle.maxDifference(masked.logits, still.logits)).toBeLessThan(1e-6);
    expect(masked.state.get("blocks.0.continuum.1.updates")).toEqual([3]);
  });

  it("sets a nested level back where the slower one is updated", async () => {
    const nested = await readIn(modelOf({ form: "nested", stepSize: [0.3, 0.1] }), [14]);
    const path = "blocks.0.continuum.0";
    expect(nested.state.get(`${path}.weights.up`)).toEqual(nested.state.get(`${path}.start.weights.up`));
    const sequential = await readIn(modelOf({ stepSize: [0.3, 0.1] }), [14]);
    expect(oracle.maxDifference(nested.logits, sequential.logits)).toBeGreaterThan(1e-3);
  });
});

describe("the limits of Hope", () => {
  const tokens = (numbers: Int32Array) => tensor(numbers.slice(0, 12), [1, 12]);
  const shared = { dim: 4, layers: 1, heads: 2, window: 3, vocabularySize: 6, feedForwardExpansion: 2 } as const;

  it("Hope-Attention with one level that stands still is a transformer with the same weights", () => {
    scope(() => {
      const hope = new LanguageModel({ architecture: "hope-attention", ...shared, continuum: { periods: [null] } });
      const transformer = new LanguageModel({ architecture: "transformer", ...shared, memory });
      const params = transformer.init(key(8));
      const [block] = params.blocks as unknown as ResidualBlockParams<Tree>[];
      const { mixer, mixerNorm, feedForwardNorm, feedForward } = block!;
      const continuum = { levels: [{ norm: feedForwardNorm, weights: feedForward }] };
      const [y] = hope.step(
        { ...params, blocks: [{ mixer, mixerNorm, continuum }] },
        hope.initialState(params, 1),
        tokens(text),
      );
      const [expected] = transformer.step(params, transformer.initialState(params, 1), tokens(text));
      expect(toNumbers(y)).toEqual(toNumbers(expected));
    });
  });

  it("Hope whose memories are never written or decayed, and whose levels stand still, knows nothing but the last few tokens", () => {
    scope(() => {
      const still = {
        selfModifying: { chunkSize: 2, projectionChunkSize: 2, maxStepSize: 0, decay: false, convolutionKernel: 3 },
      };
      const model = new LanguageModel({
        architecture: "hope",
        ...shared,
        ...still,
        continuum: { periods: [2, 4], stepSize: 0 },
      });
      const params = model.init(key(8));
      const read = (numbers: Int32Array) =>
        toNumbers(model.step(params, model.initialState(params, 1), tokens(numbers))[0]) as number[][][];
      const other = Int32Array.from(text, (token, t) => (t < 5 ? (token + 1) % 6 : token));
      const [a, b] = [read(text)[0]!, read(other)[0]!];
      expect(a.slice(7)).toEqual(b.slice(7));
      expect(oracle.maxDifference(a[6]!, b[6]!)).toBeGreaterThan(1e-6);
    });
  });

  it("gives every initial memory and every level's start an outer gradient", () => {
    scope(() => {
      const model = new LanguageModel({
        architecture: "hope",
        ...shared,
        selfModifying: { chunkSize: 2, projectionChunkSize: 2 },
        continuum: { periods: [4, 8], stepSize: 0.1 },
      });
      const params = model.init(key(8));
      const observed = { targets: tokens(text.slice(1)), weights: np.ones([1, 12]) };
      const loss = (p: ModelParams) =>
        np.sum(nextTokenLoss(model.learn!(p, model.initialState(p, 1), tokens(text), observed)[0], observed.targets));
      const starts = [...namedLeaves(grad(loss)(params))].filter(([path]) => /initialMemories|continuum/.test(path));
      expect(starts.length).toBe(2 * 5 + 2 * 3);
      for (const [path, leaf] of starts) expect(Math.max(...readSync(leaf).map(Math.abs)), path).toBeGreaterThan(0);
    });
  });
});

describe("learning and the outer loop, in float64", () => {
  const [firstOrder, exactOrder] = (["firstOrder", "exact"] as const).map((outerGradient) =>
    modelOf({ outerGradient }, { layers: 1 }),
  ) as [LanguageModel, LanguageModel];
  const int = (x: Int32Array) => tensor(x.slice(0, 8), [1, 8]);

  /** The summed loss of eight tokens that are learned from while they are read. */
  const lossOf = (model: LanguageModel) => (params: ModelParams) => {
    const state = model.initialState(params, 1);
    const weights = np.ones([1, 8], { dtype: "float64" });
    const [logits] = model.learn!(params, state, int(inputs), { targets: int(targets), weights });
    return np.sum(nextTokenLoss(logits, int(targets)));
  };
  const gradientOf = (model: LanguageModel) => (params: ModelParams) =>
    vjp(lossOf(model), [params], (_, pullback) => pullback(np.ones([], { dtype: "float64" }))[0]);

  it("has exact outer gradients by finite differences, and first-order ones that take inner gradients for constants", async () => {
    const engine = await nativeEngine({ precision: "float64" });
    const loss = engine.compile("loss", lossOf(exactOrder));
    const start = scope(() => widened(exactOrder.init(key(3))));
    const gradients: Map<string, number[]>[] = [];
    for (const model of [firstOrder, exactOrder]) {
      const tree = await engine.compile("gradient", gradientOf(model))(start);
      gradients.push(new Map([...namedLeaves(tree)].map(([path, leaf]) => [path, [...readSync(leaf)]])));
      release(tree);
    }
    const lossAfter = async (path: string, index: number, step: number) => {
      const moved = scope(() =>
        mapTree(start, (leaf, own) => {
          const numbers = Float64Array.from(readSync(leaf));
          if (own === path) numbers[index]! += step;
          return tensor(numbers, leaf.shape);
        }),
      );
      const value = await loss(moved);
      const [found] = readSync(value);
      release(value, moved);
      return found!;
    };
    const level = (n: number, matrix: string) => `blocks.0.continuum.levels.${n}.weights.${matrix}`;
    for (const path of ["head", "embedding", "blocks.0.mixer.output", level(0, "up"), level(1, "down")]) {
      const own = gradients[1]!.get(path)!;
      const index = own.indexOf(Math.max(...own));
      const numeric = ((await lossAfter(path, index, 1e-5)) - (await lossAfter(path, index, -1e-5))) / 2e-5;
      expect(Math.abs(own[index]! - numeric)).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)));
      expect(oracle.maxDifference(gradients[0]!.get(path)!, own)).toBeGreaterThan(1e-3);
    }
    release(start);
    await engine.dispose();
  });
});
