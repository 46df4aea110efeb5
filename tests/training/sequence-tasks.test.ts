/** Classifiers and forecasters in segments: the exact gradient, whatever is padded, and that they learn. */
import { describe, expect, it } from "vitest";
import {
  detached,
  key,
  leaves,
  liveTensors,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
  zerosLike,
} from "../../src/array/index.ts";
import { pickTokens, type SequenceLayer, Stream } from "../../src/common/index.ts";
import {
  crossEntropy,
  SequenceClassifier,
  SequenceForecaster,
  squaredError,
  type TokenLoss,
} from "../../src/models/index.ts";
import { adamW, constantRate, type Optimizer, sgd } from "../../src/optim/index.ts";
import {
  cutSegments,
  fitModel,
  forecastBatch,
  type LabelledSequence,
  labelledBatch,
  SegmentPrograms,
  type SequenceBatch,
} from "../../src/training/index.ts";
import { DataError, NonFiniteError, ShapeError } from "../../src/utils/index.ts";
import { describeNative, generator, nativeEngine } from "../array/native/support.ts";

const stack = {
  architecture: "titans-lmm",
  dim: 8,
  layers: 1,
  heads: 2,
  memory: { chunkSize: 4, normalizeValues: true },
} as const;
const classifier = new SequenceClassifier({ ...stack, features: 3, classes: 2 });
const forecaster = new SequenceForecaster({ ...stack, channels: 2, horizon: 3, instanceNorm: true });

const random = (seed: number, length: number) => Float32Array.from({ length }, generator(seed));
const sequences: LabelledSequence[] = [
  { vectors: random(1, 10 * 3), label: 1 },
  { vectors: random(2, 3 * 3), label: 0 },
];
const series = { data: random(3, 30 * 2).map((value) => 5 + value), shape: [1, 30, 2] };

/** A model with its loss and a batch of three segments of four tokens. */
interface Task {
  readonly model: SequenceLayer<Tree, Tree>;
  readonly loss: TokenLoss;
  readonly batch: SequenceBatch;
}
const tasks: Record<string, Task> = {
  "a classifier of sequences of 10 and 3 tokens": {
    model: classifier as unknown as SequenceLayer<Tree, Tree>,
    loss: crossEntropy,
    batch: labelledBatch(sequences, classifier.config),
  },
  "a forecaster that normalises by its context": {
    model: forecaster as unknown as SequenceLayer<Tree, Tree>,
    loss: squaredError,
    batch: forecastBatch(series, { starts: [0, 7], length: 12, horizon: 3, from: 2 }),
  },
};

const distance = (actual: readonly number[], expected: readonly number[]) =>
  Math.hypot(...actual.map((x, i) => x - expected[i]!)) / Math.max(1e-3, Math.hypot(...expected));
const numbersOf = (tree: Tree) => leaves(tree).flatMap((leaf) => [...readSync(leaf)]);

