import { describe, expect, test } from "vitest";
import { key, liveTensors, namedLeaves, readSync, release, scope, shapesOf, tensor } from "../../src/array/index.ts";
import { encodeTree, restoreTree } from "../../src/data/index.ts";
import { CheckpointError } from "../../src/utils/index.ts";

const make = () => ({
  layers: [tensor([1, 2, 3, 4], [2, 2]), tensor([5, 6])],
  step: tensor(Int32Array.of(7), []),
  key: key(3),
});
const expected = shapesOf(make);

describe("trees of tensors in a file", () => {
  test("come back number for number, in the same places", async () => {
    const tree = scope(make);
    const restored = restoreTree(expected, await encodeTree(tree, { a: "note" }), "file");
    const found = namedLeaves(restored);
    expect([...found.keys()]).toEqual([...namedLeaves(tree).keys()]);
    for (const [path, leaf] of namedLeaves(tree)) {
      expect(found.get(path)!.dtype).toBe(leaf.dtype);
      expect(readSync(found.get(path)!), path).toEqual(readSync(leaf));
    }
    release(tree, restored);
  });

  test("also from a buffer that is a view of a larger one, as Node reads small files", async () => {
    const tree = scope(make);
    const bytes = await encodeTree(tree);
    const pool = Buffer.alloc(bytes.length + 64);
    pool.set(bytes, 32);
    const restored = restoreTree(expected, pool.subarray(32, 32 + bytes.length), "file") as ReturnType<typeof make>;
    expect([...readSync(restored.layers[1]!)]).toEqual([5, 6]);
    release(tree, restored);
  });

  test("are refused in one sentence where they do not fit, and nothing is left alive", async () => {
    const before = liveTensors();
    const write = async (f: () => Parameters<typeof encodeTree>[0]) => {
      const tree = scope(f);
      const bytes = await encodeTree(tree);
      release(tree);
      return bytes;
    };
    const cases: [Uint8Array, RegExp][] = [
      [await write(() => ({ ...make(), extra: tensor([1]) })), /holds an array "extra" that the model does not have/],
      [await write(() => ({ layers: make().layers, step: make().step })), /the array "key" is missing/],
      [
        await write(() => ({ ...make(), layers: [tensor([1, 2, 3]), tensor([5, 6])] })),
        /"layers.0" has shape \[3\], the model needs \[2,2\]/,
      ],
      [await write(() => ({ ...make(), step: tensor([7], []) })), /"step" holds another type of numbers than int32/],
    ];
    for (const [bytes, message] of cases) {
      expect(() => restoreTree(expected, bytes, "file")).toThrow(CheckpointError);
      expect(() => restoreTree(expected, bytes, "file")).toThrow(message);
    }
    expect(liveTensors()).toBe(before);
  });
});
