import { beforeAll, describe, expect, it } from "vitest";
import { type Engine, jit, liveTensors, np, readSync, startEngine, type Tensor } from "../../src/array/index.ts";
import { byteTokenizer, type TokenWindows } from "../../src/data/index.ts";
import { type MemoryControls, memoryControls } from "../../src/evaluation/memory-controls.ts";
import { spreadWindows } from "../../src/evaluation/spread-windows.ts";
import { WindowReader } from "../../src/evaluation/window-reader.ts";
import { LanguageModel, type ModelParams, type ModelState } from "../../src/models/index.ts";
import type { NeuralMemoryState } from "../../src/titans/index.ts";
import { ConfigError } from "../../src/utils/errors.ts";
import { freshState, paramsOf, row, SEGMENT, smallModel, smallText } from "./small-model.ts";

const BATCH = 3;
const LENGTH = 2 * SEGMENT;
const tokenizer = byteTokenizer();

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine("wasm");
});

/** Bits of the second half of each window by single calls of `model.step`, one sequence at a time, with the softmax in double precision. */
function directly(model: LanguageModel, params: ModelParams, windows: TokenWindows) {
  const width = windows.length + 1;
  const rows = Array.from({ length: windows.batch }, (_, i) => windows.tokens.slice(i * width, (i + 1) * width));
  const half = windows.length / 2;
  const step = jit((p: ModelParams, state: ModelState, tokens: Tensor, storeMask: Tensor) => {
    const [logits, next] = model.step(p, state, tokens, { storeMask });
    return { logits, state: next };
  });
  const stepped = (state: ModelState, tokens: Int32Array, write: boolean) =>
    step(params, state, row(tokens), np.full([1, tokens.length], write ? 1 : 0, { dtype: "float32" }));
  const afterContext = (tokens: Int32Array, write: boolean) =>
    stepped(freshState(model, params), tokens.slice(0, half), write).state;
  const cost = (tokens: Int32Array, state: ModelState, write: boolean) => {
    const { logits } = stepped(state, tokens.slice(half, -1), write);
    return bitsOf(readSync(logits), tokens.slice(half + 1));
  };
  const written = rows.map((tokens) => afterContext(tokens, true));
  const unwritten = rows.map((tokens) => afterContext(tokens, false));
  const other = (i: number) => (i + 1) % rows.length;
  const mixed = (own: ModelState, from: ModelState): ModelState => ({
    blocks: own.blocks.map((block, b) => {
      const { memory, surprise } = from.blocks[b] as NeuralMemoryState;
      return { ...(block as NeuralMemoryState), memory, surprise };
    }),
  });
  return {
    on: rows.map((tokens, i) => cost(tokens, written[i]!, true)),
    contextNotWritten: rows.map((tokens, i) => cost(tokens, unwritten[i]!, true)),
    neverWritten: rows.map((tokens, i) => cost(tokens, unwritten[i]!, false)),
    otherMemory: rows.map((tokens, i) => cost(tokens, mixed(written[i]!, written[other(i)]!), true)),
    otherState: rows.map((tokens, i) => cost(tokens, written[other(i)]!, true)),
  };
}

