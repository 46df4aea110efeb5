/** Every architecture in the registry meets the layer contract: a new one is tested by being registered. */

import { describe, expect, test } from "vitest";
import {
  grad,
  key,
  mapTree,
  np,
  readSync,
  release,
  scope,
  slice,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import { isMemoryLayer } from "../../src/common/index.ts";
import {
  type ArchitectureName,
  architectureNames,
  architectures,
  LanguageModel,
  presetNamed,
  presets,
} from "../../src/models/index.ts";
import { trainingSchema } from "../../src/training/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative, nativeEngine } from "../array/native/support.ts";
import { distance, numbersOf, randomBlock, sizeOf } from "./blocks.ts";
import { type ContractSubject, layerContract } from "./contract.ts";

const chunk = 4;
const base = {
  dim: 8,
  layers: 1,
  heads: 2,
  window: 5,
  memory: { chunkSize: chunk, normalizeValues: true },
  miras: { chunkSize: chunk },
  selfModifying: { chunkSize: chunk, projectionChunkSize: chunk },
  continuum: { periods: [8] },
} as const;

/** Rows that are the models of the same name, and the one that is a transformer. */
const aliases = ["miras:moneta", "miras:yaad", "miras:memora", "miras:softmax-attention"];

/** How inner losses are averaged where one sequence from its first token on says too little. */
const longRuns: Partial<Record<ArchitectureName, ContractSubject<Tree, Tree>["longRun"] & object>> = {
  // The sum starts with norm one and fades until writes keep it up; its weights are large where it is small. By then the loss has risen by a tenth.
  moneta: { sequences: 8, settled: 1024 },
  // Steps of up to twice the residual make single losses vary more than elsewhere: the mean over one sequence by some 5 %.
  "miras:deltaproduct": { sequences: 8 },
  // The loss rises by a tenth within the first 300 tokens, and stays level from there to the last.
  hope: { settled: 1024 },
  // Empty at first.
  "miras:gla": { settled: 256 },
  "miras:hgrn2": { settled: 256 },
};
/** The dot product has no smallest loss, so what must not grow is the memory, where it forgets. */
const forgettingSums: readonly ArchitectureName[] = ["miras:gla", "miras:hgrn2"];

for (const architecture of architectureNames.filter((name) => !aliases.includes(name))) {
  const { config, chunkSize } = new LanguageModel({ architecture, ...base, contextSegment: 8 });
  const layer = architectures[architecture].mixer(config);
  layerContract(`the mixer of ${architecture}`, {
    layer,
    dim: 8,
    tokens: 11,
    grid: { chunk: chunkSize, segment: 2 * chunkSize },
    // A norm that divides by small deviations, and angles composed of rounded ones: each form's gradients are up to 6e-6 of the largest away from float64.
    ...(["moneta", "yaad", "memora"].includes(architecture) ? { tolerance: 6e-6 } : {}),
    ...(longRuns[architecture] ? { longRun: longRuns[architecture] } : {}),
    ...(isMemoryLayer(layer) && {
      stepWithLosses: (params: Tree, state: Tree, x: Tensor): [Tensor, Tree, Tensor] => {
        const [y, next, { lossBefore, memoryNorm }] = layer.diagnose(params, state, x);
        return [y, next, forgettingSums.includes(architecture) ? memoryNorm : lossBefore];
      },
    }),
  });
}

describeNative("gradients in float64", () => {
  test.each(["yaad", "memora"] as const)("%s: those through a cut are those of one call", async (architecture) => {
    const engine = await nativeEngine({ precision: "float64" });
    const layer = architectures[architecture].mixer(new LanguageModel({ architecture, ...base }).config);
    const wide = (data: ArrayLike<number>, shape: readonly number[]) => tensor(Float64Array.from(data), shape);
    const [first, second, weights] = [2, 3, 6].map((seed) => {
      const { data, shape } = randomBlock(seed, 2, chunk, base.dim);
      return wide(data, shape);
    }) as [Tensor, Tensor, Tensor];
    const params = scope(() => mapTree(layer.init(key(7)), (leaf) => wide(readSync(leaf), leaf.shape)));
    const program = engine.compile("gradients", (at: Tree, u: Tensor, v: Tensor, w: Tensor) => {
      const start = (p: Tree) => layer.initialState(p, 2);
      const cut = (p: Tree) => layer.step(p, layer.step(p, start(p), u)[1], v)[0];
      const whole = (p: Tree) => slice(layer.step(p, start(p), np.concatenate([u, v], 1))[0], [], [chunk, 2 * chunk]);
      return [cut, whole].map((f) => grad((p: Tree) => np.sum(np.multiply(f(p), w)))(at));
    });
    const result = await program(params, first, second, weights);
    const [cut, whole] = result.map(numbersOf) as [number[], number[]];
    expect(distance(cut, whole)).toBeLessThan(1e-12 * sizeOf(whole));
    release(result, params, first, second, weights);
  });
});

describe("presets", () => {
  test.each(Object.entries(presets))(
    "%s is a model and a training configuration that fit each other",
    (name, preset) => {
      const model = new LanguageModel(presetNamed(name).model);
      const training = trainingSchema.parse(preset.training);
      expect(training.segment % model.chunkSize).toBe(0);
      expect(model.shapes().size).toBeGreaterThan(10);
    },
  );

  test("an unknown one is refused with the nearest name", () => {
    expect(() => presetNamed("lmm-smal")).toThrow(ConfigError);
    expect(() => presetNamed("lmm-smal")).toThrow(/did you mean "lmm-small"/);
    expect(() => presetNamed("toString")).toThrow(ConfigError);
  });

  test("a model that cannot work is refused in one sentence", () => {
    const base = { architecture: "titans-lmm", dim: 8, layers: 1, heads: 2 } as const;
    expect(() => new LanguageModel({ ...base, heads: 3 })).toThrow(/dim must be a whole multiple of heads/);
    expect(() => new LanguageModel({ ...base, feedForwardExpansion: 0.01 })).toThrow(/at least one feature/);
    expect(() => new LanguageModel({ ...base, memory: { maxMomentum: 1 } })).toThrow(
      /step guard needs a bound below 1/,
    );
  });
});
