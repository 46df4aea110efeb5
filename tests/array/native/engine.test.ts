/** The native engine as programs see it: its tensors live by the rules of all others, and what it cannot run runs elsewhere. */
import { expect, it } from "vitest";
import {
  detached,
  grad,
  isTensor,
  jit,
  key,
  leaves,
  liveTensors,
  np,
  random,
  read,
  readScalar,
  readSync,
  release,
  retain,
  scope,
  slice,
  startEngine,
  type Tensor,
  tensor,
  vmap,
} from "../../../src/array/index.ts";
import { ConfigError, UseAfterFreeError } from "../../../src/utils/index.ts";
import { describeNative, hasNative, nativeEngine } from "./support.ts";

const engine = await nativeEngine();
const double = (x: Tensor) => doubling(x);
const doubling = hasNative ? engine.compile("double", (x: Tensor) => np.multiply(x, 2)) : (undefined as never);

/** A tensor that the native engine made: [2, 4, 6]. */
async function made(): Promise<Tensor> {
  const x = tensor([1, 2, 3]);
  const y = await double(x);
  release(x);
  return y;
}

describeNative("startEngine", () => {
  it("starts the native engine by name and by default", async () => {
    expect((await startEngine("native", { threads: 1 })).threads).toBe(1);
    expect((await startEngine("auto")).name).toBe("native");
    expect((await startEngine("native")).threads).toBeGreaterThan(0);
  });

  it("refuses a number of threads that is none", async () => {
    await expect(startEngine("native", { threads: 0 })).rejects.toThrow(ConfigError);
    await expect(startEngine("auto", { threads: 1.5 })).rejects.toThrow(
      "threads must be a whole number from 1, not 1.5",
    );
  });
});

describeNative("tensors of the native engine", () => {
  it("have shape and type, and are read like others", async () => {
    const y = await made();
    expect(isTensor(y)).toBe(true);
    expect([y.shape, y.dtype, y.ndim, y.size]).toEqual([[3], "float32", 1, 3]);
    expect([np.shape(y), np.ndim(y), np.size(y)]).toEqual([[3], 1, 3]);
    expect([...readSync(y)]).toEqual([2, 4, 6]);
    expect([...(await read(y))]).toEqual([2, 4, 6]);
    const one = scope(() => slice(y, 0));
    expect(await readScalar(one)).toBe(2);
    release(y, one);
  });

  it("give their numbers away as copies", async () => {
    const y = await made();
    (await read(y)).fill(0);
    readSync(y).fill(0);
    expect([...readSync(y)]).toEqual([2, 4, 6]);
    release(y);
  });

  it("are taken by eager operations, by jit, by transforms and by programs of either engine", async () => {
    const y = await made();
    const wasm = await startEngine("wasm");
    const total = (x: Tensor) => np.sum(np.square(x));
    const results = [
      scope(() => np.add(y, 1)),
      jit((x: Tensor) => np.add(x, 1))(y),
      scope(() => np.add(vmap((x: Tensor) => x)(y), 1)),
      await engine.compile("add", (x: Tensor) => np.add(x, 1))(y),
      await wasm.compile("add", (x: Tensor) => np.add(x, 1))(y),
    ];
    for (const result of results) expect([...readSync(result)]).toEqual([3, 5, 7]);
    const gradient = scope(() => grad(total)(y));
    expect([...readSync(gradient)]).toEqual([4, 8, 12]);
    release(y, results, gradient);
  });

  it("are constants of programs that use them without taking them", async () => {
    const y = await made();
    const add = engine.compile("add a constant", (x: Tensor) => np.add(x, y));
    const x = tensor([1, 1, 1]);
    const sum = await add(x);
    expect([...readSync(sum)]).toEqual([3, 5, 7]);
    const returned = await engine.compile("return a constant", () => [y, np.negative(y)])();
    expect(returned.map((t) => [...readSync(t)])).toEqual([
      [2, 4, 6],
      [-2, -4, -6],
    ]);
    release(x, y, sum, returned);
  });

  it("keep booleans and whole numbers", async () => {
    const k = tensor(Int32Array.of(3, -1));
    const [less, same] = await engine.compile("compare", (x: Tensor) => [np.less(x, 0), x])(k);
    expect([less!.dtype, [...readSync(less!)]]).toEqual(["bool", [0, 1]]);
    expect([same!.dtype, [...readSync(same!)]]).toEqual(["int32", [3, -1]]);
    const chosen = await engine.compile("choose", (c: Tensor, x: Tensor) => np.where(c, x, 0))(less!, same!);
    expect([...readSync(chosen)]).toEqual([0, -1]);
    const eager = scope(() => np.where(less!, 5, 7));
    expect([...readSync(eager)]).toEqual([7, 5]);
    release(k, less, same, chosen, eager);
  });

  it("may have no elements", async () => {
    const empty = tensor([], [0, 3]);
    const f = engine.compile("empty", (x: Tensor) => [
      np.multiply(x, 2),
      np.sum(x, 0),
      np.concatenate([x, np.ones([1, 3])]),
    ]);
    const results = await f(empty);
    expect(results.map((t) => [t.shape, [...readSync(t)]])).toEqual([
      [[0, 3], []],
      [[3], [0, 0, 0]],
      [
        [1, 3],
        [1, 1, 1],
      ],
    ]);
    const again = await f(results[0]!);
    expect(again[0]!.shape).toEqual([0, 3]);
    const eager = scope(() => np.add(results[0]!, 1));
    expect(eager.shape).toEqual([0, 3]);
    release(empty, results, again, eager);
  });
});

