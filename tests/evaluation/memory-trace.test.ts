import { beforeAll, describe, expect, it } from "vitest";
import { type Engine, liveTensors, readSync, scope, startEngine } from "../../src/array/index.ts";
import { embed, rmsNorm } from "../../src/common/index.ts";
import { type MemoryTrace, MemoryTracer, summarizeTrace } from "../../src/evaluation/memory-trace.ts";
import { LanguageModel, type ModelParams, nextTokenLoss } from "../../src/models/index.ts";
import type { NeuralMemory, NeuralMemoryParams, NeuralMemoryState } from "../../src/titans/index.ts";
import { ConfigError } from "../../src/utils/errors.ts";
import { CHUNK, freshState, paramsOf, row, SEGMENT, smallModel, smallText } from "./small-model.ts";

/** Not a whole number of segments nor of chunks: the last segment is padded, and the last chunk is open. */
const TOKENS = SEGMENT + CHUNK + 3;

const model = smallModel();
const passage = smallText(TOKENS).read(0, TOKENS);
let engine: Engine;
let params: ModelParams;
let trace: MemoryTrace;

beforeAll(async () => {
  engine = await startEngine("wasm");
  params = paramsOf(model);
  trace = await new MemoryTracer(engine, model, SEGMENT).trace(params, passage);
});

/** Largest difference, relative to the largest number. */
function apart(found: readonly number[], expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  const size = Math.max(...expected.map(Math.abs));
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]!))) / size;
}

describe("MemoryTracer", () => {
  it("gives the numbers of NeuralMemory.diagnose, called once on the whole passage without padding", () => {
    scope(() => {
      const block = params.blocks[0]!;
      const input = rmsNorm(block.mixerNorm, embed(params.embedding, row(passage)));
      const layer = model.blocks[0]!.mixer as unknown as NeuralMemory;
      const state = freshState(model, params).blocks[0] as NeuralMemoryState;
      const [, , found] = layer.diagnose(block.mixer as NeuralMemoryParams, state, input);
      const heads = (name: keyof typeof found) => {
        const values = [...readSync(found[name])];
        const width = values.length / 2;
        return [values.slice(0, width), values.slice(width)] as const;
      };
      const mean = (name: keyof typeof found) => heads(name)[0].map((value, i) => (value + heads(name)[1][i]!) / 2);
      const largest = (name: keyof typeof found) =>
        heads(name)[0].map((value, i) => Math.max(value, heads(name)[1][i]!));
      const traced = trace.layers[0]!;
      // Compiled and eager float32 differ by a few roundings in each of some thirty operations a chunk.
      const tolerance = 2e-5;
      for (const name of [
        "surprises",
        "stepSizes",
        "lossAtInitial",
        "lossBefore",
        "lossAfter",
        "memoryNorm",
        "surpriseNorm",
      ] as const) {
        expect(apart(traced[name], mean(name)), name).toBeLessThan(tolerance);
      }
      for (const name of ["errorNorm", "rho"] as const) {
        expect(apart(traced[name], largest(name)), name).toBeLessThan(tolerance);
      }
    });
  });

  it("gives one number a token, and one a chunk, of every layer", () => {
    expect(trace.tokens).toBe(TOKENS);
    expect(trace.layers.map(({ layer }) => layer)).toEqual([0, 1]);
    expect(trace.surprises).toHaveLength(TOKENS);
    expect(trace.bits).toHaveLength(TOKENS);
    for (const layer of trace.layers) {
      expect(layer.stepSizes).toHaveLength(TOKENS);
      expect(layer.rho).toHaveLength(Math.ceil(TOKENS / CHUNK));
      expect(layer.writes).toBe(2 * TOKENS);
    }
    const [first, second] = trace.layers.map(({ surprises }) => surprises) as [number[], number[]];
    expect(
      apart(
        trace.surprises,
        first.map((value, t) => (value + second[t]!) / 2),
      ),
    ).toBeLessThan(1e-12);
  });

  it("gives what each token cost given the ones before it", () => {
    scope(() => {
      const [logits] = model.step(params, freshState(model, params), row(passage.slice(0, -1)));
      const bits = [...readSync(nextTokenLoss(logits, row(passage.slice(1))))].map((nats) => nats / Math.LN2);
      expect(trace.bits[0]).toBe(0);
      expect(apart(trace.bits.slice(1), bits)).toBeLessThan(2e-5);
    });
  });

  it("shows a memory that learns: a chunk's loss is lower after it is written than before", () => {
    for (const { lossBefore, lossAfter, lossAtInitial } of trace.layers) {
      for (const [chunk, before] of lossBefore.entries()) expect(lossAfter[chunk]).toBeLessThan(before);
      expect(lossBefore[0]).toBeCloseTo(lossAtInitial[0]!, 5);
    }
  });

  it("is summed up as means of the losses and largest norms", () => {
    const [summary] = summarizeTrace(trace);
    const [layer] = trace.layers;
    const mean = (values: readonly number[]) => values.reduce((sum, n) => sum + n, 0) / values.length;
    expect(summary).toMatchObject({
      layer: 0,
      lossAfter: mean(layer!.lossAfter),
      errorNorm: Math.max(...layer!.errorNorm),
      rho: Math.max(...layer!.rho),
      writes: 2 * TOKENS,
      meanStepSize: mean(layer!.stepSizes),
    });
  });

  it("compiles one program that reads and one that starts, whatever the passage's length, and leaves no array alive", async () => {
    const before = engine.programs.length;
    const tracer = new MemoryTracer(engine, model, SEGMENT);
    await tracer.trace(params, passage.slice(0, 3));
    const live = liveTensors();
    await tracer.trace(params, passage);
    expect(engine.programs.length - before).toBe(2);
    expect(liveTensors()).toBe(live);
  });

  it("has no layers for a model without memory, and refuses an empty passage", async () => {
    const transformer = new LanguageModel({ architecture: "transformer", dim: 16, layers: 1, heads: 2 });
    const found = await new MemoryTracer(engine, transformer, 32).trace(paramsOf(transformer), passage);
    expect(found).toMatchObject({ tokens: TOKENS, layers: [], surprises: [] });
    expect(found.bits).toHaveLength(TOKENS);
    const tracer = new MemoryTracer(engine, model, SEGMENT);
    await expect(tracer.trace(params, new Int32Array(0))).rejects.toThrow(ConfigError);
  });
});
