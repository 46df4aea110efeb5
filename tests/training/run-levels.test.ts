/** The levels of runs, against what their models do and hold. */
import { describe, expect, it } from "vitest";
import {
  countElements,
  key,
  leaves,
  mapTree,
  namedLeaves,
  np,
  readSync,
  scope,
  tensor,
} from "../../src/array/index.ts";
import { isMemoryLayer } from "../../src/common/index.ts";
import { architectureNames, LanguageModel, type ModelInput } from "../../src/models/index.ts";
import { gradientMemories, isFaster, levelledOptimizers, levelTable } from "../../src/nl/index.ts";
import { optimizerNamed, optimizerNames } from "../../src/optim/index.ts";
import { newRunConfig, runFacts, runLevels, trainingSchema } from "../../src/training/index.ts";
import { randomSource } from "../oracles/index.ts";

const chunk = 4;
const small = {
  dim: 8,
  layers: 1,
  heads: 2,
  window: 5,
  contextSegment: 8,
  memory: { chunkSize: chunk, normalizeValues: true },
  miras: { chunkSize: chunk },
  selfModifying: { chunkSize: chunk, projectionChunkSize: chunk },
} satisfies Partial<ModelInput>;
const training = trainingSchema.parse({ steps: 20, batch: 3, accumulate: 2, length: 32, segment: 8 });

/** Outputs of a block's mixer for the same tokens and weights, in chunks of the given size. */
function outputsInChunks(input: ModelInput, chunkSize: number): number[] {
  const { memory, miras } = small;
  const selfModifying = { chunkSize, projectionChunkSize: chunkSize };
  const model = new LanguageModel({
    ...input,
    memory: { ...memory, chunkSize },
    miras: { ...miras, chunkSize },
    selfModifying,
  });
  const { mixer } = model.blocks[0]!;
  return scope(() => {
    const params = mixer.init(key(3));
    const x = tensor(randomSource(5).normalVector(chunk * small.dim), [1, chunk, small.dim]);
    return [...readSync(mixer.step(params, mixer.initialState(params, 1), x)[0])];
  });
}

describe.each(architectureNames)("the levels of %s", (architecture) => {
  const input: ModelInput = { architecture, ...small };
  const model = new LanguageModel(input);
  const facts = runFacts(model, training);
  const { components, levels } = runLevels(model, training);
  const memory = facts.memories?.find(({ context }) => context === undefined);

  it("are in order, from attention over memories and the optimiser's to the weights, once a step", () => {
    const periods = levels.map(({ period }) => period);
    expect(periods).toEqual([...periods].sort((a, b) => a - b));
    const weights = components.find(({ name }) => name === `weights of ${architecture}`)!;
    expect(weights.period).toBe(32);
    expect(weights.context).toBe("6 sequences of 32 tokens a step");
    const inOrder = ["attention", ...(memory ? [memory.name] : []), "first moment", weights.name].filter((name) =>
      components.some((component) => component.name === name),
    );
    for (const [i, name] of inOrder.slice(1).entries()) expect(isFaster(components, inOrder[i]!, name)).toBe(true);
    expect(inOrder.length).toBeGreaterThanOrEqual(3);
  });

  it("have attention where the model's own mask shows that a token sees others, and as many of them", () => {
    const patterns = model.blocks.flatMap(({ mixer }) => mixer.attentionPattern?.() ?? []);
    expect(facts.attention !== undefined).toBe(patterns.length > 0);
    for (const { keys, visible } of patterns) {
      const tokens = keys.at(-1)!.size;
      const seen = visible.at(-1)!.slice(-tokens).filter(Boolean).length;
      expect(facts.attention).toMatch(new RegExp(`^a (window|segment) of ${seen} tokens`));
    }
  });

  it("count the numbers that the memories and the model hold", () => {
    scope(() => {
      const params = model.init(key(0));
      expect(facts.parameters).toBe(countElements(params));
      const marked = model.mapMemories(model.initialState(params, 1), (tree) =>
        mapTree(tree, (leaf) => np.full([...leaf.shape], Number.NaN)),
      );
      const held = leaves(marked).flatMap((leaf) => [...readSync(leaf)].filter(Number.isNaN)).length;
      expect(memory?.parameters ?? 0).toBe(held);
      expect(memory === undefined).toBe(!model.blocks.some(({ mixer }) => isMemoryLayer(mixer)));
    });
  });

  it("have a level for each period of the continuum memory, with the numbers that its networks hold in the state", () => {
    scope(() => {
      const state = model.initialState(model.init(key(0)), 1);
      const held = [...namedLeaves(state)].filter(([path]) => /continuum\.\d\.weights/.test(path));
      const listed = facts.memories!.filter(({ context }) => context !== undefined);
      expect(listed.map(({ chunk }) => chunk)).toEqual(architecture.startsWith("hope") ? [64, 128, 256] : []);
      const numbers = listed.reduce((total, { parameters }) => total + parameters!, 0);
      expect(numbers).toBe(held.reduce((total, [, leaf]) => total + leaf.size, 0));
    });
  });

  it("put the memory where chunks matter to its answers, and every token's where they do not", () => {
    if (memory === undefined) return;
    const [inFours, inOnes] = [outputsInChunks(input, chunk), outputsInChunks(input, 1)];
    const difference = Math.max(...inFours.map((y, i) => Math.abs(y - inOnes[i]!)));
    expect([1, chunk]).toContain(memory.chunk);
    // Forms of one function differ by rounding, other gradient points by far more.
    if (memory.chunk === 1) expect(difference).toBeLessThan(1e-6);
    else expect(difference).toBeGreaterThan(1e-5);
  });
});

