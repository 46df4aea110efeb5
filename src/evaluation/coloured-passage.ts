/** A passage of text in which every byte is coloured by a number. */
import { type Html, html } from "./html.ts";

/** Steps of colour. */
export const SHADES = 8;
/** Where Unicode has the pictures of the characters from U+0000 on. */
const CONTROL_PICTURES = 0x2400;

/** A passage, with a number and, if it is known, a cost for each of its bytes. */
export interface Passage {
  readonly bytes: Uint8Array;
  /** How much each byte surprised the memory. */
  readonly surprises: readonly number[];
  /** What each byte cost to predict, in bits. */
  readonly bits: readonly number[];
}

/**
 * The numbers above which each shade but the first begins: every shade holds as many of the numbers as any other.
 *
 * @returns SHADES - 1 numbers, ascending
 */
export function shadeLimits(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return Array.from({ length: SHADES - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / SHADES)] ?? 0);
}

/** The shade of a number, from 0 to SHADES - 1. */
export function shadeOf(value: number, limits: readonly number[]): number {
  return limits.filter((limit) => value > limit).length;
}

/**
 * The passage as markup: one `span` a character, whose shade is that of its most surprising byte and whose title gives the numbers of all its bytes. Bytes
 * that are not UTF-8 get a span each.
 *
 * @param passage as many numbers as bytes
 */
export function colouredPassage(passage: Passage): Html {
  const limits = shadeLimits(passage.surprises);
  const spans = charactersOf(passage.bytes).map(({ from, to, text }) => {
    const surprises = passage.surprises.slice(from, to);
    const bits = passage.bits.slice(from, to).reduce((sum, n) => sum + n, 0);
    const shade = shadeOf(Math.max(...surprises), limits);
    const title = `surprise ${surprises.map((value) => value.toFixed(3)).join(", ")}; ${bits.toFixed(1)} bits to predict`;
    return html`<span class="s${shade}" data-bytes="${to - from}" title="${title}">${visible(text)}</span>${text === "\n" && "\n"}`;
  });
  return html`<div class="passage" lang="">${spans}</div>`;
}

/** What the shades mean. */
export function passageLegend(surprises: readonly number[]): Html {
  const limits = [Math.min(...surprises), ...shadeLimits(surprises), Math.max(...surprises)].map((n) => n.toFixed(2));
  const keys = Array.from({ length: SHADES }, (_, shade) => {
    return html`<span class="s${shade}" title="${limits[shade]} to ${limits[shade + 1]}"></span>`;
  });
  return html`<p class="scale"><span>${limits[0]}</span><span class="ramp">${keys}</span><span>${limits[SHADES]}</span><span>half of the bytes lie below ${limits[SHADES / 2]}</span></p>`;
}

interface Character {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Cuts bytes into UTF-8 characters; a byte that belongs to none stands alone. */
export function charactersOf(bytes: Uint8Array): Character[] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const characters: Character[] = [];
  for (let from = 0; from < bytes.length; ) {
    const length = lengthOf(bytes[from]!);
    const text = decodeWhole(decoder, bytes.subarray(from, from + length), length);
    const to = text === undefined ? from + 1 : from + length;
    characters.push({ from, to, text: text ?? `\\x${bytes[from]!.toString(16).padStart(2, "0")}` });
    from = to;
  }
  return characters;
}

/** A character as it is shown: line breaks as a sign before the break itself, which could not be coloured, and other control characters as their pictures. */
function visible(text: string): string {
  if (text === "\n") return "↵";
  return text < " " && text !== "\t" ? String.fromCodePoint(CONTROL_PICTURES + text.codePointAt(0)!) : text;
}

/** Bytes of the character that a byte begins. */
function lengthOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function decodeWhole(decoder: TextDecoder, bytes: Uint8Array, length: number): string | undefined {
  if (bytes.length < length) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
