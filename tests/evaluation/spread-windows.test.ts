import { describe, expect, it } from "vitest";
import { memoryTokens } from "../../src/data/index.ts";
import { passageAt, promptOf } from "../../src/evaluation/passages.ts";
import { spreadWindows } from "../../src/evaluation/spread-windows.ts";
import { DataError } from "../../src/utils/errors.ts";

const counting = (length: number) => memoryTokens(Int32Array.from({ length }, (_, i) => i));
const bytesOf = (text: string) => memoryTokens(Int32Array.from(new TextEncoder().encode(text)));

describe("spreadWindows", () => {
  it("reads the whole text where as much is asked for: every target once", () => {
    const batches = spreadWindows(counting(61), { batch: 3, length: 5, targets: 1000 });
    const targets = batches.flatMap(({ tokens, batch, length }) =>
      Array.from({ length: batch }, (_, row) => [...tokens.slice(row * (length + 1) + 1, (row + 1) * (length + 1))]),
    );
    expect(targets.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  it("holds consecutive tokens in every row", () => {
    for (const { tokens, starts, length } of spreadWindows(counting(75), { batch: 2, length: 7, targets: 28 })) {
      const expected = starts.flatMap((start) => Array.from({ length: length + 1 }, (_, i) => start + i));
      expect([...tokens]).toEqual(expected);
    }
  });

  it("spreads fewer windows over the whole text, the rows of a batch far apart and none overlapping", () => {
    const starts = spreadWindows(counting(1001), { batch: 2, length: 10, targets: 100 }).map((batch) => batch.starts);
    expect(starts).toHaveLength(5);
    expect(starts.map(([first, second]) => second! - first!)).toEqual([500, 500, 500, 500, 500]);
    expect(starts.map(([first]) => first)).toEqual([0, 100, 200, 300, 400]);
  });

  it("makes smaller batches of a short text, and refuses one that has not two windows", () => {
    expect(spreadWindows(counting(25), { batch: 16, length: 8, targets: 1000 })[0]!.batch).toBe(3);
    expect(() => spreadWindows(counting(16), { batch: 16, length: 8, targets: 1000 })).toThrow(DataError);
  });
});

describe("passageAt", () => {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

  it("begins with a paragraph", () => {
    const text = "First words.\nMore of them.\n\nSecond paragraph, and its end.";
    expect(decode(passageAt(bytesOf(text), 0.1, 16))).toBe("Second paragraph");
    expect(decode(passageAt(bytesOf(text.replaceAll("\n", "\r\n")), 0.1, 16))).toBe("Second paragraph");
  });

  it("begins with a word where no paragraph does, and with a character where no word does", () => {
    expect(decode(passageAt(bytesOf("one two three four"), 0.3, 5))).toBe("three");
    expect(decode(passageAt(bytesOf("ééééé"), 0.1, 4))).toBe("éé");
  });

  it("is the whole text where that is shorter", () => {
    expect(decode(passageAt(bytesOf("short"), 0.5, 100))).toBe("short");
  });

  it("has a prompt that ends with a word", () => {
    const passage = new TextEncoder().encode("Call me Ishmael.");
    expect(promptOf(passage, 12)).toBe("Call me");
    expect(promptOf(passage, 3)).toBe("Cal");
  });
});
