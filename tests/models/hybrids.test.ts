/** Models whose blocks are not all alike: memory in some of them, and what a configuration may not ask for. */
import { describe, expect, test } from "vitest";
import { key, leaves, mapTree, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { isMemoryLayer } from "../../src/common/index.ts";
import { architectureNames, LanguageModel, type ModelInput } from "../../src/models/index.ts";
import { MemoryAsContext } from "../../src/titans/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { isAttention, representatives, smallChunks } from "./families.ts";

const base = {
  vocabularySize: 32,
  dim: 8,
  layers: 3,
  heads: 2,
  window: 5,
  contextSegment: 8,
  persistentTokens: 2,
  memory: { chunkSize: 4, normalizeValues: true },
  miras: { chunkSize: 4 },
} as const;

const withMemory = representatives.filter((name) => !isAttention(name));

function tokensOf(batch: number, length: number): Tensor {
  return tensor(
    Int32Array.from({ length: batch * length }, (_, i) => (i * 7 + Math.floor(i / 5)) % 32),
    [batch, length],
  );
}

describe.each(withMemory)("%s", (architecture) => {
  const own = { ...base, ...smallChunks(architecture, 4) };

  test("has a memory in every block, or in those that are named, and window attention in the others", () => {
    expect(new LanguageModel({ architecture, ...own }).memoryBlocks).toEqual([0, 1, 2]);
    expect(new LanguageModel({ architecture, ...own, neuralMemoryLayers: [2, 0] }).memoryBlocks).toEqual([0, 2]);
    const none = new LanguageModel({ architecture, ...own, neuralMemoryLayers: [] });
    expect(none.memoryBlocks).toEqual([]);
    const [some, plain] = [
      new LanguageModel({ architecture, ...own, neuralMemoryLayers: [1] }),
      new LanguageModel({ architecture: "transformer", ...base }),
    ].map((model) => [...model.shapes().keys()]);
    const within = (names: string[], block: number) =>
      names.filter((name) => name.startsWith(`blocks.${block}.mixer.`)).sort();
    for (const block of [0, 2]) expect(within(some!, block)).toEqual(within(plain!, block));
    const ofMemory = /\.mixer\.(initialMemory\.0|persistent|initialMemories\.memory\.layers\.0)$/;
    expect(within(some!, 1).filter((name) => ofMemory.test(name))).not.toEqual([]);
  });

  test("diagnoses the blocks with a memory, by their numbers, and computes the same", () => {
    scope(() => {
      const model = new LanguageModel({ architecture, ...own, neuralMemoryLayers: [0, 2] });
      const params = model.init(key(1));
      const start = model.initialState(params, 2);
      const [logits, state] = model.step(params, start, tokensOf(2, 8));
      const [same, next, found] = model.diagnose(params, start, tokensOf(2, 8));
      expect(Object.keys(found)).toEqual(["0", "2"]);
      expect(found["2"]!.stepSizes.shape).toEqual([2, 2, 8]);
      expect([...readSync(same)]).toEqual([...readSync(logits)]);
      expect(leaves(next).map((leaf) => [...readSync(leaf)])).toEqual(leaves(state).map((leaf) => [...readSync(leaf)]));
    });
  });

  test("exchanges its memories and nothing else", () => {
    scope(() => {
      const model = new LanguageModel({ architecture, ...own, neuralMemoryLayers: [1] });
      const params = model.init(key(2));
      const [, state] = model.step(params, model.initialState(params, 2), tokensOf(2, 8));
      let seen = 0;
      let arrays = 0;
      const emptied = model.mapMemories(state, (memory) => {
        seen++;
        arrays = leaves(memory).length;
        return mapTree(memory, (w) => np.zerosLike(w));
      });
      expect(seen).toBe(1);
      const numbers = ({ blocks }: { blocks: readonly unknown[] }, block: number) =>
        leaves(blocks[block] as Tensor).map((leaf) => [...readSync(leaf)]);
      for (const block of [0, 2]) expect(numbers(emptied, block)).toEqual(numbers(state, block));
      const changed = numbers(emptied, 1).filter((leaf, i) => `${leaf}` !== `${numbers(state, 1)[i]}`);
      expect(changed).toHaveLength(arrays);
      for (const leaf of changed) expect(Math.max(...leaf.map(Math.abs))).toBe(0);
    });
  });
});

test("the grid of a model fits the chunk of every memory and the segment of every block with one", () => {
  const chunkOf = (overrides: Partial<ModelInput>) =>
    new LanguageModel({ architecture: "titans-mac", ...base, ...overrides }).chunkSize;
  expect(chunkOf({})).toBe(8);
  expect(chunkOf({ contextSegment: 12 })).toBe(12);
  expect(chunkOf({ neuralMemoryLayers: [2] })).toBe(8);
  expect(chunkOf({ neuralMemoryLayers: [] })).toBe(4);
  for (const architecture of ["titans-lmm", "titans-mag", "titans-mal", "transformer"] as const)
    expect(chunkOf({ architecture })).toBe(4);
});

test("options reach the layers", () => {
  const mixer = (overrides: Partial<ModelInput>) =>
    new LanguageModel({ architecture: "titans-mac", ...base, layers: 1, ...overrides }).blocks[0]!.mixer as unknown;
  const context = mixer({ gate: "sum", read: "segmentEndNonCausal" }) as MemoryAsContext;
  expect(context).toBeInstanceOf(MemoryAsContext);
  expect(context.config).toMatchObject({ gate: "sum", read: "segmentEndNonCausal", segment: 8, persistentTokens: 2 });
  expect(context.memory.config).toMatchObject({ chunkSize: 4, heads: 2, headDim: 4, normalizeValues: true });
  expect(mixer({ architecture: "titans-mag", gate: "silu" })).toMatchObject({
    config: { gate: "silu", window: 5, persistentTokens: 2 },
  });
  expect(mixer({ architecture: "titans-mal", visiblePrefix: true })).toMatchObject({
    config: { visiblePrefix: true, window: 5, persistentTokens: 2 },
  });
  expect(mixer({ architecture: "titans-lmm" })).toMatchObject({ persistentTokens: 2 });
  expect(isMemoryLayer(new LanguageModel({ architecture: "transformer", ...base }).blocks[0]!.mixer)).toBe(false);
});

test("a model says whether it is causal", () => {
  const mac = { architecture: "titans-mac", ...base } as const;
  expect(new LanguageModel(mac).causal).toBe(true);
  expect(new LanguageModel({ ...mac, read: "segmentEndNonCausal" }).causal).toBe(false);
  expect(new LanguageModel({ ...mac, read: "segmentEndNonCausal", neuralMemoryLayers: [] }).causal).toBe(true);
});

test.each<[string, Partial<ModelInput>, RegExp]>([
  [
    "segments that are not whole chunks",
    { contextSegment: 10 },
    /contextSegment must be a whole multiple of memory.chunkSize/,
  ],
  ["a memory in a block that is not there", { neuralMemoryLayers: [3] }, /blocks are numbered from 0 to layers - 1/],
  ["a memory in one block twice", { neuralMemoryLayers: [1, 1] }, /name each block with a memory once/],
  [
    "a memory in a transformer",
    { architecture: "transformer", neuralMemoryLayers: [1] },
    /attention alone and has no memory/,
  ],
  [
    "a non-causal read elsewhere",
    { architecture: "titans-mag", read: "segmentEndNonCausal" },
    /only titans-mac has a non-causal read/,
  ],
  ["an unknown gate", { gate: "softmax" as "sum" }, /gate/],
  ["a negative number of persistent tokens", { persistentTokens: -1 }, /persistentTokens/],
  [
    "attention heads of an odd number of features",
    { architecture: "titans-mal", heads: 8 },
    /rotary positions need an even number/,
  ],
  ["segments with heads of an odd number of features", { heads: 8 }, /rotary positions need an even number/],
])("a model with %s is refused with the reason", (_, overrides, reason) => {
  const make = () => new LanguageModel({ architecture: "titans-mac", ...base, ...overrides });
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(reason);
});

test("settings that an architecture does not use are no error, so that an architecture can be exchanged in a preset", () => {
  for (const architecture of architectureNames) {
    const model = new LanguageModel({ architecture, ...base, gate: "sum", visiblePrefix: true });
    expect(model.memoryBlocks).toHaveLength(isAttention(architecture) ? 0 : 3);
  }
});
