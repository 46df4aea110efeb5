import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryBytes } from "../../src/data/byte-store.ts";
import { splits, type TextSource, textSource } from "../../src/data/index.ts";
import { storedText } from "../../src/data/text-source.ts";
import { ConfigError, DataError } from "../../src/utils/errors.ts";

const all = (text: TextSource) => Buffer.from(text.read(0, text.byteLength)).toString("utf8");

/** Documents with an empty line between them, as corpora have it. */
function documents(...texts: string[]): TextSource {
  const starts: number[] = [];
  let whole = "";
  for (const text of texts) {
    if (whole !== "") whole += "\n\n";
    starts.push(Buffer.byteLength(whole));
    whole += text;
  }
  return storedText("documents", memoryBytes(Buffer.from(whole)), starts);
}

describe("TextSource", () => {
  it("reads ranges and slices of slices like the bytes themselves", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(), fc.nat(), fc.nat(), (text, x, y, z) => {
        const bytes = Buffer.from(text);
        const [from, to] = [x % (bytes.length + 1), y % (bytes.length + 1)].sort((a, b) => a - b) as [number, number];
        const slice = textSource(text).slice(from, to);
        const start = z % (slice.byteLength + 1);
        const expected = [...bytes.subarray(from, to).subarray(start)];
        expect([...slice.read(start, slice.byteLength - start)]).toEqual(expected);
        expect([...slice.slice(start, slice.byteLength).read(0, expected.length)]).toEqual(expected);
      }),
    );
  });

  it("lists the documents that begin in a slice", () => {
    const text = documents("one", "two", "three");
    expect(text.documents).toEqual([0, 5, 10]);
    expect(text.slice(1, 10).documents).toEqual([4]);
    expect(text.slice(5, 15).documents).toEqual([0, 5]);
  });

  it.each([
    [-1, 2],
    [0, 6],
    [5, 1],
    [0.5, 1],
    [0, -1],
    [Number.NaN, 1],
  ])("refuses to read %d, %d of five bytes", (start, count) => {
    expect(() => textSource("whale", "novel").read(start, count)).toThrow(DataError);
    expect(() => textSource("whale", "novel").slice(start, start + count)).toThrow(/not within "novel", which has 5/);
  });
});

describe("splits", () => {
  it("cuts one document at floor((1 - v) N), and leaves nothing out", () => {
    const text = textSource("0123456789".repeat(10));
    const { train, validation } = splits(text, { validation: 0.1 });
    expect(train.byteLength).toBe(90);
    expect(all(train) + all(validation)).toBe(all(text));
  });

  it("never cuts a character, whatever the text and the share", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 3 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        (text, validation) => {
          const bytes = Buffer.byteLength(text);
          const wanted = Math.floor((1 - validation) * bytes);
          const parts = attempt(() => splits(textSource(text), { validation }));
          if (parts === undefined) return;
          expect(all(parts.train) + all(parts.validation)).toBe(text);
          expect(wanted - parts.train.byteLength).toBeGreaterThanOrEqual(0);
          expect(wanted - parts.train.byteLength).toBeLessThan(4);
        },
      ),
    );
  });

  it("cuts between documents where one begins within a fifth of the validation part", () => {
    const near = documents("a".repeat(80), "b".repeat(14), "c".repeat(4));
    // 102 bytes: the cut is meant for byte 91, the fifth is 2.04 bytes, and documents begin at 0, 82 and 98.
    expect(splits(near, { validation: 0.1 }).train.byteLength).toBe(91);
    const wider = splits(near, { validation: 0.2 });
    // Meant for byte 81; the document at 82 is within 4.08 bytes.
    expect(wider.train.byteLength).toBe(82);
    expect(all(wider.validation)).toBe(`${"b".repeat(14)}\n\n${"c".repeat(4)}`);
    expect(wider.validation.documents).toEqual([0, 16]);
  });

  it("takes the nearest document, the earlier of two equally near, and never the first", () => {
    const starts = (...offsets: number[]) => storedText("t", memoryBytes(new Uint8Array(100).fill(97)), offsets);
    expect(splits(starts(0, 45, 48, 53), { validation: 0.5 }).train.byteLength).toBe(48);
    expect(splits(starts(0, 45, 55), { validation: 0.5 }).train.byteLength).toBe(45);
    expect(splits(starts(0), { validation: 0.99 }).train.byteLength).toBe(1);
  });

  it("is the same every time", () => {
    const text = documents("one", "two", "three", "four");
    const first = splits(text, { validation: 0.3 });
    const second = splits(text, { validation: 0.3 });
    expect(all(first.train)).toBe(all(second.train));
  });

  it("cuts anywhere in what is not UTF-8", () => {
    const text = textSource(new Uint8Array(100).fill(0x80));
    expect(splits(text, { validation: 0.1 }).train.byteLength).toBe(90);
  });

  it.each([0, 1, -0.1, 1.5, Number.NaN])("refuses the share %d", (validation) => {
    expect(() => splits(textSource("whale"), { validation })).toThrow(ConfigError);
  });

  it.each(["", "a", "🐋"])("refuses %j, of which a part would be empty", (text) => {
    expect(() => splits(textSource(text, "short"), { validation: 0.1 })).toThrow(/"short" is too short to split/);
  });
});

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return undefined;
  }
}