describe.each(Object.entries(tasks))("segment back-propagation of %s", (_, { model, loss, batch }) => {
  it("gives over three segments what the whole sequence gives in one call", async () => {
    const engine = await startEngine("wasm");
    const params = detached(() => scope(() => model.init(key(1))));
    const segments = cutSegments(batch, 4);
    expect(segments).toHaveLength(3);
    const programs = new SegmentPrograms(engine, model, loss);
    const inSegments = await programs.gradients(params, segments, 0.5, zerosLike(params));

    const [whole] = cutSegments(batch, 12);
    const { tokens, targets, weights, mask } = whole!;
    const wholeLoss = (p: Tree) => {
      const [outputs] = model.step(p, model.initialState(p, 2), tokens, mask && { mask });
      return np.multiply(np.sum(np.multiply(loss(outputs, targets), weights)), np.array(0.5));
    };
    const [value, gradients] = scope(() => valueAndGrad(wholeLoss)(params));
    expect(inSegments.loss * 0.5).toBeCloseTo(readSync(value)[0]!, 4);
    const expected = namedLeaves(gradients);
    for (const [path, leaf] of namedLeaves(inSegments.gradients)) {
      // One float32 graph against three joined by carried states: rounding only.
      expect(distance([...readSync(leaf)], [...readSync(expected.get(path)!)]), path).toBeLessThan(1e-4);
    }
    expect(await programs.loss(params, segments)).toBeCloseTo(inSegments.loss, 4);
    release(params, segments, whole, inSegments.gradients, value, gradients);
  });

  it("is not moved by what stands in slots that hold no token", async () => {
    const engine = await startEngine("wasm");
    const params = detached(() => scope(() => model.init(key(1))));
    const programs = new SegmentPrograms(engine, model, loss);
    const run = async (changed: SequenceBatch) => {
      const segments = cutSegments(changed, 8);
      const result = await programs.gradients(params, segments, 1, zerosLike(params));
      const found = { loss: result.loss, gradients: numbersOf(result.gradients) };
      release(segments, result.gradients);
      return found;
    };
    const length = batch.tokens.shape[1]!;
    const slots = batch.mask ?? { data: new Float32Array(2 * length).fill(1), shape: [2, length] };
    const features = batch.tokens.shape[2]!;
    const filled = batch.tokens.data.map((value, i) => (slots.data[Math.floor(i / features)] === 0 ? 77 : value));
    const masked = await run({ ...batch, mask: slots });
    const other = await run({ ...batch, tokens: { ...batch.tokens, data: Float32Array.from(filled) }, mask: slots });
    expect(other.loss).toBeCloseTo(masked.loss, 5);
    expect(distance(other.gradients, masked.gradients)).toBeLessThan(1e-5);
    // A causal model needs no mask where only the end of a sequence is empty.
    const { mask: _mask, ...unmasked } = batch;
    const without = await run(unmasked);
    expect(without.loss).toBeCloseTo(masked.loss, 4);
    expect(distance(without.gradients, masked.gradients)).toBeLessThan(1e-4);
    release(params);
  });
});

describeNative.each(Object.entries(tasks))("in float64, %s", (_, { model, loss, batch }) => {
  it("has through three segments the gradient of finite differences", async () => {
    const engine = await nativeEngine({ precision: "float64" });
    const programs = new SegmentPrograms(engine, model, loss);
    const segments = cutSegments(batch, 4);
    const next = generator(9);
    const wide = (leaf: Tensor, f: (x: number, i: number) => number) =>
      tensor(Float64Array.from(readSync(leaf), f), leaf.shape);
    const params = detached(() =>
      scope(() => mapTree(model.init(key(3)), (leaf) => wide(leaf, (x) => x + 0.1 * next()))),
    );
    const direction = numbersOf(params).map(() => next());
    const at = async (step: number) => {
      let i = 0;
      const moved = detached(() => mapTree(params, (leaf) => wide(leaf, (x) => x + step * direction[i++]!)));
      const value = await programs.loss(moved, segments);
      release(moved);
      return value;
    };
    const h = 1e-5;
    const expected = ((await at(h)) - (await at(-h))) / (2 * h);
    const { gradients } = await programs.gradients(params, segments, 1, zerosLike(params));
    const actual = numbersOf(gradients).reduce((sum, g, i) => sum + g * direction[i]!, 0);
    expect(Math.abs(expected)).toBeGreaterThan(1e-3);
    expect(Math.abs(actual - expected) / Math.abs(expected)).toBeLessThan(1e-6);
    release(params, segments, gradients);
    await engine.dispose();
  });
});

