import { describe, expect, it } from "vitest";
import {
  countElements,
  isTensor,
  leaves,
  mapTree,
  namedLeaves,
  np,
  readSync,
  scope,
  type Tensor,
  tensor,
  treeOf,
  zipTrees,
} from "../../src/array/index.ts";
import { ShapeError } from "../../src/utils/index.ts";

const tree = () => ({
  embedding: tensor([1, 2, 3, 4], [2, 2]),
  blocks: [{ weight: tensor([5]) }, { weight: tensor([6]), bias: tensor([7], []) }],
});
const numbersOf = (t: readonly Tensor[]) => t.flatMap((leaf) => [...readSync(leaf)]);

describe("trees", () => {
  it("have leaves in the order of their names and places, with paths, however the tree was built", () => {
    scope(() => {
      const paths = ["blocks.0.weight", "blocks.1.bias", "blocks.1.weight", "embedding"];
      expect([...namedLeaves(tree()).keys()]).toEqual(paths);
      const { embedding, blocks } = tree();
      expect([...namedLeaves({ blocks, embedding }).keys()]).toEqual(paths);
      expect(numbersOf(leaves(tree()))).toEqual([5, 7, 6, 1, 2, 3, 4]);
      expect(countElements(tree())).toBe(7);
      expect([...namedLeaves(tensor([1])).keys()]).toEqual([""]);
      expect(leaves([])).toEqual([]);
    });
  });

  it("mapTree keeps the structure and tells each leaf's path", () => {
    scope(() => {
      const paths: string[] = [];
      const doubled = mapTree(tree(), (leaf, path) => {
        paths.push(path);
        return np.multiply(leaf, 2);
      });
      expect(readSync(doubled.blocks[1]!.bias!)[0]).toBe(14);
      expect(doubled.blocks).toHaveLength(2);
      expect(paths).toEqual([...namedLeaves(doubled).keys()]);
    });
  });

  it("zipTrees joins leaves at the same place, whatever the order of the names", () => {
    scope(() => {
      const sum = zipTrees(
        (a, b, c) => np.add(np.add(a, b), c),
        { x: tensor([1]), y: [tensor([2])] },
        { y: [tensor([20])], x: tensor([10]) },
        { x: tensor([100]), y: [tensor([200])] },
      );
      expect(numbersOf(leaves(sum))).toEqual([111, 222]);
    });
  });

  it("zipTrees refuses trees that differ, and says where", () => {
    scope(() => {
      const [a, b] = [tensor([1]), tensor([2])];
      const join = (...trees: [Record<string, Tensor>, Record<string, Tensor>]) =>
        zipTrees((x, y) => np.add(x, y), ...trees);
      expect(() => join({ a }, { a, b })).toThrow(ShapeError);
      expect(() => join({ a, b }, { a })).toThrow("one has 2 leaves, another 1");
      expect(() => join({ a }, { b })).toThrow('no leaf "a"');
    });
  });

  it("namedLeaves refuses two leaves of the same path rather than lose one", () => {
    scope(() => {
      const ambiguous = { "a.b": tensor([1]), a: { b: tensor([2]) } };
      expect(() => namedLeaves(ambiguous)).toThrow('two leaves have the path "a.b"');
      expect(leaves(ambiguous)).toHaveLength(2);
    });
  });

  it("treeOf rebuilds a tree from its named leaves, whatever their order", () => {
    scope(() => {
      const original = tree();
      const reversed = new Map([...namedLeaves(original)].reverse());
      const rebuilt = treeOf(reversed) as typeof original;
      expect(rebuilt.blocks).toHaveLength(2);
      expect(rebuilt.blocks[1]!.bias).toBe(original.blocks[1]!.bias);
      expect([...namedLeaves(rebuilt).keys()].sort()).toEqual([...reversed.keys()].sort());
      const single = tensor([1]);
      expect(treeOf(namedLeaves(single))).toBe(single);
    });
  });

  it("treeOf refuses a name that is both an array and a group", () => {
    scope(() => {
      const contradiction = new Map([
        ["a", tensor([1])],
        ["a.b", tensor([2])],
      ]);
      expect(() => treeOf(contradiction)).toThrow(ShapeError);
      expect(() => treeOf(contradiction)).toThrow('"a" is named both');
    });
  });

  it("isTensor knows tensors from everything else", () => {
    scope(() => {
      expect(isTensor(tensor([1]))).toBe(true);
      for (const other of [1, "x", null, undefined, {}, [], new Float32Array(1), { shape: [1] }])
        expect(isTensor(other)).toBe(false);
    });
  });
});
