/** Numbers as a report writes them. */
import type { PairedDifference } from "./paired-scores.ts";

/** Standard errors a difference must be away from zero to be called one. */
const CLEAR = 2;
const MOST_DECIMALS = 6;

/** Bits per byte. */
export function bits(value: number): string {
  return value.toFixed(3);
}

/** A whole number with its thousands apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** An amount of text. */
export function bytes(value: number): string {
  return `${count(value)} bytes`;
}

/** A duration. */
export function seconds(value: number): string {
  if (value < 60) return `${value.toFixed(1)} s`;
  const minutes = Math.round(value / 60);
  if (minutes >= 60) return `${count(Math.floor(minutes / 60))} h ${minutes % 60} min`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

/** A difference with its sign and standard error, in as many decimals as the error needs to show two digits. */
export function withError({ difference, standardError }: PairedDifference): string {
  const needed = standardError > 0 ? Math.ceil(-Math.log10(standardError)) + 1 : MOST_DECIMALS;
  const decimals = Math.min(MOST_DECIMALS, Math.max(3, needed));
  return `${signed(difference, decimals)} ±\u00a0${standardError.toFixed(decimals)}`;
}

/** A number with its sign, unless nothing but zeros is left of it. */
export function signed(value: number, decimals = 3): string {
  const digits = Math.abs(value).toFixed(decimals);
  if (Number(digits) === 0) return digits;
  return `${value < 0 ? "−" : "+"}${digits}`;
}

/** Whether a difference is more than its standard error explains. */
export function isClear({ difference, standardError }: PairedDifference): boolean {
  return Math.abs(difference) > CLEAR * standardError;
}

/** Pearson's correlation of two lists of the same length; 0 where one of them does not vary. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, n) => sum + n, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [product, squareA, squareB] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    product += (x - meanA) * (b[i]! - meanB);
    squareA += (x - meanA) ** 2;
    squareB += (b[i]! - meanB) ** 2;
  }
  return squareA * squareB === 0 ? 0 : product / Math.sqrt(squareA * squareB);
}
