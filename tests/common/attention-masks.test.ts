import { describe, expect, it } from "vitest";
import { np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import {
  causalMask,
  memoryAsContextMask,
  prefixWindowMask,
  segmentMask,
  slidingWindowMask,
} from "../../src/common/index.ts";
import * as oracle from "../oracles/index.ts";
import { toIntegers, toNumbers, toTensor } from "./tensors.ts";

function drawn(rows: string[]): number[][] {
  return rows.map((row) => [...row.replaceAll(/[\s|]/g, "")].map((cell) => (cell === "#" ? 1 : 0)));
}

function table(mask: Tensor): number[][] {
  return toNumbers(np.astype(mask, "float32")) as number[][];
}

function asNumbers(mask: boolean[][]): number[][] {
  return mask.map((row) => row.map(Number));
}

const kinds = [
  { name: "causal", mask: causalMask, expected: oracle.causalMask() },
  { name: "segments of 3", mask: (q: Tensor, k: Tensor) => segmentMask(q, k, 3), expected: oracle.segmentMask(3) },
  { name: "segments of 5", mask: (q: Tensor, k: Tensor) => segmentMask(q, k, 5), expected: oracle.segmentMask(5) },
  {
    name: "window of 1",
    mask: (q: Tensor, k: Tensor) => slidingWindowMask(q, k, 1),
    expected: oracle.slidingWindowMask(1),
  },
  {
    name: "window of 4",
    mask: (q: Tensor, k: Tensor) => slidingWindowMask(q, k, 4),
    expected: oracle.slidingWindowMask(4),
  },
  {
    name: "window of 3 with a prefix of 2",
    mask: (q: Tensor, k: Tensor) => prefixWindowMask(q, k, 3, 2),
    expected: oracle.prefixWindowMask(3, 2),
  },
];

describe("attention masks", () => {
  for (const { name, mask, expected } of kinds) {
    it(`${name}: equals the predicate at every pair of positions, whole numbers or floats`, () => {
      scope(() => {
        const positions = Array.from({ length: 13 }, (_, i) => i);
        const reference = asNumbers(oracle.maskTable(expected, 13, 13));
        for (const tensorOf of [toIntegers, toTensor]) {
          expect(table(mask(tensorOf(positions), tensorOf(positions)))).toEqual(reference);
        }
      });
    });
  }

  it("prefixWindowMask draws the sliding window with an always visible prefix", () => {
    scope(() => {
      const positions = np.arange(8);
      const drawing = drawn([
        "#. | ......",
        "## | ......",
        "## | #.....",
        "## | ##....",
        "## | ###...",
        "## | .###..",
        "## | ..###.",
        "## | ...###",
      ]);
      const actual = table(prefixWindowMask(positions, positions, 3, 2));
      expect(actual).toEqual(drawing);
      expect(actual.map((row) => row.reduce((a, b) => a + b))).toEqual([1, 2, 3, 4, 5, 5, 5, 5]);
    });
  });

  it("slidingWindowMask counts a prefix as ordinary positions", () => {
    scope(() => {
      const positions = np.arange(8);
      const actual = table(slidingWindowMask(positions, positions, 3));
      expect(actual[2]).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
      expect(actual[3]).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
      expect(actual[4]).toEqual([0, 0, 1, 1, 1, 0, 0, 0]);
    });
  });

  it("memoryAsContextMask draws one segment: persistent tokens, retrieved rows up to the token's own, tokens", () => {
    scope(() => {
      const drawing = drawn([
        "#. | ... | ...",
        "## | ... | ...",
        "## | #.. | ...",
        "## | ##. | ...",
        "## | ### | ...",
        "## | #.. | #..",
        "## | ##. | ##.",
        "## | ### | ###",
      ]);
      const actual = table(memoryAsContextMask(2, 3));
      expect(actual).toEqual(drawing);
      expect(actual.map((row) => row.reduce((a, b) => a + b))).toEqual([1, 2, 3, 4, 5, 4, 6, 8]);
    });
  });

  it("memoryAsContextMask in its literal form is plain causal order, which shows retrieved rows of later tokens", () => {
    scope(() => {
      const drawing = drawn([
        "#. | ... | ...",
        "## | ... | ...",
        "## | #.. | ...",
        "## | ##. | ...",
        "## | ### | ...",
        "## | ### | #..",
        "## | ### | ##.",
        "## | ### | ###",
      ]);
      const actual = table(memoryAsContextMask(2, 3, "literal"));
      expect(actual).toEqual(drawing);
      expect(actual.map((row) => row.reduce((a, b) => a + b))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
  });

  it.each([
    [0, 1],
    [0, 4],
    [1, 5],
    [4, 3],
  ])("memoryAsContextMask equals the predicate with %i persistent tokens and segments of %i", (persistent, segment) => {
    scope(() => {
      const rows = persistent + 2 * segment;
      const reference = asNumbers(oracle.maskTable(oracle.memoryAsContextMask(persistent, segment), rows, rows));
      expect(table(memoryAsContextMask(persistent, segment))).toEqual(reference);
    });
  });

  it("takes positions of each row of a batch, and fewer queries than keys", () => {
    scope(() => {
      const queries = toIntegers([
        [3, 4],
        [1, 2],
      ]);
      const keys = toIntegers([
        [2, 3, 4],
        [0, 1, 2],
      ]);
      const mask = slidingWindowMask(queries, keys, 2);
      expect(mask.shape).toEqual([2, 2, 3]);
      expect([...readSync(np.astype(mask, "float32"))]).toEqual([1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1]);
    });
  });
});
