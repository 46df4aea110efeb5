/** What the numbers of a training are called: a loss is in bits of something. */

/** A loss in bits: of text for each byte, of a task for each token of an answer. */
export type LossEntry =
  | { readonly bitsPerByte: number; readonly bitsPerAnswerToken?: never }
  | { readonly bitsPerAnswerToken: number; readonly bitsPerByte?: never };

/** What a loss is divided by. */
export type LossUnit = "byte" | "answer token";

/** A loss under the name that its unit gives it. */
export function lossEntry(bits: number, unit: LossUnit): LossEntry {
  return unit === "byte" ? { bitsPerByte: bits } : { bitsPerAnswerToken: bits };
}

/** The number of bits, and of what. */
export function lossOf(entry: LossEntry): { readonly bits: number; readonly unit: LossUnit } {
  const { bitsPerByte, bitsPerAnswerToken } = entry;
  return bitsPerByte === undefined
    ? { bits: bitsPerAnswerToken, unit: "answer token" }
    : { bits: bitsPerByte, unit: "byte" };
}
