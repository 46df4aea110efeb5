import { expect, it } from "vitest";
import { np, type Tensor } from "../../../src/array/index.ts";
import { standIns } from "../../../src/array/native/arguments.ts";
import { liveNodes } from "../../../src/array/native/graph.ts";
import { lower } from "../../../src/array/native/lower.ts";
import { trace } from "../../../src/array/native/traced-program.ts";
import { matrixFlops, threadsWorth } from "../../../src/array/native/work.ts";
import { randomTensor } from "./support.ts";

function flopsOf(f: (...args: never[]) => Tensor, shapes: readonly number[][]): number {
  const args = shapes.map((shape, i) => randomTensor(shape, i));
  return matrixFlops(liveNodes(lower(trace(f, standIns(args, "float32"))).outputs));
}

it("a matrix product has two FLOPs for each of its multiplications, elementwise work none", () => {
  const product = (x: Tensor, y: Tensor) => np.exp(np.matmul(x, y));
  expect(
    flopsOf(product, [
      [5, 8, 16],
      [16, 32],
    ]),
  ).toBe(2 * 5 * 8 * 16 * 32);
  expect(flopsOf((x: Tensor) => np.multiply(x, x), [[64, 64]])).toBe(0);
});

it("products that share their other factor's rows count once each, however they are laid out", () => {
  const both = (x: Tensor, y: Tensor) => np.add(np.matmul(x, y), np.matmul(y, np.transpose(x)));
  expect(
    flopsOf(both, [
      [12, 12],
      [12, 12],
    ]),
  ).toBe(2 * 2 * 12 ** 3);
});

it("programs of small operations get one thread, programs of large ones all", () => {
  expect(threadsWorth(1e8, 1000, 8)).toBe(1);
  expect(threadsWorth(3e9, 1000, 8)).toBe(8);
});
