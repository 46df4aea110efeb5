import { describe, expect, it } from "vitest";
import {
  byteTokenizer,
  encodeText,
  huggingFaceTokenizer,
  openCorpus,
  openTokenizer,
  textSource,
} from "../../src/data/index.ts";
import { llamaLike, SMALL_BPE, unigramLike, wordPieceLike } from "./tokenizer-kinds.ts";

const moby = await openCorpus("moby-dick");
/** Several pieces of 64 KiB. */
const excerpt = moby.slice(0, 300_000);
const text = Buffer.from(excerpt.read(0, excerpt.byteLength)).toString("utf8");

describe("encodeText", () => {
  it("gives the tokens of the whole text, in memory and on disk", async () => {
    const tokenizer = await openTokenizer(SMALL_BPE);
    const expected = tokenizer.encode(text);
    for (const memoryLimit of [2 ** 30, 1000]) {
      const tokens = await encodeText(excerpt, tokenizer, { memoryLimit });
      expect(tokens.length).toBe(expected.length);
      expect(Buffer.from(tokens.read(0, tokens.length).buffer).equals(Buffer.from(expected.buffer))).toBe(true);
      expect([...tokens.read(70_001, 13)]).toEqual([...expected.subarray(70_001, 70_014)]);
      expect(() => tokens.read(tokens.length - 1, 2)).toThrow(/not within "moby-dick"/);
      tokens.close();
    }
  });

  it.each([
    ["WordPiece", wordPieceLike],
    ["Unigram", unigramLike],
  ])("gives the tokens of the whole text with %s", async (name, json) => {
    const tokenizer = await huggingFaceTokenizer(json, name);
    // Two pieces: the package's Unigram model cannot encode many more characters at once.
    const short = excerpt.slice(0, 80_000);
    const expected = tokenizer.encode(Buffer.from(short.read(0, short.byteLength)).toString("utf8"));
    const tokens = await encodeText(short, tokenizer);
    expect(Buffer.from(tokens.read(0, tokens.length).buffer).equals(Buffer.from(expected.buffer))).toBe(true);
  });

  it("adds at most one prefix a piece for a tokenizer that begins every text with one", async () => {
    const tokenizer = await huggingFaceTokenizer(llamaLike, "llama");
    const tokens = await encodeText(excerpt, tokenizer);
    const decoded = tokenizer.decode(tokens.read(0, tokens.length));
    const extra = decoded.length - text.length;
    expect(extra).toBeGreaterThanOrEqual(0);
    expect(extra).toBeLessThan(5);
    expect(decoded.replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
  });

  it("keeps characters whole where a text has no white space", async () => {
    const tokenizer = await openTokenizer(SMALL_BPE);
    // Whales take four bytes: the first block ends between two of them; with a letter before them, inside one.
    for (const whales of ["🐋".repeat(40_000), `a${"🐋".repeat(40_000)}`, "ab".repeat(40_000)]) {
      const tokens = await encodeText(textSource(whales), tokenizer);
      expect(tokenizer.decode(tokens.read(0, tokens.length))).toBe(whales);
    }
  });

  it("keeps four bytes a token for large vocabularies", async () => {
    const json = { ...wordPieceLike, added_tokens: [{ id: 70_000, content: "whale", special: false }] };
    const tokenizer = await huggingFaceTokenizer(json, "large");
    const tokens = await encodeText(textSource("a whale"), tokenizer);
    expect([...tokens.read(0, tokens.length)]).toEqual([...tokenizer.encode("a whale")]);
    expect(tokens.read(0, tokens.length)).toContain(70_000);
  });

  it("reads the bytes of the text itself for a byte tokenizer", async () => {
    const tokens = await encodeText(excerpt, byteTokenizer());
    expect(tokens.length).toBe(excerpt.byteLength);
    expect(Buffer.from(Uint8Array.from(tokens.read(5, 1000))).equals(Buffer.from(excerpt.read(5, 1000)))).toBe(true);
    expect(() => tokens.read(0, tokens.length + 1)).toThrow(/not within/);
    tokens.close();
    expect(excerpt.read(0, 1).length).toBe(1);
  });

  it("gives no tokens for no text", async () => {
    expect((await encodeText(textSource(""), await openTokenizer(SMALL_BPE))).length).toBe(0);
  });
});