describeNative("lifetimes", () => {
  it("count native tensors like others: constant over a loop", async () => {
    const step = engine.compile("step", (s: { w: Tensor; n: Tensor }) => ({ w: np.tanh(s.w), n: np.add(s.n, 1) }));
    let state = { w: tensor([1, 2]), n: tensor([0]) };
    const before = liveTensors();
    for (let i = 0; i < 50; i++) {
      const next = await step(state);
      release(scope(() => np.sum(np.square(next.w))));
      release(state);
      state = next;
      expect(liveTensors()).toBe(before);
    }
    expect(readSync(state.n)[0]).toBe(50);
    release(state);
  });

  it("refuse what has been freed", async () => {
    const y = await made();
    release(y);
    expect(() => release(y)).toThrow(UseAfterFreeError);
    expect(() => readSync(y)).toThrow(UseAfterFreeError);
    expect(() => np.add(y, 1)).toThrow("a tensor of shape [3] and type float32 was used after it had been freed");
    await expect(double(y)).rejects.toThrow(UseAfterFreeError);
    const x = tensor([1, 2, 3]);
    release(await double(x), x);
    await expect(double(x)).rejects.toThrow(UseAfterFreeError);
  });

  it("let each owner release its own", async () => {
    const y = await made();
    const before = liveTensors();
    const other = retain({ y });
    expect(liveTensors()).toBe(before + 1);
    release(y);
    expect([...readSync(other.y)]).toEqual([2, 4, 6]);
    release(other);
    expect(liveTensors()).toBe(before - 1);
  });

  it("end with the scope unless it returns them", async () => {
    const y = await made();
    const before = liveTensors();
    const kept = scope(() => {
      retain(y);
      return { y, z: np.add(y, 1) };
    });
    // The scope's result owns y once more; retain made another owner, which nobody has released.
    expect(liveTensors()).toBe(before + 3);
    release(kept, y, y);
    expect(liveTensors()).toBe(before - 1);
  });

  it("hold what is borrowed until the program has run", async () => {
    const x = tensor([1, 2, 3]);
    const [first, y] = [double(x), await made()];
    const second = double(y);
    release(x, y);
    const results = await Promise.all([first, second]);
    expect(results.map((t) => [...readSync(t)])).toEqual([
      [2, 4, 6],
      [4, 8, 12],
    ]);
    release(results);
  });

  it("belong to the caller also when the program is called inside a scope", async () => {
    const x = tensor([3]);
    const y = await scope(() => ({ promise: double(x) })).promise;
    expect(readSync(y)[0]).toBe(6);
    release(x, y);
  });

  it("leave nothing behind when an operation refuses a native tensor", async () => {
    const y = await made();
    const before = liveTensors();
    expect(() => np.add(y, tensor([1, 2]))).toThrow();
    expect(liveTensors()).toBe(before + 1);
    release(y);
  });
});

