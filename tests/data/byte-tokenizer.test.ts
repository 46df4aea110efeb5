import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertTokenizerFits, byteTokenizer, tokenizerFromDescription } from "../../src/data/index.ts";
import { DataError } from "../../src/utils/errors.ts";

const tokenizer = byteTokenizer();
/** Every kind of string, lone surrogates included. */
const anyString = fc.string({ unit: "binary" });

describe("byteTokenizer", () => {
  it("encodes text as Node's own UTF-8 does", () => {
    fc.assert(
      fc.property(anyString, (text) => {
        expect([...tokenizer.encode(text)]).toEqual([...Buffer.from(text, "utf8")]);
      }),
    );
  });

  it("gives back every text it encoded, a byte order mark included", () => {
    fc.assert(
      fc.property(anyString, (text) => {
        const tokens = tokenizer.encode(text);
        expect(tokenizer.decode(tokens)).toBe(Buffer.from(text, "utf8").toString("utf8"));
        expect(tokenizer.byteLength(tokens)).toBe(Buffer.byteLength(text));
      }),
    );
    expect(tokenizer.decode(tokenizer.encode("\uFEFFCall me Ishmael"))).toBe("\uFEFFCall me Ishmael");
  });

  it("decodes bytes that are not UTF-8 to replacement characters, as Node does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(tokenizer.decode(bytes)).toBe(Buffer.from(bytes).toString("utf8"));
      }),
    );
  });

  it.each([-1, 256, 0.5, Number.NaN])("refuses the token %s", (token) => {
    expect(() => tokenizer.decode([65, token])).toThrow(DataError);
    expect(() => tokenizer.byteLength([token])).toThrow(/no token .*; its tokens are 0 to 255/);
  });
});

describe("streamDecoder of bytes", () => {
  it("never emits a part of a character, at any cut of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(), (text, anywhere) => {
        const tokens = tokenizer.encode(text);
        const cut = anywhere % (tokens.length + 1);
        const stream = tokenizer.streamDecoder();
        let before = "";
        for (const token of tokens.subarray(0, cut)) before += stream.push(token);
        expect(text.startsWith(before)).toBe(true);
        // A lone half of a surrogate pair would not survive this.
        expect(Buffer.from(before).toString()).toBe(before);
        // What has been held back is less than one character.
        expect(cut - Buffer.byteLength(before)).toBeLessThan(4);
        let after = "";
        for (const token of tokens.subarray(cut)) after += stream.push(token);
        expect(before + after + stream.flush()).toBe(text);
      }),
    );
  });

  it("emits each character with its last byte", () => {
    const stream = tokenizer.streamDecoder();
    const emitted = [...tokenizer.encode("aé—🐋")].map((token) => stream.push(token));
    expect(emitted).toEqual(["a", "", "é", "", "", "—", "", "", "", "🐋"]);
  });

  it("equals decode on any bytes, and ends an unfinished character on flush", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const stream = tokenizer.streamDecoder();
        const text = [...bytes].map((byte) => stream.push(byte)).join("") + stream.flush();
        expect(text).toBe(tokenizer.decode(bytes));
      }),
    );
    const stream = tokenizer.streamDecoder();
    expect(stream.push(0xe2)).toBe("");
    expect(stream.flush()).toBe("\uFFFD");
    expect(stream.push(65)).toBe("A");
  });
});

describe("tokenizer descriptions", () => {
  it("restores the byte tokenizer from JSON", async () => {
    const restored = await tokenizerFromDescription(JSON.parse(JSON.stringify(tokenizer.describe())));
    expect(restored.describe()).toEqual(tokenizer.describe());
    expect(() => assertTokenizerFits(restored, tokenizer.describe())).not.toThrow();
  });

  it.each([
    [null, /not the description of a tokenizer/],
    [{ kind: "words" }, /not the description of a tokenizer/],
    [{ kind: "bytes", name: "bytes", vocabularySize: "256", fingerprint: "x" }, /at "vocabularySize"/],
    [{ kind: "bytes", name: "bytes", vocabularySize: 256, fingerprint: "utf-8-bytes", more: 1 }, /more/],
    [{ kind: "bytes", name: "bytes", vocabularySize: 256, fingerprint: "x" }, /"bytes" is damaged/],
    [{ kind: "bytes", name: "bytes", vocabularySize: 255, fingerprint: "utf-8-bytes" }, /"bytes" is damaged/],
  ])("refuses %j", async (json, message) => {
    const restored = tokenizerFromDescription(json);
    await expect(restored).rejects.toThrow(DataError);
    await expect(restored).rejects.toThrow(message);
  });
});
