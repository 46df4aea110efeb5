import { describe, expect, it } from "vitest";
import { key, np, readSync, release, scope, slice, startEngine, type Tensor, tensor } from "../../src/array/index.ts";
import { type Block, concatenateTokens, dense, Stream, sliceTokens } from "../../src/common/index.ts";
import {
  type ClassifierInput,
  type ForecasterInput,
  SequenceClassifier,
  SequenceEncoder,
  SequenceForecaster,
} from "../../src/models/index.ts";
import { ConfigError, ShapeError } from "../../src/utils/index.ts";
import { distance, randomBlock, sizeOf, tensorOf } from "../contracts/blocks.ts";

const stack = {
  architecture: "transformer",
  dim: 8,
  layers: 1,
  heads: 2,
  window: 4,
} as const;
const classifierInput = { ...stack, features: 3, classes: 4 } satisfies ClassifierInput;
const forecasterInput = { ...stack, channels: 2, horizon: 3 } satisfies ForecasterInput;

describe("a classifier", () => {
  const model = new SequenceClassifier(classifierInput);

  it("reads the class from the mean of the features of all tokens so far", () => {
    scope(() => {
      const params = model.init(key(1));
      const x = tensorOf(randomBlock(2, 2, 6, 3));
      const encoder = new SequenceEncoder(model.config, 3);
      const [features] = encoder.step(params.encoder, encoder.initialState(params.encoder, 2), x);
      const [logits] = model.step(params, model.initialState(params, 2), x);
      expect(logits.shape).toEqual([2, 6, 4]);
      for (const t of [0, 3, 5]) {
        const expected = readSync(dense(params.head, np.mean(slice(features, [], [0, t + 1]), 1)));
        expect(distance(readSync(slice(logits, [], t)), expected)).toBeLessThan(1e-6);
      }
    });
  });

  it("says the same of a sequence whatever fills the slots after its end, or before its beginning", () => {
    scope(() => {
      const params = model.init(key(1));
      const x = randomBlock(2, 1, 4, 3);
      const [alone] = model.step(params, model.initialState(params, 1), tensorOf(x));
      const own = readSync(slice(alone, [], -1));
      for (const [seed, before] of [
        [5, 0],
        [6, 2],
      ] as const) {
        const [front, back] = [randomBlock(seed, 1, before, 3), randomBlock(seed + 10, 1, 3, 3)];
        const padded = tensorOf(concatenateTokens([front, x, back]));
        const slots = Array.from({ length: before + 7 }, (_, t) => (t >= before && t < before + 4 ? 1 : 0));
        const mask = tensor(slots, [1, before + 7]);
        const [logits] = model.step(params, model.initialState(params, 1), padded, { mask });
        for (const t of [before + 3, before + 6]) {
          // Same float32 operations over other shapes.
          expect(distance(readSync(slice(logits, [], t)), own)).toBeLessThan(2e-6);
        }
      }
    });
  });

  it("sees the size of a lone feature, not only its sign", () => {
    scope(() => {
      const lone = new SequenceClassifier({ ...classifierInput, features: 1 });
      const params = lone.init(key(3));
      const logitsOf = (value: number) =>
        readSync(lone.step(params, lone.initialState(params, 1), tensor([value], [1, 1, 1]))[0]);
      expect(distance(logitsOf(0.5), logitsOf(2))).toBeGreaterThan(1e-2);
    });
  });
});

