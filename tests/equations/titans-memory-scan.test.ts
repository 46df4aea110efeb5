import { describe, expect, it } from "vitest";
import { np, scope, slice, type Tensor } from "../../src/array/index.ts";
import { momentumScan } from "../../src/titans/index.ts";
import { toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { perCell, rounded, tensorOfCells } from "../titans/memory-cases.ts";
import { expectNear } from "../titans/memory-runs.ts";

interface Scan {
  readonly start: oracle.Vector;
  readonly momentum: oracle.Vector;
  readonly steps: oracle.Matrix;
}

const features = 6;

function randomScans(tokens: number): Scan[][] {
  return [0, 1].map((row) =>
    [0, 1].map((head) => {
      const random = oracle.randomSource(100 * tokens + 10 * row + head);
      return rounded({
        start: random.normalVector(features),
        momentum: random.uniformVector(tokens, 0, 1),
        steps: random.normalMatrix(tokens, features),
      });
    }),
  );
}

function byLoop({ start, momentum, steps }: Scan): oracle.Matrix {
  let surprise = start;
  return steps.map((step, t) => {
    surprise = oracle.add(oracle.scale(momentum[t]!, surprise), step);
    return surprise;
  });
}

function scanned(scans: Scan[][]): Tensor {
  return momentumScan(
    tensorOfCells(scans, ({ start }) => start),
    tensorOfCells(scans, ({ momentum }) => momentum),
    tensorOfCells(scans, ({ steps }) => steps),
  );
}

describe("momentum as an associative scan", () => {
  for (const tokens of [1, 2, 13, 16]) {
    it(`Titans Eq. 18: momentumScan equals the loop over ${tokens} tokens`, () => {
      scope(() => {
        const scans = randomScans(tokens);
        // Sums of at most sixteen terms of size one, in another order: worst seen 2e-7.
        expectNear(scanned(scans), perCell(scans, byLoop), 2e-6);
      });
    });
  }

  it("Titans Eq. 18: momentumScan in two pieces with the surprise carried over equals one scan", () => {
    scope(() => {
      const [{ start, momentum, steps }] = randomScans(13)[0] as [Scan, Scan];
      const whole = momentumScan(toTensor(start), toTensor(momentum), toTensor(steps));
      for (const cut of [1, 5, 8, 12]) {
        const first = momentumScan(toTensor(start), toTensor(momentum.slice(0, cut)), toTensor(steps.slice(0, cut)));
        const carried = slice(first, cut - 1);
        const second = momentumScan(carried, toTensor(momentum.slice(cut)), toTensor(steps.slice(cut)));
        expectNear(np.concatenate([first, second], 0), whole, 1e-6);
      }
    });
  });

  it("Titans Eq. 18: momentumScan with gates at exactly 0 and 1 resets and sums", () => {
    scope(() => {
      const actual = momentumScan(toTensor([100]), toTensor([1, 1, 0, 1]), toTensor([[1], [2], [3], [4]]));
      expectNear(actual, [[101], [103], [3], [7]], 0);
      expect(actual.shape).toEqual([4, 1]);
    });
  });
});
