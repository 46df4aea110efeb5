import { describe, expect, it } from "vitest";
import { type Block, concatenateTokens, emptyBlock, padTokens, sliceTokens } from "../../src/common/index.ts";

/** Two sequences of five tokens with two features: row 1, token 3 is [132, 133]. */
function tokensWithFeatures(): Block {
  const data = Float32Array.from(
    [0, 1].flatMap((row) => [0, 1, 2, 3, 4].flatMap((t) => [0, 1].map((f) => 100 * row + 10 * t + f))),
  );
  return { data, shape: [2, 5, 2] };
}

/** Two sequences of token ids. */
function ids(): Block {
  return { data: Int32Array.from([1, 2, 3, 4, 5, 6]), shape: [2, 3] };
}

describe("blocks of tokens", () => {
  it("are cut along the token axis in every sequence", () => {
    const cut = sliceTokens(tokensWithFeatures(), 1, 3);
    expect(cut.shape).toEqual([2, 2, 2]);
    expect([...cut.data]).toEqual([10, 11, 20, 21, 110, 111, 120, 121]);
    expect([...sliceTokens(ids(), 2, 3).data]).toEqual([3, 6]);
  });

  it("keep their type of number", () => {
    expect(sliceTokens(ids(), 0, 2).data).toBeInstanceOf(Int32Array);
    expect(padTokens(ids(), 5).data).toBeInstanceOf(Int32Array);
    expect(concatenateTokens([ids(), ids()]).data).toBeInstanceOf(Int32Array);
  });

  it("joined again after any cut are what they were", () => {
    const block = tokensWithFeatures();
    for (let cut = 0; cut <= 5; cut++) {
      const joined = concatenateTokens([sliceTokens(block, 0, cut), sliceTokens(block, cut, 5)]);
      expect(joined.shape).toEqual(block.shape);
      expect([...joined.data]).toEqual([...block.data]);
    }
  });

  it("are padded with zeros at the end of every sequence", () => {
    const padded = padTokens(ids(), 4);
    expect(padded.shape).toEqual([2, 4]);
    expect([...padded.data]).toEqual([1, 2, 3, 0, 4, 5, 6, 0]);
    expect(padTokens(ids(), 3)).toEqual(ids());
  });

  it("of no tokens have none", () => {
    expect(emptyBlock(3)).toEqual({ data: new Float32Array(0), shape: [3, 0] });
  });

  it("join with a block of no tokens, whose features are unknown, in any order", () => {
    const block = tokensWithFeatures();
    expect(concatenateTokens([emptyBlock(2), block])).toEqual(block);
    expect(concatenateTokens([block, emptyBlock(2)])).toEqual(block);
    expect(concatenateTokens([emptyBlock(2), emptyBlock(2)])).toEqual(emptyBlock(2));
  });
});
