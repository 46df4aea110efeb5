/** What the layers say about their masks, against the drawings of the reference: rows of tokens, `#` where a key is seen. */
import { describe, expect, it } from "vitest";
import { MemoryAsContext, MemoryAsGate, MemoryAsLayer } from "../../src/titans/index.ts";

const memory = { dim: 4, heads: 1, headDim: 4, chunkSize: 1 };
const shared = { memory, attentionHeads: 1, persistentTokens: 2 };
const inSegment = { ...shared, segment: 3, gate: "sigmoid" } as const;
const inWindow = { ...shared, window: 3 };

function drawn({ visible }: { readonly visible: readonly (readonly boolean[])[] }): string[] {
  return visible.map((row) => row.map((seen) => (seen ? "#" : ".")).join(""));
}

describe("attentionPattern", () => {
  it("of memory as context shows persistent tokens, rows retrieved so far, tokens so far", () => {
    const layer = new MemoryAsContext({ ...inSegment, read: "tokenExact" });
    expect(drawn(layer.attentionPattern())).toEqual(["###..#..", "####.##.", "########"]);
    expect(layer.attentionPattern().keys.map(({ name, size }) => [name, size])).toEqual([
      ["persistent", 2],
      ["retrieved", 3],
      ["tokens 1 to 3", 3],
    ]);
  });

  it("of memory as context read as printed shows every retrieved row, and says so", () => {
    const pattern = new MemoryAsContext({ ...inSegment, read: "segmentEndNonCausal" }).attentionPattern();
    expect(drawn(pattern)).toEqual(["######..", "#######.", "########"]);
    expect(pattern.summary).toMatch(/all that was retrieved for its segment/);
  });

  it("of memory as gate shows the persistent tokens to everybody", () => {
    const layer = new MemoryAsGate({ ...inWindow, gate: "sigmoid" });
    expect(drawn(layer.attentionPattern())).toEqual(["###....", "####...", "#####..", "##.###.", "##..###"]);
  });

  it("of memory as layer leaves them behind with the window, unless they stay visible", () => {
    const plain = new MemoryAsLayer({ ...inWindow, visiblePrefix: false });
    expect(drawn(plain.attentionPattern())).toEqual(["###....", ".###...", "..###..", "...###.", "....###"]);
    const visible = new MemoryAsLayer({ ...inWindow, visiblePrefix: true });
    expect(drawn(visible.attentionPattern())).toEqual(
      drawn(new MemoryAsGate({ ...inWindow, gate: "sigmoid" }).attentionPattern()),
    );
  });

  it("without persistent tokens has no columns for them", () => {
    const layer = new MemoryAsGate({ ...inWindow, persistentTokens: 0, gate: "sigmoid" });
    const { keys, summary } = layer.attentionPattern();
    expect(keys.map(({ name }) => name)).toEqual(["tokens 1 to 5"]);
    expect(summary).toBe("a token sees itself and the 2 tokens before it");
  });
});