describeNative("compiled programs", () => {
  it("are compiled once for each set of shapes, and listed", async () => {
    const own = await nativeEngine();
    const square = own.compile("square", (p: { x: Tensor }) => np.square(p.x));
    for (const shape of [[2], [2], [3], [2]]) {
      const x = detached(() => np.ones(shape));
      release(await square({ x }), x);
    }
    const y = await made();
    release(await square({ x: y }), y);
    expect(own.programs).toEqual([
      { name: "square", shapes: [[2]] },
      { name: "square", shapes: [[3]] },
    ]);
  });

  it("return what they were given where they do not change it", async () => {
    const program = engine.compile("partly unchanged", (x: Tensor, y: Tensor, on: Tensor) => ({
      same: x,
      sum: np.add(x, y),
      turned: np.transpose(y),
      flat: np.reshape(y, [4]),
      again: x,
      on,
    }));
    const inputs = [tensor([1, 2, 3, 4], [2, 2]), tensor([5, 6, 7, 8], [2, 2]), detached(() => np.less(1, 2))] as const;
    const found = await program(...inputs);
    release(...inputs);
    const { same, sum, turned, flat, again, on } = found;
    expect([same, sum, turned, flat, again, on].map((x) => [...readSync(x)])).toEqual([
      [1, 2, 3, 4],
      [6, 8, 10, 12],
      [5, 7, 6, 8],
      [5, 6, 7, 8],
      [1, 2, 3, 4],
      [1],
    ]);
    release(found);
  });

  it("return what they were given in float64 when all of it is asked for in float64", async () => {
    const exact = await nativeEngine({ precision: "float64" });
    const x = tensor([0.5, 2], [2]);
    const found = await exact.compile("partly unchanged", (x: Tensor) => [x, np.add(x, 1)])(x);
    expect(found.map((y) => [y.dtype, ...readSync(y)])).toEqual([
      ["float64", 0.5, 2],
      ["float64", 1.5, 3],
    ]);
    release(x, found);
    await exact.dispose();
  });

  it("are compiled once for calls that overlap", async () => {
    const own = await nativeEngine();
    const square = own.compile("square", (x: Tensor) => np.square(x));
    const x = tensor([3]);
    const results = await Promise.all([square(x), square(x)]);
    expect(own.programs).toHaveLength(1);
    release(results, x);
  });

  it("give the error of the function that they trace, at every call", async () => {
    const wrong = engine.compile("wrong", (x: Tensor) => np.add(x, np.ones([5])));
    const x = tensor([1, 2]);
    await expect(wrong(x)).rejects.toThrow();
    await expect(wrong(x)).rejects.toThrow();
    release(x);
  });

  it("run on wasm as a whole, saying so once, where an operation is not computed", async () => {
    const notes: string[] = [];
    const own = await nativeEngine({ onNote: (sentence) => notes.push(sentence) });
    const draw = own.compile("draw", (k: Tensor, x: Tensor) => np.add(random.uniform(k, [2]), np.multiply(x, 0)));
    const k = key(1);
    const x = tensor([1, 2]);
    const results = [await draw(k, x), await draw(k, x)];
    const expected = random.uniform(k, [2]);
    for (const result of results) expect([...readSync(result)]).toEqual([...readSync(expected)]);
    expect(notes).toEqual(['the native engine does not compute "random_bits"; "draw" runs on "wasm"']);
    release(k, x, results, expected);
  });

  it("compute in float64 what is float64, and all of it when asked", async () => {
    const third = tensor(Float64Array.of(1 / 3));
    const cube = await engine.compile("cube", (x: Tensor) => np.multiply(x, np.exp(x)))(third);
    expect([cube.dtype, readSync(cube)[0]]).toEqual(["float64", (1 / 3) * Math.exp(1 / 3)]);
    const exact = await nativeEngine({ precision: "float64" });
    const widened = exact.compile("exp", (x: Tensor) => np.exp(x));
    const one = tensor([1]);
    const e = await widened(one);
    const ee = await widened(e);
    expect([e, ee].map((t) => [t.dtype, readSync(t)[0]])).toEqual([
      ["float64", Math.E],
      ["float64", Math.exp(Math.E)],
    ]);
    expect(exact.programs).toHaveLength(2);
    release(third, cube, one, e, ee);
  });

  it("end with their engine", async () => {
    const own = await nativeEngine();
    const square = own.compile("square", (x: Tensor) => np.square(x));
    const x = tensor([3]);
    release(await square(x));
    await own.dispose();
    await expect(square(x)).rejects.toThrow(
      '"square" cannot be called: its engine has been disposed of; start another',
    );
    release(x);
  });

  it("take trees with lists, and give leaves in their places", async () => {
    const f = engine.compile("tree", (p: { a: Tensor[]; b: { c: Tensor } }) => ({
      sums: p.a.map((x) => np.add(x, p.b.c)),
      c: p.b.c,
    }));
    const p = { a: [tensor([1]), tensor([2])], b: { c: tensor([10]) } };
    const result = await f(p);
    expect(leaves(result).map((t) => readSync(t)[0])).toEqual([10, 11, 12]);
    release(p, result);
  });
});
