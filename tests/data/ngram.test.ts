import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ngramBaselines, openCorpus, splits, textSource } from "../../src/data/index.ts";
import { DataError } from "../../src/utils/errors.ts";

/** The same models written with counts of substrings, slow and plain. */
function naiveBaselines(train: string, validation: string) {
  const count = (part: string, text: string) => {
    let found = 0;
    for (let i = 0; i + part.length <= text.length; i++) if (text.startsWith(part, i)) found++;
    return found;
  };
  /** How often a context is followed by anything. */
  const followed = (context: string) => count(context, train.slice(0, -1));
  const p0 = (c: string) => (count(c, train) + 0.01) / (train.length + 2.56);
  const p1 = (b: string, c: string) => (count(b + c, train) + 0.01) / (followed(b) + 2.56);
  const p2 = (a: string, b: string, c: string) => (count(a + b + c, train) + 5 * p1(b, c)) / (followed(a + b) + 5);
  let [order0, bigram, trigram] = [0, 0, 0];
  const scored = validation.length - 1;
  for (let i = 1; i < validation.length; i++) {
    const c = validation[i]!;
    const b = validation[i - 1]!;
    order0 -= Math.log2(p0(c)) / scored;
    bigram -= Math.log2(p1(b, c)) / scored;
    trigram -= Math.log2(i === 1 ? p1(b, c) : p2(validation[i - 2]!, b, c)) / scored;
  }
  return { order0, bigram, trigram };
}

const latin = (text: string) => textSource(Buffer.from(text, "latin1"));

describe("ngramBaselines", () => {
  it("equals counting substrings, unseen bytes and contexts included", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "\u00ff"), minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(text, text, (train, validation) => {
        const actual = ngramBaselines(latin(train), latin(validation));
        const expected = naiveBaselines(train, validation);
        // Both are sums of at most 60 doubles: only their rounding differs.
        expect(actual.order0).toBeCloseTo(expected.order0, 10);
        expect(actual.bigram).toBeCloseTo(expected.bigram, 10);
        expect(actual.trigram).toBeCloseTo(expected.trigram, 10);
        expect(actual.bytes).toBe(validation.length - 1);
      }),
    );
  });

  it("is a probability: over all next bytes it sums to one", () => {
    const train = latin("the whale and the sea and the ship");
    for (const context of ["th", "zz", " t"]) {
      const sums = { order0: 0, bigram: 0, trigram: 0 };
      const without = ngramBaselines(train, latin(context));
      for (let byte = 0; byte < 256; byte++) {
        const scored = ngramBaselines(train, latin(context + String.fromCharCode(byte)));
        for (const order of ["order0", "bigram", "trigram"] as const) {
          sums[order] += 2 ** -(scored[order] * 2 - without[order]);
        }
      }
      for (const sum of Object.values(sums)) expect(sum).toBeCloseTo(1, 10);
    }
  });

  it("has the known values on the last tenth of Moby Dick", async () => {
    const { train, validation } = splits(await openCorpus("moby-dick"), { validation: 0.1 });
    expect([train.byteLength, validation.byteLength]).toEqual([1_084_497, 120_500]);
    const { order0, bigram, trigram, bytes } = ngramBaselines(train, validation);
    expect(bytes).toBe(120_499);
    expect(order0).toBeCloseTo(4.5711, 4);
    expect(bigram).toBeCloseTo(3.4952, 4);
    expect(trigram).toBeCloseTo(2.857, 4);
  });

  it("crosses blocks without losing a byte", () => {
    // Longer than one block of reading, and periodic, so that a context lost at a border would show in the counts.
    const text = "abc".repeat(400_000);
    const { bigram, trigram } = ngramBaselines(latin(text), latin(text));
    // b always follows a: 1 - p = 255 * 0.01 / 400,000 or less.
    expect(bigram).toBeLessThan(1e-5);
    expect(trigram).toBeLessThan(1e-5);
  });

  it.each(["", "a"])("refuses to validate on %j", (validation) => {
    expect(() => ngramBaselines(latin("whale"), latin(validation))).toThrow(DataError);
  });
});
