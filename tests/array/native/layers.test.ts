/** Layers and models on the native engine: as close to float64 as wasm, and with the gradients that finite differences give. */
import { expect, it } from "vitest";
import {
  countElements,
  detached,
  type Engine,
  type Key,
  key,
  leaves,
  mapTree,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  type Tree,
  tensor,
  vjp,
} from "../../../src/array/index.ts";
import {
  causalConvolutionLayer,
  linearAttentionLayer,
  type SequenceLayer,
  windowAttentionLayer,
} from "../../../src/common/index.ts";
import { LanguageModel, nextTokenLoss } from "../../../src/models/index.ts";
import { NeuralMemory } from "../../../src/titans/index.ts";
import { describeNative, generator, nativeEngine, randomTensor } from "./support.ts";

const notes: string[] = [];
const onNote = (sentence: string) => void notes.push(sentence);
const native = await nativeEngine({ onNote });
const exact = await nativeEngine({ onNote, precision: "float64" });
const wasm = await startEngine("wasm");

const batch = 2;
const tokens = 8;
const dim = 12;

/** Something with parameters and a state that reads a segment. */
interface Subject {
  init(key: Key): Tree;
  initialState(params: Tree, batch: number): Tree;
  /** What the segment gives, in numbers that all depend on every parameter. */
  results(params: Tree, state: Tree, inputs: Tree): Tree;
  inputs(): Tree;
}

function layerSubject(layer: SequenceLayer<Tree, Tree>): Subject {
  return {
    init: (k) => layer.init(k),
    initialState: (params, rows) => layer.initialState(params, rows),
    results: (params, state, x) => {
      const [y, next] = layer.step(params, state, x as Tensor);
      return [y, next];
    },
    inputs: () => randomTensor([batch, tokens, dim], 5),
  };
}

function modelSubject(config: ConstructorParameters<typeof LanguageModel>[0]): Subject {
  const model = new LanguageModel(config);
  const integers = (seed: number) => {
    const next = generator(seed);
    return tensor(
      Int32Array.from({ length: batch * tokens }, () => Math.floor((next() + 1) * 127)),
      [batch, tokens],
    );
  };
  return {
    init: (k) => model.init(k) as Tree,
    initialState: (params, rows) => model.initialState(params as never, rows) as Tree,
    results: (params, state, inputs) => {
      const [text, targets] = inputs as [Tensor, Tensor];
      const observed = { targets, weights: np.ones([batch, tokens]) };
      const [logits, next] = model.learn
        ? model.learn(params as never, state as never, text, observed)
        : model.step(params as never, state as never, text);
      // A gather's cotangent must not be a constant.
      return [np.multiply(nextTokenLoss(logits, targets), np.exp(np.mean(logits, -1))), next as Tree];
    },
    inputs: () => [integers(6), integers(7)],
  };
}

const memory = (options: object) =>
  layerSubject(new NeuralMemory({ dim, heads: 2, headDim: 6, chunkSize: 4, ...options }) as SequenceLayer<Tree, Tree>);
const hybrid = { window: 5, persistentTokens: 3, memory: { chunkSize: 4 } } as const;
const small = { dim, layers: 1, heads: 2 } as const;

const subjects: Record<string, Subject> = {
  "window attention": layerSubject(windowAttentionLayer({ dim, heads: 2, window: 5 }) as SequenceLayer<Tree, Tree>),
  "linear attention": layerSubject(
    linearAttentionLayer({ dim, heads: 2, featureMap: "elu-plus-one", normalized: true }) as SequenceLayer<Tree, Tree>,
  ),
  "causal convolution": layerSubject(causalConvolutionLayer({ dim, kernel: 4 }) as SequenceLayer<Tree, Tree>),
  "neural memory": memory({}),
  "linear neural memory": memory({ depth: 1 }),
  "neural memory with chunks of one token": memory({ chunkSize: 1 }),
  "neural memory with clipped surprise": memory({ maxSurpriseNorm: 0.2 }),
  "neural memory that forgets towards its start": memory({ forgetTowards: "initial" }),
  "neural memory with rms-normalised keys": memory({ queryKeyNorm: "rms", lossScale: 2 }),
  "neural memory with momentum of order 2": memory({ momentumOrder: 2, maxMomentum: 0.6 }),
  "neural memory with two pairs a token": memory({ pairsPerToken: 2 }),
  "neural memory with renormalised weights": memory({ renormalizeWeights: true }),
  "neural memory with a gated transition": memory({ gatedTransition: true }),
  "neural memory with orthogonalised surprise": memory({ orthogonalizeSurprise: true, gatedTransition: true }),
  "titans-lmm": modelSubject({ architecture: "titans-lmm", ...small, memory: { chunkSize: 4 } }),
  "titans-mac": modelSubject({ architecture: "titans-mac", ...small, ...hybrid, contextSegment: 8 }),
  "titans-mag": modelSubject({ architecture: "titans-mag", ...small, ...hybrid }),
  "titans-mal with a visible prefix": modelSubject({
    architecture: "titans-mal",
    ...small,
    ...hybrid,
    visiblePrefix: true,
  }),
  transformer: modelSubject({ architecture: "transformer", ...small, window: 5 }),
  hope: modelSubject({
    architecture: "hope",
    ...small,
    selfModifying: { chunkSize: 4, projectionChunkSize: 4 },
    // Without a step, what first-order gradients leave out is nothing.
    continuum: { periods: [4], stepSize: 0 },
  }),
};

