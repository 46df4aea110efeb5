/** Next-byte cross-entropies of counting models: what a trained model has to beat. */
import { DataError } from "../utils/errors.ts";
import type { TextSource } from "./text-source.ts";

/** Bits per byte on the validation text, with counts from the training text. */
export interface NgramBaselines {
  /** Every byte by how frequent it is. */
  readonly order0: number;
  /** Every byte given the one before it. */
  readonly bigram: number;
  /** Every byte given the two before it, backed off to the bigram. */
  readonly trigram: number;
  /** How many bytes were scored. */
  readonly bytes: number;
}

const BYTES = 256;
/** Added to every count of order 0 and 1, so that what training never showed stays possible. */
const ADDED = 0.01;
/** How many observations the bigram is worth to the trigram. */
const BACK_OFF = 5;
const BLOCK = 1 << 20;

/**
 * Cross-entropies of byte n-grams.
 *
 * $$p_0(c) = \frac{n(c) + 0.01}{N + 2.56}, \qquad p_1(c \mid b) = \frac{n(bc) + 0.01}{n(b\,\cdot) + 2.56}, \qquad
 * p_2(c \mid ab) = \frac{n(abc) + 5\,p_1(c \mid b)}{n(ab\,\cdot) + 5}$$
 *
 * n counts the training text; n(b .) is the number of times b was followed by anything. Every byte of the validation text but the first is
 * scored, as for a model that is given the first byte; the second has no two bytes before it and its p_2 is p_1. Both texts are streamed.
 *
 * @param train the text to count
 * @param validation the text to score
 * @throws DataError if the validation text has fewer than two bytes
 */
export function ngramBaselines(train: TextSource, validation: TextSource): NgramBaselines {
  if (validation.byteLength < 2) {
    throw new DataError(
      `"${validation.name}" has ${validation.byteLength} bytes to validate on; at least 2 are needed`,
    );
  }
  const counts = countNgrams(train);
  const bits = { order0: 0, bigram: 0, trigram: 0 };
  eachByte(validation, (a, b, c) => {
    if (b === -1) return;
    const p1 = bigramProbability(counts, b, c);
    bits.order0 -= Math.log2((counts.bytes[c]! + ADDED) / (train.byteLength + ADDED * BYTES));
    bits.bigram -= Math.log2(p1);
    bits.trigram -= Math.log2(a === -1 ? p1 : trigramProbability(counts, a, b, c, p1));
  });
  const bytes = validation.byteLength - 1;
  return { order0: bits.order0 / bytes, bigram: bits.bigram / bytes, trigram: bits.trigram / bytes, bytes };
}

interface NgramCounts {
  /** n(c), shape [256]. */
  readonly bytes: Float64Array;
  /** n(bc), shape [256, 256]. */
  readonly pairs: Float64Array;
  /** n(b .), shape [256]. */
  readonly followed: Float64Array;
  /** For each pair ab that was followed by anything: n(abc), shape [256]. Text has a few thousand such pairs, not 65,536. */
  readonly triples: (Uint32Array | undefined)[];
  /** n(ab .), shape [256, 256]. */
  readonly pairsFollowed: Float64Array;
}

function countNgrams(text: TextSource): NgramCounts {
  const counts: NgramCounts = {
    bytes: new Float64Array(BYTES),
    pairs: new Float64Array(BYTES * BYTES),
    followed: new Float64Array(BYTES),
    triples: new Array<Uint32Array | undefined>(BYTES * BYTES).fill(undefined),
    pairsFollowed: new Float64Array(BYTES * BYTES),
  };
  eachByte(text, (a, b, c) => {
    counts.bytes[c]!++;
    if (b === -1) return;
    counts.pairs[b * BYTES + c]!++;
    counts.followed[b]!++;
    if (a === -1) return;
    const pair = a * BYTES + b;
    counts.triples[pair] ??= new Uint32Array(BYTES);
    counts.triples[pair][c]!++;
    counts.pairsFollowed[pair]!++;
  });
  return counts;
}

function bigramProbability(counts: NgramCounts, b: number, c: number): number {
  return (counts.pairs[b * BYTES + c]! + ADDED) / (counts.followed[b]! + ADDED * BYTES);
}

function trigramProbability(counts: NgramCounts, a: number, b: number, c: number, p1: number): number {
  const pair = a * BYTES + b;
  return ((counts.triples[pair]?.[c] ?? 0) + BACK_OFF * p1) / (counts.pairsFollowed[pair]! + BACK_OFF);
}

/** Visits each byte c with the two before it, a and b; -1 stands for before the beginning. */
function eachByte(text: TextSource, visit: (a: number, b: number, c: number) => void): void {
  let a = -1;
  let b = -1;
  for (let start = 0; start < text.byteLength; start += BLOCK) {
    for (const c of text.read(start, Math.min(BLOCK, text.byteLength - start))) {
      visit(a, b, c);
      a = b;
      b = c;
    }
  }
}
