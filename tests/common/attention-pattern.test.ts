import { describe, expect, it } from "vitest";
import { key, liveTensors, np, scope } from "../../src/array/index.ts";
import { attentionPattern, causalMask, windowAttentionLayer } from "../../src/common/index.ts";
import { ShapeError } from "../../src/utils/index.ts";
import { maskTable, slidingWindowMask } from "../oracles/index.ts";
import { randomSequences, toNumbers, toTensor } from "./tensors.ts";

describe("attentionPattern", () => {
  const causal = (queries: number, keys: number) => () => causalMask(np.arange(queries), np.arange(keys));

  it("holds the mask as plain booleans, and leaves no array behind", () => {
    const live = liveTensors();
    const about = { summary: "causal", queries: [{ name: "new", size: 2 }], keys: [{ name: "all", size: 3 }] };
    expect(attentionPattern(about, causal(2, 3))).toEqual({
      ...about,
      visible: [
        [true, false, false],
        [true, true, false],
      ],
    });
    expect(liveTensors()).toBe(live);
  });

  it("refuses groups that do not cover the mask, in a sentence", () => {
    const groups = [
      { name: "persistent", size: 1 },
      { name: "segment", size: 2 },
    ];
    const about = { summary: "causal", queries: groups, keys: groups };
    expect(() => attentionPattern(about, causal(3, 4))).toThrow(ShapeError);
    expect(() => attentionPattern(about, causal(3, 4))).toThrow(
      "the mask has shape [3,4], and the groups are of [3,3] queries and keys",
    );
  });
});

describe("the pattern of window attention", () => {
  it("is the sliding window, over more tokens than the window has", () => {
    const { visible, queries, keys, summary } = windowAttentionLayer({
      dim: 4,
      heads: 1,
      window: 5,
    }).attentionPattern!();
    expect(visible).toEqual(maskTable(slidingWindowMask(5), 8, 8));
    expect([queries, keys]).toEqual([[{ name: "tokens 1 to 8", size: 8 }], [{ name: "tokens 1 to 8", size: 8 }]]);
    expect(summary).toBe("a token sees itself and the 4 tokens before it");
  });

  it("is what outputs depend on: a cell is visible where a change of the key's token changes the query's output", () => {
    scope(() => {
      const layer = windowAttentionLayer({ dim: 4, heads: 2, window: 3 });
      const params = layer.init(key(1));
      const { visible } = layer.attentionPattern!();
      const [x] = randomSequences(1, 1, visible.length, 4);
      const outputs = (sequence: number[][]) =>
        (toNumbers(layer.step(params, layer.initialState(params, 1), toTensor([sequence]))[0]) as number[][][])[0]!;
      const before = outputs(x!);
      const dependsOn = x!.map((_, token) => {
        const after = outputs(x!.map((row, t) => (t === token ? row.map((value) => value + 1) : row)));
        return after.map((row, t) => row.some((value, i) => value !== before[t]![i]));
      });
      expect(visible).toEqual(visible.map((_, query) => dependsOn.map((column) => column[query]!)));
    });
  });

  it("stays small enough to be drawn", () => {
    expect(windowAttentionLayer({ dim: 4, heads: 1, window: 4096 }).attentionPattern!().visible).toHaveLength(512);
  });
});
