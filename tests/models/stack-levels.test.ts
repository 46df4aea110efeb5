/** Ad-hoc level stacking: a trained model keeps its function, and learns as its own loss says. */
import { afterAll, describe, expect, it, test } from "vitest";
import {
  detached,
  grad,
  key,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import { Reader } from "../../src/inference/index.ts";
import { LanguageModel, type ModelParams, nextTokenLoss, stackLevels, standingStill } from "../../src/models/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

const sizes = { dim: 8, layers: 2, heads: 2, window: 3, vocabularySize: 7, memory: { chunkSize: 4 } } as const;
const plain = new LanguageModel({ ...sizes, architecture: "transformer" });
const params = detached(() => scope(() => plain.init(key(5))));
afterAll(() => release(params));

const text = Int32Array.from({ length: 13 }, (_, i) => (3 * i * i + i) % 7);
const tokens = (from: number, to: number) => tensor(text.slice(from, to), [1, to - from]);
type Blocks = { feedForward: { up: Tensor; down: Tensor } }[];

describe("stackLevels", () => {
  test.each(["transformer", "titans-mac"] as const)(
    "leaves the logits of a %s as they are, bit for bit, while step sizes are 0",
    async (architecture) => {
      const original = new LanguageModel({ ...sizes, architecture, contextSegment: 4, persistentTokens: 2 });
      const own = detached(() => scope(() => original.init(key(5))));
      const { model, params: renamed } = stackLevels(
        { config: original.config, params: own },
        { periods: [4, 8], stepSize: 0 },
      );
      const engine = await startEngine("wasm");
      const found: unknown[] = [];
      for (const reader of [new Reader(engine, original, own), new Reader(engine, model, renamed)]) {
        const session = await reader.open();
        found.push((await session.read(text)).data);
        session.close();
      }
      expect(found[1]).toEqual(found[0]);
      release(own);
    },
  );

  it("moves every network by the step size against the summed gradient of the plain model's loss", async () => {
    const stepSize = 0.5;
    const { model, params: renamed } = stackLevels({ config: plain.config, params }, { periods: [4], stepSize });
    const session = await new Reader(await startEngine("wasm"), model, renamed).open();
    // The token after a chunk closes it.
    await session.read(text.slice(0, 5));
    const gradient = scope(() => {
      const loss = (blocks: Tree) => {
        const moved = { ...params, blocks } as ModelParams;
        const [logits] = plain.step(moved, plain.initialState(moved, 1), tokens(0, 4));
        return np.sum(nextTokenLoss(logits, tokens(1, 5)));
      };
      return grad(loss)(params.blocks as Tree);
    }) as unknown as Blocks;
    const learned = new Map(namedLeaves(session.memory.closed));
    for (const block of [0, 1])
      for (const matrix of ["up", "down"] as const) {
        const [before, slope] = [(params.blocks as unknown as Blocks)[block]!, gradient[block]!].map((of) => [
          ...readSync(of.feedForward[matrix]),
        ]) as [number[], number[]];
        const expected = before.map((weight, i) => weight - stepSize * slope[i]!);
        const after = [...readSync(learned.get(`blocks.${block}.continuum.0.weights.${matrix}`)!)];
        expect(oracle.maxDifference(after, expected)).toBeLessThan(2e-6);
        expect(oracle.maxDifference(after, before)).toBeGreaterThan(1e-3);
      }
    release(gradient as unknown as Tree);
    session.close();
  });

  it("learns from a text, and is the original again with the state it started from", async () => {
    const { model, params: renamed } = stackLevels({ config: plain.config, params }, { periods: [4], stepSize: 0.5 });
    const reader = new Reader(await startEngine("wasm"), model, renamed);
    const session = await reader.open();
    const first = await session.read(text);
    const second = await session.read(text);
    expect(oracle.maxDifference([...second.data], [...first.data])).toBeGreaterThan(1e-2);
    session.close();
    const fresh = await reader.open();
    expect(await fresh.read(text)).toEqual(first);
    fresh.close();
    const expected = scope(() => plain.step(params, plain.initialState(params, 1), tokens(0, 4))[0]);
    expect(
      oracle.maxDifference([...first.data].slice(0, 28), (toNumbers(expected) as number[][][]).flat(2)),
    ).toBeLessThan(1e-6);
    release(expected);
  });

  it("stands still as the original does, and is itself where nothing learns", () => {
    const { model, params: renamed } = stackLevels(
      { config: plain.config, params },
      { periods: [4, 8], stepSize: 0.5 },
    );
    const still = standingStill(model);
    expect(still.learn).toBeUndefined();
    expect(standingStill(still)).toBe(still);
    const logits = ([by, own]: [LanguageModel, ModelParams]) =>
      scope(() => by.step(own, by.initialState(own, 1), tokens(0, 13))[0]);
    const found = (
      [
        [still, renamed],
        [plain, params],
      ] as [LanguageModel, ModelParams][]
    ).map(logits);
    expect([...readSync(found[0]!)]).toEqual([...readSync(found[1]!)]);
    release(found);
  });

  it("spreads levels evenly over the blocks, the first one lowest, each with its step size", () => {
    const four = new LanguageModel({ ...sizes, layers: 4, architecture: "transformer" });
    const stack = (periods: (number | null)[], stepSize: number | number[]) =>
      stackLevels({ config: four.config, params }, { periods, stepSize }).model.config.continuum!;
    expect(stack([4, 8], [0.1, 0.2])).toMatchObject({ periods: [4, 4, 8, 8], stepSize: [0.1, 0.1, 0.2, 0.2] });
    expect(stack([4, null, 16], 0.1)).toMatchObject({ periods: [4, 4, null, 16], stepSize: 0.1 });
  });

  it("says what cannot be stacked", () => {
    const stack =
      (levels: Parameters<typeof stackLevels>[1], from = plain) =>
      () =>
        stackLevels({ config: from.config, params }, levels);
    expect(stack({ periods: [4, 8, 16], stepSize: 0.1 })).toThrow(/3 levels for 2 blocks/);
    expect(stack({ periods: [4], stepSize: [0.1, 0.2] })).toThrow(/2 step sizes for 1 periods/);
    expect(stack({ periods: [6], stepSize: 0.1 }, new LanguageModel({ ...sizes, architecture: "titans-lmm" }))).toThrow(
      ConfigError,
    );
    const { model } = stackLevels({ config: plain.config, params }, { periods: [4], stepSize: 0.1 });
    expect(stack({ periods: [4], stepSize: 0.1 }, model)).toThrow(/already/);
  });
});
