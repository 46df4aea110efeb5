import { expect, test } from "vitest";
import type { PlainTree } from "../../src/array/index.ts";
import { HeldTree } from "../../src/training/held-tree.ts";

function treeOfNumbers(numbers: Readonly<Record<string, readonly number[]>>): PlainTree {
  return new Map(
    Object.entries(numbers).map(([path, list]) => [
      path,
      { numbers: Float32Array.from(list), shape: [list.length], dtype: "float32" as const },
    ]),
  );
}

function numbersOf(tree: PlainTree): Record<string, number[]> {
  return Object.fromEntries([...tree].map(([path, { numbers }]) => [path, [...numbers]]));
}

test.each([ArrayBuffer, SharedArrayBuffer])(
  "%o: a tree lies where the tree before lay, and leaves what it was given alone",
  (memory) => {
    const held = new HeldTree(memory);
    const given = treeOfNumbers({ a: [1, 2], b: [3] });
    const first = held.hold(given);
    expect(numbersOf(first)).toEqual({ a: [1, 2], b: [3] });
    const room = first.get("a")!.numbers.buffer;
    expect(room).toBeInstanceOf(memory);
    const second = held.hold(treeOfNumbers({ a: [4, 5], b: [6] }));
    expect(second.get("a")!.numbers.buffer).toBe(room);
    expect(numbersOf(second)).toEqual({ a: [4, 5], b: [6] });
    expect(numbersOf(given)).toEqual({ a: [1, 2], b: [3] });
  },
);

test("a leaf of another size or type gets room of its own, one that is gone is forgotten", () => {
  const held = new HeldTree(ArrayBuffer);
  held.hold(treeOfNumbers({ a: [1, 2], b: [3] }));
  expect(numbersOf(held.hold(treeOfNumbers({ a: [7, 8, 9] })))).toEqual({ a: [7, 8, 9] });
  const whole: PlainTree = new Map([["a", { numbers: Int32Array.of(1, 2, 3), shape: [3], dtype: "int32" }]]);
  const { numbers } = held.hold(whole).get("a")!;
  expect(numbers).toEqual(Int32Array.of(1, 2, 3));
});