describe("the levels of a run", () => {
  it("count a deep memory's matrices and its momentum in every block that has one", () => {
    const { memories, attention } = runFacts(
      new LanguageModel({ ...small, architecture: "titans-lmm", layers: 4, neuralMemoryLayers: [1, 3] }),
    );
    // Blocks, heads, two matrices of 4 by 8, weights and momentum.
    expect(memories).toEqual([
      { name: "2 memories", chunk: 4, objective: "squared error of its answers", parameters: 2 * 2 * (2 * 4 * 8) * 2 },
    ]);
    expect(attention).toBe("a window of 5 tokens");
  });

  it("have persistent tokens in what attention reaches", () => {
    const attends = (changes: Partial<ModelInput>) =>
      runFacts(new LanguageModel({ ...small, architecture: "titans-mag", persistentTokens: 3, ...changes })).attention;
    expect(attends({})).toBe("a window of 5 tokens, and 3 persistent tokens");
    expect(attends({ architecture: "titans-mal" })).toBe("a window of 5 tokens");
    expect(attends({ architecture: "titans-mal", visiblePrefix: true })).toBe(attends({}));
    expect(attends({ architecture: "titans-mac", persistentTokens: 1 })).toBe(
      "a segment of 8 tokens and what was retrieved for it, and 1 persistent token",
    );
  });

  it("know all optimisers that there are, and their memories of gradients", () => {
    expect([...levelledOptimizers].sort()).toEqual([...optimizerNames].sort());
    const params = [np.ones([3, 4]), np.ones([2])];
    for (const name of optimizerNames) {
      const { step: _, ...slots } = optimizerNamed(name).init(params) as Record<string, never>;
      expect(gradientMemories(name).length > 0, name).toBe(Object.keys(slots).length > 0);
    }
  });

  it.each(optimizerNames)("have the memories of %s once a step, and a slow one by its settings", (name) => {
    const model = new LanguageModel({ ...small, architecture: "transformer" });
    const periods = (optimizer: Record<string, unknown>) =>
      runLevels(model, { ...training, optimizer: { name, ...optimizer } } as typeof training).components.slice(1, -1);
    expect(periods({})).toHaveLength(gradientMemories(name).length);
    for (const component of periods({})) {
      expect(component.period).toBe(component.name === "slow momentum" ? 20 * 32 : 32);
    }
    if (name === "m3") expect(periods({ period: 7 }).at(-1)!.period).toBe(7 * 32);
  });

  it("print those of a preset", () => {
    const { model, training: ofPreset } = newRunConfig([{ preset: "lmm-tiny" }], "test");
    const table = levelTable(runLevels(new LanguageModel(model), ofPreset), "token", ["updates", "component"]);
    expect(table).toMatch(/^updates +component\n\nevery 16 tokens +/);
    expect(table).toMatch(/weights of titans-lmm\n$/);
  });
});
