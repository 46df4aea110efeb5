/** The architectures in float64: equal to their oracles to 1e-9, with the outer gradients that finite differences give, part by part. */
import { expect, it } from "vitest";
import {
  leaves,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  type Tensor,
  type Tree,
  tensor,
  vjp,
} from "../../../src/array/index.ts";
import { toNumbers, toTensor } from "../../common/tensors.ts";
import {
  type Architecture,
  architectureOracle,
  contextLayer,
  dim,
  fromStart,
  gateLayer,
  layerLayer,
  memoryAlone,
} from "../../titans/architecture-cases.ts";
import {
  type ArchitectureCase,
  aloneCases,
  contextCases,
  expectArchitecture,
  gateCases,
  layerCases,
  sequencesOf,
} from "../../titans/architecture-runs.ts";
import { maskTensor, noisyParams } from "../../titans/layer-cases.ts";
import { describeNative, generator, nativeEngine, randomTensor } from "./support.ts";

const exact = await nativeEngine({ precision: "float64" });

/** A tree of a program's results, in numbers that the caller's scope frees. */
function doubles<T extends Tree>(tree: T): T {
  return mapTree(tree, (leaf) => tensor(Float64Array.from(readSync(leaf)), leaf.shape));
}

async function equalsItsOracle(subject: ArchitectureCase): Promise<void> {
  const { layer, masks } = subject;
  const params = noisyParams<Tree>(layer, 83);
  const sequences = sequencesOf(subject);
  const x = toTensor(sequences);
  const slots = masks
    ? {
        mask: maskTensor(masks.map(({ valid }) => valid!)),
        storeMask: maskTensor(masks.map(({ store }) => store!)),
      }
    : {};
  const result = await exact.compile(subject.name, fromStart(layer))(params, x, slots);
  const numbers = toNumbers(params);
  const expected = sequences.map((row, i) => architectureOracle(layer, numbers, row, masks?.[i]));
  scope(() => expectArchitecture(doubles(result) as typeof result, expected, masks, 1e-9));
  release(params, x, slots, result);
}

/** Slopes of the sum of a layer's outputs, each weighted differently, along a random direction of one part of its parameters. */
function slopes(layer: Architecture) {
  const run = fromStart(layer);
  const weights = randomTensor([2, 8, dim], 84);
  const value = (params: Tree, x: Tensor) => np.sum(np.multiply(run(params, x, {}).y, weights));
  const values = exact.compile("value", value);
  const gradient = exact.compile("gradient", (params: Tree, x: Tensor) =>
    vjp(
      (p: Tree) => value(p, x),
      [params],
      (v, pullback) => pullback(np.exp(np.multiply(v, 0)))[0],
    ),
  );
  return { values, gradient };
}

const subjects: Record<string, { layer: Architecture; parts: readonly string[] }> = {
  "memory as context": {
    layer: contextLayer(),
    parts: ["persistent", "retrieved", "gate.attention", "gate.memory", "memory.initialMemory", "memory.projection"],
  },
  "memory as context, read at the segment's end": {
    layer: contextLayer({ read: "segmentEndNonCausal", gate: "sum" }),
    parts: ["persistent", "retrieved", "gate", "memory.initialMemory", "memory.projection", "attention"],
  },
  "memory as gate": {
    layer: gateLayer(),
    parts: ["persistent", "gate.attention", "gate.memory", "memory.initialMemory", "memory.gates", "attention"],
  },
  "memory as layer": {
    layer: layerLayer(),
    parts: ["persistent", "attentionNorm", "memory.initialMemory", "memory.gates", "attention"],
  },
  "memory as layer with a visible prefix": {
    layer: layerLayer({ visiblePrefix: true }),
    parts: ["persistent", "attentionNorm", "memory.initialMemory", "attention"],
  },
  "the memory alone": { layer: memoryAlone(3), parts: ["persistent", "memory.initialMemory", "memory.convolution"] },
};

describeNative("in float64 on the native engine", () => {
  for (const subject of contextCases) {
    it(`Titans Eq. 21-25: MemoryAsContext equals the oracle's to 1e-9: ${subject.name}`, () =>
      equalsItsOracle(subject));
  }
  for (const subject of gateCases) {
    it(`Titans Eq. 26-28: MemoryAsGate equals the oracle's to 1e-9: ${subject.name}`, () => equalsItsOracle(subject));
  }
  for (const subject of layerCases) {
    it(`Titans Eq. 29-31: MemoryAsLayer equals the oracle's to 1e-9: ${subject.name}`, () => equalsItsOracle(subject));
  }
  for (const subject of aloneCases) {
    it(`Titans Eq. 29-30: LongTermMemory equals the oracle's to 1e-9: ${subject.name}`, () => equalsItsOracle(subject));
  }
});

describeNative.each(Object.entries(subjects))("%s: outer gradients", (_, { layer, parts }) => {
  it("are those of central differences, for every part that learns", async () => {
    const { values, gradient } = slopes(layer);
    const raw = noisyParams<Tree>(layer, 85);
    const params = doubles(raw);
    const x = randomTensor([2, 8, dim], 86);
    const found = await gradient(params, x);
    const next = generator(87);
    for (const part of parts) {
      const within = (path: string) => path === part || path.startsWith(`${part}.`);
      const direction = new Map(
        [...namedLeaves(params)]
          .filter(([path]) => within(path))
          .map(([path, leaf]) => [path, Array.from({ length: leaf.size }, next)]),
      );
      expect(direction.size, part).toBeGreaterThan(0);
      const at = async (step: number) => {
        const moved = mapTree(params, (leaf, path) =>
          tensor(
            Float64Array.from(readSync(leaf), (value, i) => value + step * (direction.get(path)?.[i] ?? 0)),
            leaf.shape,
          ),
        );
        const result = await values(moved, x);
        const [number] = readSync(result);
        release(moved, result);
        return number!;
      };
      // Of fourth order: some directions are so curved that the error of second order, 1e-6 at the best step, is all one sees.
      // Small enough to stay on one side of the guard's kinks.
      const h = 1e-5;
      const central = async (step: number) => ((await at(step)) - (await at(-step))) / (2 * step);
      const expected = (4 * (await central(h)) - (await central(2 * h))) / 3;
      const actual = [...namedLeaves(found)].reduce(
        (sum, [path, leaf]) =>
          sum + [...readSync(leaf)].reduce((s, g, i) => s + g * (direction.get(path)?.[i] ?? 0), 0),
        0,
      );
      expect(Math.abs(expected), part).toBeGreaterThan(1e-3);
      expect(Math.abs(actual - expected) / Math.abs(expected), part).toBeLessThan(1e-6);
    }
    expect(leaves(found)).toHaveLength(leaves(params).length);
    release(raw, params, x, found);
  });
});
