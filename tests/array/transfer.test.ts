import { describe, expect, it } from "vitest";
import {
  leaves,
  liveTensors,
  np,
  read,
  readScalar,
  readSync,
  release,
  scope,
  tensor,
  zerosLike,
} from "../../src/array/index.ts";
import { ShapeError } from "../../src/utils/index.ts";

describe("tensor and read", () => {
  it.each([
    ["float32", Float32Array.of(1.5, -0, 3.4e38, Number.NaN)],
    ["float64", Float64Array.of(1 / 3, 1e300, -1e-300)],
    ["int32", Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)],
    ["uint32", Uint32Array.of(0, 2 ** 32 - 1)],
  ] as const)("carry %s numbers there and back", async (dtype, data) => {
    const x = tensor(data);
    expect(x.dtype).toBe(dtype);
    expect(x.shape).toEqual([data.length]);
    expect(await read(x)).toEqual(data);
    expect(readSync(x)).toEqual(data);
  });

  it("take a plain list as float32", () => {
    const x = tensor([1, 2.5], [2, 1]);
    expect([x.dtype, x.ndim, x.size]).toEqual(["float32", 2, 2]);
    expect(readSync(x)).toEqual(Float32Array.of(1, 2.5));
  });

  it("copy what they are given, and part of a buffer as it is", () => {
    const data = Float32Array.of(0, 1, 2, 3);
    const whole = tensor(data);
    const part = tensor(data.subarray(1, 3));
    data.fill(9);
    expect([...readSync(whole)]).toEqual([0, 1, 2, 3]);
    expect([...readSync(part)]).toEqual([1, 2]);
  });

  it("copy what they give: changing it changes no tensor", () => {
    const x = tensor(new Float32Array(200));
    readSync(x).fill(7);
    expect(readSync(x).every((value) => value === 0)).toBe(true);
  });

  it("hold scalars and nothing at all", () => {
    expect(tensor([4], []).shape).toEqual([]);
    expect(tensor([], [0, 3]).shape).toEqual([0, 3]);
    expect([...readSync(np.add(tensor([]), 1))]).toEqual([]);
    const joined = scope(() => readSync(np.concatenate([tensor([], [0, 2]), tensor([1, 2], [1, 2])], 0)));
    expect([...joined]).toEqual([1, 2]);
  });

  it.each([
    [[2, 2], "shape [2,2] holds 4 numbers, but 3 were given"],
    [[], "shape [] holds 1 numbers, but 3 were given"],
    [[-1, -3], "shape [-1,-3] must consist of whole numbers from 0"],
    [[1.5, 2], "shape [1.5,2] must consist of whole numbers from 0"],
  ])("refuse shape %j for three numbers", (shape, message) => {
    expect(() => tensor([1, 2, 3], shape)).toThrow(ShapeError);
    expect(() => tensor([1, 2, 3], shape)).toThrow(message);
  });

  it("readScalar gives the number of a tensor with one element, and refuses others", async () => {
    expect(await readScalar(tensor([4], [1, 1]))).toBe(4);
    expect(await readScalar(np.greater(tensor([4], []), 3))).toBe(1);
    await expect(readScalar(tensor([1, 2]))).rejects.toThrow(ShapeError);
    await expect(readScalar(tensor([1, 2]))).rejects.toThrow("expected a tensor of one element, got shape [2]");
  });
});

it("namespaces inside namespaces borrow as well: regression, np.linalg freed its arguments", () => {
  scope(() => {
    const x = tensor([2, 0, 0, 4], [2, 2]);
    np.linalg.inv(x);
    expect([...readSync(x)]).toEqual([2, 0, 0, 4]);
  });
});

describe("zerosLike", () => {
  it("gives zeros of the same shapes and types, which live like other tensors", () => {
    const tree = { a: tensor([1, 2, 3, 4], [2, 2]), b: [tensor(Int32Array.of(5)), tensor(Float64Array.of(0.5))] };
    const before = liveTensors();
    const zeros = zerosLike(tree);
    expect(leaves(zeros).map((leaf) => [leaf.shape, leaf.dtype, [...readSync(leaf)]])).toEqual([
      [[2, 2], "float32", [0, 0, 0, 0]],
      [[1], "int32", [0]],
      [[1], "float64", [0]],
    ]);
    expect(liveTensors()).toBe(before + 3);
    const sum = scope(() => np.add(zeros.a, tree.a));
    expect([...readSync(sum)]).toEqual([1, 2, 3, 4]);
    release(zeros, sum);
    expect(liveTensors()).toBe(before);
    release(tree);
  });
});