describe("a forecaster", () => {
  const plain = new SequenceForecaster(forecasterInput);
  const normalizing = new SequenceForecaster({ ...forecasterInput, instanceNorm: true });
  const forecastsOf = (model: SequenceForecaster, x: Tensor) => {
    const params = model.init(key(1));
    return model.step(params, model.initialState(params, x.shape[0]!), x)[0];
  };

  it("gives horizon times channels numbers a token", () => {
    scope(() => {
      expect(forecastsOf(plain, np.ones([2, 5, 2])).shape).toEqual([2, 5, 3, 2]);
      expect(forecastsOf(normalizing, np.ones([2, 5, 2])).shape).toEqual([2, 5, 3, 2]);
    });
  });

  it("normalises each token by the context up to it, and undoes that on what it forecasts", () => {
    scope(() => {
      const block = randomBlock(4, 1, 6, 2);
      const [values, normalized] = [[...block.data], new Float32Array(12)];
      const statistics = Array.from({ length: 12 }, (_, i) => {
        const seen = values.filter((_, j) => j % 2 === i % 2 && j <= i);
        const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
        const variance = seen.reduce((sum, value) => sum + (value - mean) ** 2, 0) / seen.length;
        return { mean, deviation: Math.sqrt(variance + 1e-5) };
      });
      for (const [i, { mean, deviation }] of statistics.entries()) normalized[i] = (values[i]! - mean) / deviation;
      const inner = readSync(forecastsOf(plain, tensor(normalized, [1, 6, 2])));
      const expected = Array.from(inner, (value, i) => {
        const [token, channel] = [Math.floor(i / 6), i % 2];
        const { mean, deviation } = statistics[token * 2 + channel]!;
        return mean + deviation * value;
      });
      // float32 against float64 statistics, which the first tokens' small deviations magnify.
      expect(distance(readSync(forecastsOf(normalizing, tensorOf(block))), expected)).toBeLessThan(1e-4);
    });
  });

  it("forecasts a series in other units in those units, if it normalises, and only then", () => {
    scope(() => {
      const x = tensorOf(randomBlock(5, 2, 8, 2));
      const scaled = np.add(np.multiply(x, 50), 1000);
      const last = (y: Tensor) => readSync(slice(y, [], -1));
      const differenceOf = (model: SequenceForecaster) => {
        const expected = Array.from(last(forecastsOf(model, x)), (value) => 50 * value + 1000);
        return distance(last(forecastsOf(model, scaled)), expected) / sizeOf(expected);
      };
      expect(differenceOf(normalizing)).toBeLessThan(1e-4);
      expect(differenceOf(plain)).toBeGreaterThan(0.1);
    });
  });

  it("streams a series in any cuts with two programs, and forecasts as in one call", async () => {
    const engine = await startEngine("wasm");
    const model = new SequenceForecaster({
      ...forecasterInput,
      architecture: "titans-lmm",
      instanceNorm: true,
      memory: { chunkSize: 4 },
    });
    const params = scope(() => model.init(key(2)));
    const x = randomBlock(6, 1, 11, 2);
    const stream = new Stream(engine, model, { chunk: model.chunkSize, segment: 8 });
    const readIn = async (sizes: readonly number[]): Promise<Block> => {
      let state = await stream.start(params, 1);
      const outputs: Block[] = [];
      let done = 0;
      for (const size of sizes) {
        const [y, next] = await stream.push(params, state, sliceTokens(x, done, done + size));
        stream.release(state);
        state = next;
        outputs.push(y);
        done += size;
      }
      stream.release(state);
      return concatenateTokens(outputs);
    };
    const whole = await readIn([11]);
    expect(whole.shape).toEqual([1, 11, 3, 2]);
    for (const sizes of [[1, 10], [5, 6], [3, 4, 4], new Array<number>(11).fill(1)]) {
      const pieces = await readIn(sizes);
      expect(distance(pieces.data, whole.data)).toBeLessThanOrEqual(1e-5 * sizeOf(whole.data));
    }
    expect(engine.programs.filter(({ name }) => !name.endsWith("start"))).toHaveLength(2);
    release(params);
  });
});

describe("a model over vectors that cannot work is refused in one sentence", () => {
  it("when its configuration is wrong", () => {
    expect(() => new SequenceClassifier({ ...classifierInput, classes: 1 })).toThrow(ConfigError);
    expect(() => new SequenceClassifier({ ...classifierInput, classes: 1 })).toThrow(/classes must be at least 2/);
    expect(() => new SequenceForecaster({ ...forecasterInput, horizon: 0 })).toThrow(/horizon must be at least 1/);
    expect(() => new SequenceForecaster({ ...forecasterInput, heads: 3 })).toThrow(/whole multiple of heads/);
    const mistyped = { ...forecasterInput, instancenorm: true };
    expect(() => new SequenceForecaster(mistyped)).toThrow(/unknown key "instancenorm"; did you mean "instanceNorm"/);
  });

  it("when its input is", () => {
    scope(() => {
      const model = new SequenceClassifier(classifierInput);
      const params = model.init(key(0));
      const read = (shape: number[], mask?: Tensor) =>
        model.step(params, model.initialState(params, 2), np.ones(shape), mask && { mask });
      expect(() => read([2, 5, 4])).toThrow(ShapeError);
      expect(() => read([2, 5, 4])).toThrow(/must be \[batch, tokens, 3\]/);
      expect(() => read([3, 5, 3])).toThrow(/3 sequences with a state of 2/);
      expect(() => read([2, 5, 3], np.ones([2, 4]))).toThrow(/mask of shape \[2,4\]/);
      const forecaster = new SequenceForecaster({ ...forecasterInput, instanceNorm: true });
      const own = forecaster.init(key(0));
      const wrong = () => forecaster.step(own, forecaster.initialState(own, 2), np.ones([2, 5, 3]));
      expect(wrong).toThrow(/must be \[batch, tokens, 2\]/);
    });
  });
});
