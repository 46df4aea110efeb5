import { describe, expect, it } from "vitest";
import { jit, key, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import { type WindowAttentionState, windowAttentionLayer } from "../../src/common/index.ts";
import {
  type AttentionParameters,
  type Matrix,
  multiHeadAttention,
  positionedAttention,
  prefixWindowMask,
  project,
  rotateHeads,
  slidingWindowMask,
} from "../oracles/index.ts";
import { expectClose, randomSequences, toNumbers, toTensor } from "./tensors.ts";

const config = { dim: 18, heads: 3, window: 4 };

describe("window attention", () => {
  it("sees exactly window tokens: a change reaches window - 1 tokens ahead and no further", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const [x] = randomSequences(1, 1, 9, 18);
      const other = x!.map((row, t) => (t === 2 ? row.map((value) => value + 1) : row));
      const [before, after] = [x!, other].map(
        (sequence) => layer.step(params, layer.initialState(params, 1), toTensor([sequence]))[0],
      );
      const moved = (toNumbers(np.max(np.absolute(np.subtract(after!, before!)), -1)) as number[][])[0]!;
      expect(moved.map((difference) => difference > 0)).toEqual([
        false,
        false,
        true,
        true,
        true,
        true,
        false,
        false,
        false,
      ]);
    });
  });

  it("keeps the last keys unrotated: the same tokens leave the same keys wherever they stand in a call", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const x = toTensor(randomSequences(1, 1, 10, 18));
      const start = layer.initialState(params, 1);
      const afterAll = layer.step(params, start, x)[1];
      const afterEnd = layer.step(params, start, slice(x, [], [7, 10]))[1];
      expect(toNumbers(afterAll.keys)).toEqual(toNumbers(afterEnd.keys));
      expectClose(np.reshape(afterAll.keys, [3, 18]), np.matmul(slice(x, 0, [7, 10]), params.key));
    });
  });

  it("equals the oracle with absolute positions far into a stream of many calls", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const [x] = randomSequences(1, 1, 400, 18);
      const read = jit((state: WindowAttentionState, input: Tensor) => layer.step(params, state, input));
      let state = layer.initialState(params, 1);
      const outputs: Tensor[] = [];
      for (let done = 0; done < 400; done += 50) {
        const [y, next] = read(state, toTensor([x!.slice(done, done + 50)]));
        outputs.push(y);
        state = next;
      }
      const weights = toNumbers(params) as Record<keyof typeof params, Matrix>;
      const positions = x!.map((_, t) => t);
      const attended = multiHeadAttention(
        3,
        rotateHeads(3, project(x!, weights.query), positions),
        rotateHeads(3, project(x!, weights.key), positions),
        project(x!, weights.value),
        slidingWindowMask(4),
      );
      expectClose(np.concatenate(outputs, 1), project(attended, weights.output));
    });
  });

  it("marks how much of the window is filled, and outputs zero in empty slots", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const x = toTensor(randomSequences(1, 2, 2, 18));
      const mask = toTensor([
        [1, 0],
        [0, 1],
      ]);
      const [y, state] = layer.step(params, layer.initialState(params, 2), x, { mask });
      expect(toNumbers(state.validity)).toEqual([
        [0, 0, 1],
        [0, 0, 1],
      ]);
      const sizes = toNumbers(np.max(np.absolute(y), -1)) as number[][];
      expect(sizes.map((row) => row.map((size) => size > 0))).toEqual([
        [true, false],
        [false, true],
      ]);
    });
  });

  it("tells order apart: without positions, swapping two past tokens would change nothing", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const [x] = randomSequences(1, 1, 3, 18);
      const last = (sequence: number[][]) =>
        slice(layer.step(params, layer.initialState(params, 1), toTensor([sequence]))[0], 0, 2);
      const difference = np.max(np.absolute(np.subtract(last(x!), last([x![1]!, x![0]!, x![2]!]))));
      expect(readSync(difference)[0]).toBeGreaterThan(1e-3);
    });
  });

  it("sees a prefix from everywhere, unturned, beside its window: equals the oracle through calls and gaps", () => {
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(2));
      const [prefix] = randomSequences(3, 1, 2, 18);
      const [x] = randomSequences(4, 1, 12, 18);
      const valid = x!.map((_, t) => t !== 1 && t !== 7);
      const step = (state: WindowAttentionState, from: number, to: number) =>
        layer.step(params, state, toTensor([x!.slice(from, to)]), {
          prefix: toTensor([prefix!]),
          mask: toTensor([valid.slice(from, to).map(Number)]),
        });
      const [first, middle] = step(layer.initialState(params, 1), 0, 5);
      const [second] = step(middle, 5, 12);
      const weights = toNumbers(params) as unknown as AttentionParameters;
      const tokens = x!.filter((_, t) => valid[t]);
      const rows = [...prefix!, ...tokens].map((row, i) => ({ x: row, position: i < 2 ? null : i }));
      const wanted = tokens.map((_, t) => t + 2);
      const expected = positionedAttention(weights, 3, rows, prefixWindowMask(4, 2), wanted);
      const actual = toNumbers(slice(np.concatenate([first, second], 1), 0)) as Matrix;
      expectClose(
        actual.filter((_, t) => valid[t]),
        expected,
      );
    });
  });

  it("refuses sizes and inputs that cannot work, in a sentence", () => {
    expect(() => windowAttentionLayer({ ...config, window: 1 })).toThrow(
      "window is 1; it must be a whole number of at least 2",
    );
    expect(() => windowAttentionLayer({ ...config, heads: 5 })).toThrow("cannot split dim 18 over 5 heads");
    expect(() => windowAttentionLayer({ ...config, heads: 6 })).toThrow(
      "heads of 3 features; rotary positions need an even number",
    );
    scope(() => {
      const layer = windowAttentionLayer(config);
      const params = layer.init(key(1));
      const state = layer.initialState(params, 2);
      const x = np.zeros([2, 3, 18]);
      expect(() => layer.step(params, state, np.zeros([2, 3, 17]))).toThrow(
        "shape [2,3,17]; it must be [batch, tokens, 18]",
      );
      expect(() => layer.step(params, state, np.zeros([2, 0, 18]))).toThrow("at least one token");
      expect(() => layer.step(params, layer.initialState(params, 1), x)).toThrow("2 sequences with a state of 1");
      expect(() => layer.step(params, state, x, { mask: np.ones([2, 4]) })).toThrow(
        "mask of shape [2,4]; it must be [2, 3]",
      );
    });
  });
});
