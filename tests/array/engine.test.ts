import { describe, expect, it } from "vitest";
import {
  type EngineName,
  engineNames,
  liveTensors,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import { EngineError } from "../../src/utils/index.ts";
import { hasNative } from "./native/support.ts";

describe("startEngine", () => {
  it("picks an engine that works here, and says which", async () => {
    const fastest = hasNative ? "native" : "wasm";
    expect((await startEngine()).name).toBe(fastest);
    expect((await startEngine("auto")).name).toBe(fastest);
    const engine = await startEngine("wasm");
    expect([engine.name, engine.threads]).toEqual(["wasm", 1]);
    expect(engineNames).toContain("auto");
  });

  it("refuses webgpu in one sentence until it is built", async () => {
    await expect(startEngine("webgpu")).rejects.toThrow(EngineError);
    await expect(startEngine("webgpu")).rejects.toThrow('engine "webgpu" is not built yet; use "wasm" or "auto"');
  });

  it.skipIf(hasNative)(
    "refuses native and falls back from auto where onnxruntime is missing, each in one sentence",
    async () => {
      const notes: string[] = [];
      expect((await startEngine("auto", { onNote: (sentence) => notes.push(sentence) })).name).toBe("wasm");
      expect(notes).toEqual([
        'running on "wasm", several times slower than the native engine: install onnxruntime-node for that one',
      ]);
      await expect(startEngine("native")).rejects.toThrow(EngineError);
      await expect(startEngine("native")).rejects.toThrow(
        'the engine "native" needs the package onnxruntime-node, which cannot be loaded here; install it, or use "wasm"',
      );
    },
  );

  it("suggests a name for a mistyped one", async () => {
    const mistyped = startEngine("wsam" as EngineName);
    await expect(mistyped).rejects.toThrow(EngineError);
    await expect(mistyped).rejects.toThrow(
      'unknown engine "wsam"; did you mean "wasm"? (valid: auto, wasm, native, webgpu)',
    );
  });
});

describe("compile", () => {
  it("gives an asynchronous program that borrows its arguments and hands its results to the caller", async () => {
    const engine = await startEngine();
    const double = engine.compile("double", (p: { x: Tensor }) => [np.multiply(p.x, 2)]);
    const x = tensor([1, 2]);
    const before = liveTensors();
    const [y] = await double({ x });
    expect([...readSync(y!)]).toEqual([2, 4]);
    expect([...readSync(x)]).toEqual([1, 2]);
    expect(liveTensors()).toBe(before + 1);
    release(y, x);
  });

  it("gives results to the caller also when it is called inside a scope", async () => {
    const engine = await startEngine();
    const double = engine.compile("double", (x: Tensor) => np.multiply(x, 2));
    const x = tensor([3]);
    const y = await scope(() => ({ promise: double(x) })).promise;
    expect(readSync(y)[0]).toBe(6);
    release(x, y);
  });

  it("counts programs: one for each function and set of shapes", async () => {
    const engine = await startEngine();
    const sum = engine.compile("sum", (x: Tensor, y: readonly Tensor[]) => np.add(x, y[0]!));
    const square = engine.compile("square", (x: Tensor) => np.square(x));
    for (const size of [2, 3, 2, 3, 2]) {
      const x = tensor(Array(size).fill(1));
      release(await sum(x, [x]), x);
    }
    const x = tensor([1, 2]);
    release(await square(x), x);
    expect(engine.programs).toEqual([
      { name: "sum", shapes: [[2], [2]] },
      { name: "sum", shapes: [[3], [3]] },
      { name: "square", shapes: [[2]] },
    ]);
    expect((await startEngine()).programs).toEqual([]);
  });

  it("does not count a program whose tracing failed, and rejects", async () => {
    const engine = await startEngine();
    const broken = engine.compile("broken", (x: Tensor) => np.add(x, np.ones([5])));
    const x = tensor([1, 2]);
    await expect(broken(x)).rejects.toThrow("2 vs 5");
    expect(engine.programs).toEqual([]);
    release(x);
  });
});