/** A scalar in which every result counts, differently. */
function scalarOf(results: Tree): Tensor {
  return leaves(results)
    .map((y, i) => np.multiply(np.sum(np.sin(np.multiply(y, 1 + i))), 1 / y.size))
    .reduce((sum, y) => np.add(sum, y));
}

type Start = [params: Tree, state: Tree];
const program = (subject: Subject) => (params: Tree, state: Tree, inputs: Tree) => {
  const loss = (p: Tree, s: Tree) => scalarOf(subject.results(p, s, inputs));
  return vjp(loss, [params, state] as Start, (value, pullback) => ({
    results: subject.results(params, state, inputs),
    value,
    gradients: pullback(np.exp(np.multiply(value, 0))) as Tree,
  }));
};

/** Parameters and state some way from where they are initialised, where nothing is 0. */
function start(subject: Subject): { params: Tree; state: Tree; inputs: Tree } {
  return detached(() =>
    scope(() => {
      const next = generator(8);
      const moved = (leaf: Tensor) => {
        const noise = tensor(
          Float32Array.from({ length: leaf.size }, () => 0.1 * next()),
          leaf.shape,
        );
        return leaf.dtype === "float32" ? np.add(leaf, noise) : leaf;
      };
      const params = mapTree(subject.init(key(3)), moved);
      return { params, state: mapTree(subject.initialState(params, batch), moved), inputs: subject.inputs() };
    }),
  );
}

async function numbersOn(engine: Engine, subject: Subject, args: readonly [Tree, Tree, Tree]): Promise<number[][]> {
  const results = await engine.compile("layer", program(subject))(...args);
  const numbers = leaves(results).map((leaf) => [...readSync(leaf)]);
  release(results);
  return numbers;
}

/** The distance of two lists, relative to the length of the second. */
function distance(actual: readonly number[], expected: readonly number[]): number {
  const length = Math.hypot(...expected);
  return Math.hypot(...actual.map((x, i) => x - expected[i]!)) / Math.max(length, 1e-3);
}

describeNative.each(Object.entries(subjects))("%s", (_, subject) => {
  it("gives results and gradients as close to float64 as wasm's", async () => {
    const { params, state, inputs } = start(subject);
    const args = [params, state, inputs] as const;
    const [expected, actual, reference] = [
      await numbersOn(exact, subject, args),
      await numbersOn(native, subject, args),
      await numbersOn(wasm, subject, args),
    ];
    release(params, state, inputs);
    expect(notes).toEqual([]);
    for (const [leaf, numbers] of expected.entries()) {
      const [error, allowed] = [distance(actual[leaf]!, numbers), distance(reference[leaf]!, numbers)];
      expect(allowed, `wasm, leaf ${leaf}`).toBeLessThan(1e-3);
      expect(error, `leaf ${leaf}`).toBeLessThanOrEqual(2 * allowed + 1e-6);
    }
  });

  it("has the gradients of finite differences in float64", async () => {
    const { params, state, inputs } = start(subject);
    const value = exact.compile("value", (p: Tree, s: Tree) => scalarOf(subject.results(p, s, inputs)));
    const along = exact.compile("slope", (p: Tree, s: Tree) => {
      const loss = (...[a, b]: Start) => scalarOf(subject.results(a, b, inputs));
      return vjp(loss, [p, s] as Start, (v, pullback) => pullback(np.exp(np.multiply(v, 0))) as Tree);
    });
    const next = generator(9);
    const wide = (tree: Tree) => mapTree(tree, (leaf) => tensor(Float64Array.from(readSync(leaf)), leaf.shape));
    const [p, s] = [wide(params), wide(state)];
    const direction = mapTree([p, s], (leaf) =>
      tensor(Float64Array.from({ length: leaf.size }, next), leaf.shape),
    ) as Tree[];
    const moved = (tree: Tree, towards: Tree, step: number): Tree => {
      const steps = leaves(towards);
      let i = 0;
      return mapTree(tree, (leaf) => {
        const by = readSync(steps[i++]!);
        return tensor(
          Float64Array.from(readSync(leaf), (x, j) => x + step * by[j]!),
          leaf.shape,
        );
      });
    };
    const at = async (step: number) => {
      const [a, b] = [moved(p, direction[0]!, step), moved(s, direction[1]!, step)];
      const result = await value(a, b);
      const number = readSync(result)[0]!;
      release(a, b, result);
      return number;
    };
    // Of fourth order: along curved directions the error of second order is all one sees.
    const h = 4e-6;
    const central = async (step: number) => ((await at(step)) - (await at(-step))) / (2 * step);
    const expected = (4 * (await central(h)) - (await central(2 * h))) / 3;
    const gradient = await along(p, s);
    const flat = leaves(gradient).flatMap((leaf) => [...readSync(leaf)]);
    const actual = leaves(direction)
      .flatMap((leaf) => [...readSync(leaf)])
      .reduce((sum, d, i) => sum + d * flat[i]!, 0);
    expect(flat).toHaveLength(countElements(direction));
    expect(Math.abs(expected)).toBeGreaterThan(1e-3);
    expect(Math.abs(actual - expected) / Math.abs(expected)).toBeLessThan(1e-6);
    release(params, state, inputs, p, s, direction, gradient);
  });
});