function bitsOf(logits: ArrayLike<number>, targets: Int32Array): number {
  const vocabulary = logits.length / targets.length;
  return [...targets].reduce((bits, target, t) => {
    const scores = Array.from({ length: vocabulary }, (_, i) => logits[t * vocabulary + i]!);
    return bits + Math.log2(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[target]! / Math.LN2;
  }, 0);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("memoryControls", () => {
  const model = smallModel();
  let params: ModelParams;
  let windows: TokenWindows[];
  let controls: MemoryControls;

  beforeAll(async () => {
    params = paramsOf(model);
    windows = spreadWindows(smallText(500), { batch: BATCH, length: LENGTH, targets: 2 * BATCH * LENGTH });
    controls = await memoryControls(new WindowReader(engine, model, SEGMENT), params, windows, tokenizer);
  });

  it("equal single calls of model.step on one sequence at a time", () => {
    const expected = windows.map((batch) => directly(model, params, batch));
    const bytes = (windows.length * BATCH * LENGTH) / 2;
    expect(controls.bytes).toBe(bytes);
    const { on, contextNotWritten, neverWritten, otherMemory, otherState } = controls;
    const found = {
      on,
      contextNotWritten: contextNotWritten.bitsPerByte,
      neverWritten: neverWritten.bitsPerByte,
      otherMemory: otherMemory.bitsPerByte,
      otherState: otherState.bitsPerByte,
    };
    for (const name of ["on", "contextNotWritten", "neverWritten", "otherMemory", "otherState"] as const) {
      const bits = sum(expected.flatMap((batch) => batch[name]));
      // Both are float32 through two layers of memory: another batch size sums in another order, some 1e-6 of the logits.
      expect(Math.abs(found[name] - bits / bytes), name).toBeLessThan(5e-6 * found[name]);
    }
  });

  it("find that the memory is written and read: neither the writes nor what they change is zero", () => {
    const slots = windows.length * BATCH * LENGTH * 2 * 2;
    expect(controls.writes.slots).toBe(slots);
    expect(controls.writes.writes).toBe(slots);
    expect(controls.writes.meanStepSize).toBeGreaterThan(0);
    expect(controls.writesWhenOff).toEqual({ writes: 0, slots, meanStepSize: 0 });
    for (const name of ["contextNotWritten", "neverWritten", "otherMemory", "otherState"] as const) {
      // Fresh parameters read little from memory, but far more than rounding: the same windows give the same numbers bit for bit.
      expect(Math.abs(controls[name].difference), name).toBeGreaterThan(1e-6);
      expect(controls[name].difference, name).toBeCloseTo(controls[name].bitsPerByte - controls.on, 9);
    }
  });

  it("find nothing in a model with step size 0, whose writes are already off", async () => {
    const dead = smallModel({ maxStepSize: 0 });
    const found = await memoryControls(new WindowReader(engine, dead, SEGMENT), params, windows.slice(0, 1), tokenizer);
    expect(found.writes.writes).toBe(0);
    expect(found.writes.meanStepSize).toBe(0);
    expect(found.contextNotWritten.difference).toBe(0);
    expect(found.neverWritten.difference).toBe(0);
  });

  it("score a model with step size 0 as the program of the writing model does with writes switched off", async () => {
    const dead = new WindowReader(engine, smallModel({ maxStepSize: 0 }), SEGMENT);
    const alive = new WindowReader(engine, model, SEGMENT);
    const own = await dead.readWindows(params, windows, tokenizer, { write: true });
    const shared = await alive.readWindows(params, windows, tokenizer, { write: false });
    expect(shared.writes.writes).toBe(0);
    // The guard's factors are still computed in one of them; they multiply zero.
    for (const [w, bits] of own.scores.bits.entries()) expect(shared.scores.bits[w]).toBeCloseTo(bits, 3);
    expect(sum(shared.scores.bits) / sum(own.scores.bits)).toBeCloseTo(1, 6);
  });

  it("change nothing by swapping the memories of equal windows", async () => {
    const { tokens, length, starts, targets } = windows[0]!;
    const first = tokens.slice(0, length + 1);
    const equal = { tokens: Int32Array.from([...first, ...first, ...first]), batch: BATCH, length, starts, targets };
    const found = await memoryControls(new WindowReader(engine, model, SEGMENT), params, [equal], tokenizer);
    expect(found.otherMemory).toEqual({ bitsPerByte: found.on, difference: 0, standardError: 0 });
    expect(found.otherState).toEqual({ bitsPerByte: found.on, difference: 0, standardError: 0 });
    expect(found.neverWritten.difference).not.toBe(0);
  });

  it.each(["titans-mac", "titans-mag", "titans-mal"] as const)(
    "find the memory of %s in the one block that has one",
    async (architecture) => {
      const hybrid = { architecture, window: 6, contextSegment: SEGMENT, persistentTokens: 2, neuralMemoryLayers: [1] };
      const other = smallModel({}, hybrid);
      const own = paramsOf(other);
      const found = await memoryControls(new WindowReader(engine, other, SEGMENT), own, windows.slice(0, 1), tokenizer);
      const slots = BATCH * LENGTH * 2;
      expect(found.writes).toMatchObject({ writes: slots, slots });
      expect(found.writesWhenOff).toEqual({ writes: 0, slots, meanStepSize: 0 });
      for (const name of ["contextNotWritten", "neverWritten", "otherMemory"] as const)
        expect(Math.abs(found[name].difference), name).toBeGreaterThan(1e-6);
      // Windows and convolution tails are other sequences' too.
      expect(found.otherState.difference).not.toBe(found.otherMemory.difference);
    },
  );

  it("leave no array alive", async () => {
    const reader = new WindowReader(engine, model, SEGMENT);
    await memoryControls(reader, params, windows.slice(0, 1), tokenizer);
    const before = liveTensors();
    await memoryControls(reader, params, windows, tokenizer);
    expect(liveTensors()).toBe(before);
  });

  it("refuse a model without memory, and windows that cannot be halved or swapped", async () => {
    const reader = new WindowReader(engine, model, SEGMENT);
    const transformer = new LanguageModel({ architecture: "transformer", dim: 16, layers: 1, heads: 2 });
    const without = new WindowReader(engine, transformer, SEGMENT);
    await expect(memoryControls(without, params, windows, tokenizer)).rejects.toThrow(/"transformer" has no memory/);
    const odd = spreadWindows(smallText(500), { batch: 2, length: 3 * SEGMENT, targets: 1 });
    await expect(memoryControls(reader, params, odd, tokenizer)).rejects.toThrow(ConfigError);
    const single = [{ ...windows[0]!, batch: 1 }];
    await expect(memoryControls(reader, params, single, tokenizer)).rejects.toThrow(ConfigError);
    await expect(memoryControls(reader, params, [], tokenizer)).rejects.toThrow(ConfigError);
  });
});