describe("fitModel", () => {
  it("teaches a classifier which of two vectors came in the sequence, from sequences of different lengths, and leaks nothing", async () => {
    const engine = await startEngine("wasm");
    const next = generator(5);
    const draw = (): LabelledSequence => {
      const length = 3 + Math.floor((next() + 1) * 3);
      const [label, place] = [next() > 0 ? 1 : 0, Math.floor(((next() + 1) / 2) * length)];
      const vectors = Float32Array.from({ length: length * 3 }, () => 0.3 * next());
      vectors[place * 3 + label] = 2;
      return { vectors, label };
    };
    const batchOf = (size: number) => labelledBatch(Array.from({ length: size }, draw), classifier.config);
    const before = liveTensors();
    const losses: number[] = [];
    const params = await fitModel({
      engine,
      model: classifier,
      loss: crossEntropy,
      batch: () => cutSegments(batchOf(16), 4),
      steps: 60,
      learningRate: constantRate(2e-2),
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(liveTensors() - before).toBe(leaves(params).length);
    expect(losses[0]).toBeGreaterThan(0.5); // ln 2 is 0.69
    expect(losses.slice(-5).reduce((sum, loss) => sum + loss / 5, 0)).toBeLessThan(0.2);

    const test = batchOf(40);
    const stream = new Stream(engine, classifier, { chunk: 4, segment: 4 });
    const start = await stream.start(params, 40);
    const [logits, end] = await stream.push(params, start, test.tokens);
    const [slots, longest] = [[...test.mask!.data], test.mask!.shape[1]!];
    const lengths = Array.from({ length: 40 }, (_, row) =>
      slots.slice(row * longest, (row + 1) * longest).reduce((sum, slot) => sum + slot, 0),
    );
    const picked = pickTokens(
      logits,
      lengths.map((length) => length - 1),
    );
    const labels = pickTokens({ ...test.targets, shape: [40, test.targets.shape[1]!, 1] }, new Array(40).fill(0)).data;
    const right = Array.from(labels, (label, row) => picked.data[2 * row + label]! > picked.data[2 * row + 1 - label]!);
    expect(right.filter(Boolean).length).toBeGreaterThan(36);
    release(start.closed, end.closed, params);
  });

  it("moves the weights by the optimizer it is given", async () => {
    const engine = await startEngine("wasm");
    const batch = labelledBatch(sequences, classifier.config);
    const fitWith = (optimizer?: Optimizer) =>
      fitModel({
        engine,
        model: classifier,
        loss: crossEntropy,
        batch: () => cutSegments(batch, 12),
        steps: 1,
        learningRate: constantRate(0.25),
        clipNorm: 1e6,
        ...(optimizer ? { optimizer } : {}),
      });
    const descended = await fitWith(sgd());
    const start = detached(() => scope(() => classifier.init(key(0))));
    const programs = new SegmentPrograms(engine, classifier as unknown as SequenceLayer<Tree, Tree>, crossEntropy);
    const segments = cutSegments(batch, 12);
    const { gradients } = await programs.gradients(start, segments, 1 / sequences.length, zerosLike(start));
    const slope = numbersOf(gradients);
    const expected = numbersOf(start).map((weight, i) => weight - 0.25 * slope[i]!);
    expect(distance(numbersOf(descended), expected)).toBeLessThan(1e-6);
    const [usual, adamw] = [await fitWith(), await fitWith(adamW())];
    expect(numbersOf(usual)).toEqual(numbersOf(adamw));
    expect(distance(numbersOf(usual), expected)).toBeGreaterThan(1e-3);
    release(descended, start, segments, gradients, usual, adamw);
  });

  it("teaches a forecaster to alternate", async () => {
    const engine = await startEngine("wasm");
    const model = new SequenceForecaster({ ...stack, channels: 1, horizon: 2, instanceNorm: true });
    const data = Float32Array.from({ length: 60 }, (_, t) => 100 + (t % 2 === 0 ? 10 : -10));
    const alternating = { data, shape: [1, 60, 1] };
    const losses: number[] = [];
    const params = await fitModel({
      engine,
      model,
      loss: squaredError,
      batch: (step) =>
        cutSegments(
          forecastBatch(alternating, { starts: [step % 20, (step + 5) % 20], length: 8, horizon: 2, from: 2 }),
          8,
        ),
      steps: 40,
      learningRate: constantRate(2e-2),
      onStep: ({ loss }) => losses.push(loss),
    });
    // The mean alone would leave a squared error of 100.
    expect(losses[0]).toBeGreaterThan(80);
    expect(losses.at(-1)).toBeLessThan(10);
    release(params);
  });

  it("stops at the first number that is not finite, and at a batch in which nothing counts", async () => {
    const engine = await startEngine("wasm");
    const [batch] = [labelledBatch(sequences, classifier.config)];
    const fitOn = (changed: SequenceBatch) =>
      fitModel({
        engine,
        model: classifier,
        loss: crossEntropy,
        batch: () => cutSegments(changed, 4),
        steps: 1,
        learningRate: constantRate(1e-2),
      });
    const poisoned = { ...batch.tokens, data: batch.tokens.data.map(() => Number.NaN) };
    await expect(fitOn({ ...batch, tokens: poisoned })).rejects.toThrow(NonFiniteError);
    const nothing = { ...batch.weights, data: new Float32Array(batch.weights.data.length) };
    await expect(fitOn({ ...batch, weights: nothing })).rejects.toThrow(DataError);
  });
});

describe("batches", () => {
  it("label each sequence, and ask at its own last token", () => {
    const { tokens, targets, weights, mask } = labelledBatch(
      [
        { vectors: Float32Array.of(1, 2, 3, 4, 5, 6), label: 1 },
        { vectors: Float32Array.of(7, 8), label: 2 },
      ],
      { features: 2, classes: 3 },
    );
    expect(tokens).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0), shape: [2, 3, 2] });
    expect(targets).toEqual({ data: Int32Array.of(1, 1, 1, 2, 0, 0), shape: [2, 3] });
    expect(weights).toEqual({ data: Float32Array.of(0, 0, 1, 1, 0, 0), shape: [2, 3] });
    expect(mask).toEqual({ data: Float32Array.of(1, 1, 1, 1, 0, 0), shape: [2, 3] });
  });

  it("ask each token of a window for what follows it", () => {
    const counting = { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [1, 6, 2] };
    const { tokens, targets, weights } = forecastBatch(counting, { starts: [1], length: 2, horizon: 3, from: 1 });
    expect(tokens).toEqual({ data: Float32Array.of(2, 3, 4, 5), shape: [1, 2, 2] });
    expect(targets).toEqual({
      data: Float32Array.of(4, 5, 6, 7, 8, 9, 6, 7, 8, 9, 10, 11),
      shape: [1, 2, 3, 2],
    });
    expect(weights).toEqual({ data: Float32Array.of(0, 1), shape: [1, 2] });
  });

  it("are cut into segments, the last one padded", () => {
    const segments = cutSegments(labelledBatch(sequences, classifier.config), 8);
    expect(segments.map(({ tokens }) => tokens.shape)).toEqual([
      [2, 8, 3],
      [2, 8, 3],
    ]);
    expect([...readSync(segments[1]!.mask!)]).toEqual([1, 1, ...new Array(14).fill(0)]);
    expect([...readSync(segments[1]!.weights)]).toEqual([0, 1, ...new Array(14).fill(0)]);
    release(segments);
  });

  it("that cannot be made are refused in one sentence", () => {
    const shape = { features: 2, classes: 2 };
    const make = (numbers: number, label: number) => () =>
      labelledBatch([{ vectors: new Float32Array(numbers), label }], shape);
    expect(make(3, 0)).toThrow(DataError);
    expect(make(3, 0)).toThrow(/sequence 0 has 3 numbers/);
    expect(make(0, 0)).toThrow(/one or more tokens/);
    expect(make(4, 2)).toThrow(/label 2; labels are whole numbers from 0 to 1/);
    expect(() => forecastBatch(series, { starts: [0, 25], length: 4, horizon: 2 })).toThrow(/from 25 on/);
    expect(() => forecastBatch({ ...series, shape: [2, 15, 2] }, { starts: [0], length: 4, horizon: 2 })).toThrow(
      ShapeError,
    );
    expect(() => pickTokens(series, [30])).toThrow(/no token 30/);
  });
});
