import { describe, expect, it } from "vitest";
import { np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import { rotaryTable, rotate } from "../../src/common/index.ts";
import * as oracle from "../oracles/index.ts";
import { expectClose, randomMatrix, toTensor } from "./tensors.ts";

function rows(from: number, to: number, dim: number) {
  const table = rotaryTable(to, dim);
  return { cos: slice(table.cos, [from, to]), sin: slice(table.sin, [from, to]) };
}

describe("rotary positions", () => {
  it("equals the scalar rotation, also at positions of several thousand", () => {
    scope(() => {
      for (const start of [0, 5000]) {
        const x = randomMatrix(1, 7, 6);
        const rotated = rotate(toTensor(x), rows(start, start + 7, 6));
        expectClose(
          rotated,
          x.map((row, t) => oracle.rotate(row, start + t)),
        );
      }
    });
  });

  it("keeps lengths, leaves position 0 alone, and products depend on the distance only", () => {
    scope(() => {
      const x = toTensor(randomMatrix(1, 7, 6));
      const rotated = rotate(x, rows(0, 7, 6));
      expectClose(np.sum(np.square(rotated), -1), np.sum(np.square(x), -1));
      expect(readSync(slice(rotated, 0))).toEqual(readSync(slice(x, 0)));
      const products = (start: number): Tensor => {
        const q = rotate(toTensor(randomMatrix(2, 7, 6)), rows(start, start + 7, 6));
        const k = rotate(toTensor(randomMatrix(3, 7, 6)), rows(start, start + 7, 6));
        return np.matmul(q, np.swapaxes(k, 0, 1));
      };
      expectClose(products(300), products(0));
    });
  });

  it("takes angles of each row of a batch", () => {
    scope(() => {
      const x = [randomMatrix(1, 2, 4), randomMatrix(2, 2, 4)];
      const table = rotaryTable(9, 4);
      const positions = [
        [0, 8],
        [3, 3],
      ];
      const at = (values: Tensor) => np.stack(positions.map((row) => np.stack(row.map((p) => slice(values, p)))));
      const rotated = rotate(toTensor(x), { cos: at(table.cos), sin: at(table.sin) });
      expectClose(
        rotated,
        x.map((sequence, b) => sequence.map((row, t) => oracle.rotate(row, positions[b]![t]!))),
      );
    });
  });

  it("refuses heads of an odd size", () => {
    expect(() => rotaryTable(3, 5)).toThrow("even dim, got 5");
  });
});
