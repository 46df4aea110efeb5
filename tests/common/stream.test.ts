import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Engine, key, liveTensors, np, release, scope, startEngine, type Tensor } from "../../src/array/index.ts";
import {
  type Block,
  concatenateTokens,
  type SequenceLayer,
  Stream,
  type StreamState,
  sliceTokens,
} from "../../src/common/index.ts";
import { ConfigError, ShapeError } from "../../src/utils/index.ts";

type Params = { readonly scale: Tensor };
type State = { readonly total: Tensor };

/**
 * The simplest layer that works in chunks: a token's output is the sum of all stored tokens of closed chunks of two, and of the tokens of its own chunk so
 * far, written or not.
 */
const layer: SequenceLayer<Params, State> = {
  init: () => ({ scale: np.ones([1]) }),
  initialState: ({ scale }, batch) => ({ total: np.multiply(np.zeros([batch, 1]), scale) }),
  step: ({ scale }, state, x, { mask, storeMask } = {}) => {
    const tokens = x.shape[1]!;
    const present = mask ? np.multiply(x, np.expandDims(mask, -1)) : x;
    const stored = storeMask ? np.multiply(present, np.expandDims(storeMask, -1)) : present;
    const outputs: Tensor[] = [];
    let { total } = state;
    for (let start = 0; start < tokens; start += 2) {
      const cut = (all: Tensor) => np.split(all, [start, Math.min(start + 2, tokens)], 1)[1]!;
      outputs.push(np.add(np.expandDims(total, 1), np.cumsum(cut(present), 1)));
      total = np.add(total, np.sum(cut(stored), 1));
    }
    return [np.multiply(np.concatenate(outputs, 1), scale), { total }];
  },
};

/** The layer in plain numbers. */
function expectedOf(tokens: readonly number[], stores = tokens.map(() => 1)): number[] {
  return tokens.map((_, t) => {
    const chunkStart = t - (t % 2);
    const closed = tokens.slice(0, chunkStart).reduce((sum, x, i) => sum + x * stores[i]!, 0);
    return tokens.slice(chunkStart, t + 1).reduce((sum, x) => sum + x, closed);
  });
}

const sequence = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

function blockOf(...rows: number[][]): Block {
  return { data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]!.length, 1] };
}

function maskOf(...rows: number[][]): Block {
  return { data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]!.length] };
}

