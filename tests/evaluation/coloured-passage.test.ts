import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import {
  charactersOf,
  colouredPassage,
  passageLegend,
  SHADES,
  shadeLimits,
  shadeOf,
} from "../../src/evaluation/coloured-passage.ts";
import { escapeHtml, html } from "../../src/evaluation/html.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function spansOf(bytes: Uint8Array, surprises: readonly number[] = [...bytes.keys()]) {
  const markup = colouredPassage({ bytes, surprises, bits: surprises.map(() => 1.5) }).markup;
  return [...parseHTML(`<html><body>${markup}</body></html>`).document.querySelectorAll(".passage span")];
}

describe("colouredPassage", () => {
  it("shows one value a byte, and the characters as they are", () => {
    const text = "Naïve — “whale” 🐳 & <b>";
    const spans = spansOf(encode(text));
    expect(spans.map((span) => span.textContent).join("")).toBe(text);
    const values = spans.flatMap((span) => /surprise ([^;]*);/.exec(span.getAttribute("title")!)![1]!.split(", "));
    expect(values.map(Number)).toEqual([...encode(text).keys()]);
    const counted = spans.reduce((total, span) => total + Number(span.getAttribute("data-bytes")), 0);
    expect(counted).toBe(encode(text).length);
  });

  it("escapes markup in the text", () => {
    const bytes = encode("<script>alert('&')</script>");
    const { markup } = colouredPassage({ bytes, surprises: [...bytes], bits: [...bytes] });
    expect(markup).not.toContain("<script");
    expect(
      spansOf(bytes)
        .map((span) => span.textContent)
        .join(""),
    ).toBe("<script>alert('&')</script>");
  });

  it("shows a character cut off at an end, and bytes that are not UTF-8, as bytes", () => {
    const whale = encode("🐳");
    expect(charactersOf(whale.subarray(0, 2)).map(({ text }) => text)).toEqual(["\\xf0", "\\x9f"]);
    expect(charactersOf(Uint8Array.of(0x61, 0x80, 0xff, 0x62)).map(({ text }) => text)).toEqual([
      "a",
      "\\x80",
      "\\xff",
      "b",
    ]);
  });

  it("shows line breaks and other control characters as signs, so that they have a colour", () => {
    const spans = spansOf(encode("a\n\u0000\r\t"));
    expect(spans.map((span) => span.textContent)).toEqual(["a", "↵", "␀", "␍", "\t"]);
    expect(colouredPassage({ bytes: encode("\n"), surprises: [1], bits: [1] }).markup).toContain("↵</span>\n");
  });

  it("gives every shade to as many bytes, the darkest to the most surprising", () => {
    const values = Array.from({ length: 80 }, (_, i) => (i * 37) % 80);
    const limits = shadeLimits(values);
    const shades = values.map((value) => shadeOf(value, limits));
    for (let shade = 0; shade < SHADES; shade++) {
      // A value on a limit belongs below it, so the counts may differ by one.
      expect(Math.abs(shades.filter((s) => s === shade).length - 10)).toBeLessThanOrEqual(1);
    }
    expect(shadeOf(Math.max(...values), limits)).toBe(SHADES - 1);
    expect(shadeOf(Math.min(...values), limits)).toBe(0);
    expect(shadeOf(3, shadeLimits([3, 3, 3]))).toBe(0);
  });

  it("has a legend with the scale's ends", () => {
    const { markup } = passageLegend([0.25, 0.5, 0.75, 1.5]);
    expect(markup).toContain("0.25");
    expect(markup).toContain("1.50");
    expect(markup.match(/class="s\d"/g)).toHaveLength(SHADES);
  });
});

describe("html", () => {
  it("escapes what is put into it, in text and attributes, but not markup", () => {
    const inner = html`<i>${"a < b"}</i>`;
    expect(html`<p title="${`"'&`}">${inner}${[1, "&"]}${undefined}${false}</p>`.markup).toBe(
      '<p title="&quot;&#39;&amp;"><i>a &lt; b</i>1&amp;</p>',
    );
  });

  it("replaces control characters that HTML cannot hold", () => {
    expect(escapeHtml("a\u0000\u001b\n\tb")).toBe("a\ufffd\ufffd\n\tb");
  });
});