describe("a stream", () => {
  let engine: Engine;
  let stream: Stream<Params, State>;
  let params: Params;
  let states: StreamState<State>[];

  beforeAll(async () => {
    engine = await startEngine("wasm");
    stream = new Stream(engine, layer, { chunk: 4, segment: 8 }, "sum");
  });
  beforeEach(() => {
    params = scope(() => layer.init(key(0)));
    states = [];
  });
  afterEach(() => {
    for (const state of states) stream.release(state);
    release(params);
  });

  async function start(batch = 1): Promise<StreamState<State>> {
    const state = await stream.start(params, batch);
    states.push(state);
    return state;
  }

  async function push(state: StreamState<State>, x: Block, storeMask?: Block): Promise<[number[], StreamState<State>]> {
    const [y, next] = await stream.push(params, state, x, storeMask ? { storeMask } : {});
    states.push(next);
    return [[...y.data], next];
  }

  it("gives the same outputs at every cut, and for single tokens", async () => {
    const whole = blockOf(sequence);
    for (let cut = 0; cut <= sequence.length; cut++) {
      const [first, middle] = await push(await start(), sliceTokens(whole, 0, cut));
      const [second] = await push(middle, sliceTokens(whole, cut, sequence.length));
      expect([...first, ...second]).toEqual(expectedOf(sequence));
    }
    let state = await start();
    const outputs: number[] = [];
    for (const [t] of sequence.entries()) {
      const [y, next] = await push(state, sliceTokens(whole, t, t + 1));
      outputs.push(...y);
      state = next;
      expect(state.position).toBe(t + 1);
    }
    expect(outputs).toEqual(expectedOf(sequence));
  });

  it("keeps the sequences of a batch apart", async () => {
    const other = sequence.map((x) => -3 * x);
    const [y] = await push(await start(2), blockOf(sequence, other));
    expect(y).toEqual([...expectedOf(sequence), ...expectedOf(other)]);
  });

  it("remembers which tokens of an open chunk may be stored", async () => {
    const stores = sequence.map((_, t) => Number(t % 3 !== 0));
    for (const cut of [1, 3, 5, 9]) {
      const [x, mask] = [blockOf(sequence), maskOf(stores)];
      const [first, middle] = await push(await start(), sliceTokens(x, 0, cut), sliceTokens(mask, 0, cut));
      const rest = [sliceTokens(x, cut, 11), sliceTokens(mask, cut, 11)] as const;
      const [second] = await push(middle, ...rest);
      expect([...first, ...second]).toEqual(expectedOf(sequence, stores));
    }
  });

  it("stores all tokens of a call that says nothing, also into a chunk whose earlier tokens were not stored", async () => {
    const [, middle] = await push(await start(), blockOf([1]), maskOf([0]));
    const [y] = await push(middle, blockOf([2, 4, 8]));
    expect(y).toEqual(expectedOf([1, 2, 4, 8], [0, 1, 1, 1]).slice(1));
  });

  it("passes over a call without tokens", async () => {
    const [, before] = await push(await start(), blockOf([1, 2, 4]));
    const [none, after] = await push(before, { data: new Float32Array(0), shape: [1, 0, 1] });
    expect(none).toEqual([]);
    expect(after.position).toBe(3);
    const [y] = await push(after, blockOf([8]));
    expect(y).toEqual([15]);
  });

  it("leaves the state it was given as it was, so that one state can be continued twice", async () => {
    const [, middle] = await push(await start(), blockOf([1, 2, 4]));
    const [first] = await push(middle, blockOf([8, 16]));
    const [second] = await push(middle, blockOf([8, 16]));
    expect(second).toEqual(first);
    expect(middle.position).toBe(3);
  });

  it("takes a long stretch in segments, whose program does not grow with it", async () => {
    const long = Array.from({ length: 100 }, (_, t) => t % 7);
    const programs = engine.programs.length;
    const [y] = await push(await start(), blockOf(long));
    expect(y).toEqual(expectedOf(long));
    // Its start is the third.
    expect(engine.programs.length - programs).toBeLessThanOrEqual(3);
    expect(engine.programs.every(({ shapes }) => shapes.every((shape) => (shape[1] ?? 0) <= 8))).toBe(true);
  });

  it("compiles two programs a batch size that read, and one that starts", () => {
    const compiled = engine.programs.map(({ name, shapes }) => `${name}, ${(shapes[2] ?? shapes[1])![0]} rows`);
    expect([...compiled].sort()).toEqual([...new Set(compiled)].sort());
    expect(compiled.filter((name) => name.endsWith("1 rows"))).toHaveLength(3);
  });

  it("frees what it made with its states", async () => {
    const before = liveTensors();
    const fresh = await stream.start(params, 1);
    const [, middle] = await stream.push(params, fresh, blockOf(sequence));
    const [, end] = await stream.push(params, middle, blockOf(sequence));
    for (const state of [fresh, middle, end]) stream.release(state);
    expect(liveTensors()).toBe(before);
  });

  it("gives blocks that can be joined whatever the calls were", async () => {
    const none: Block = { data: new Float32Array(0), shape: [1, 0, 1] };
    let state = await start();
    const outputs: Block[] = [];
    for (const x of [none, blockOf([1, 2, 4]), none, blockOf([8])]) {
      const [y, next] = await stream.push(params, state, x);
      outputs.push(y);
      states.push(next);
      state = next;
    }
    const { data, shape } = concatenateTokens(outputs);
    expect([...data]).toEqual(expectedOf([1, 2, 4, 8]));
    expect(shape).toEqual([1, 4, 1]);
  });

  it("refuses a grid that does not fit, another batch, and a store mask of another length", async () => {
    expect(() => new Stream(engine, layer, { chunk: 4, segment: 10 })).toThrow(ConfigError);
    const state = await start(2);
    await expect(stream.push(params, state, blockOf(sequence))).rejects.toThrow(ShapeError);
    const [, open] = await push(state, blockOf([1], [2]));
    await expect(stream.push(params, open, blockOf(sequence))).rejects.toThrow(/holds 2 sequences, but 1/);
    await expect(stream.push(params, open, blockOf([1], [2]), { storeMask: maskOf([1, 1], [1, 1]) })).rejects.toThrow(
      ShapeError,
    );
  });

  it("refuses, and frees nothing twice and leaks nothing, when a program fails", async () => {
    const failing = new Stream(
      engine,
      { ...layer, step: (...args: Parameters<typeof layer.step>) => refuse(...args) },
      { chunk: 4, segment: 8 },
    );
    const state = await start();
    const before = liveTensors();
    await expect(failing.push(params, state, blockOf([1]))).rejects.toThrow("cannot");
    expect(liveTensors()).toBe(before);
  });
});

function refuse(...[p, state]: Parameters<typeof layer.step>): [Tensor, State] {
  if (p.scale.shape.length > 0) throw new Error("this layer cannot step");
  return [state.total, state];
}
