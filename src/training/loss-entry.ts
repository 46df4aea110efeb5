/** What the numbers of a training are called: a loss is in bits of something. */

const names = { byte: "bitsPerByte", "answer token": "bitsPerAnswerToken", token: "bitsPerToken" } as const;

/** What a loss is divided by: bytes of a text; of a task, tokens of answers, or all tokens where all are trained on. */
export type LossUnit = keyof typeof names;

type LossName = (typeof names)[LossUnit];

/** A loss in bits, under one of the names. */
export type LossEntry = {
  [N in LossName]: { readonly [M in N]: number } & { readonly [M in Exclude<LossName, N>]?: never };
}[LossName];

/** A loss under the name that its unit gives it. */
export function lossEntry(bits: number, unit: LossUnit): LossEntry {
  return { [names[unit]]: bits } as LossEntry;
}

/** Whether something has a loss. */
export function hasLoss(facts: object): facts is LossEntry {
  return Object.values(names).some((name) => (facts as Partial<Record<LossName, number>>)[name] !== undefined);
}

/**
 * The number of bits, and of what.
 *
 * @throws TypeError if there is no loss
 */
export function lossOf(entry: LossEntry): { readonly bits: number; readonly unit: LossUnit } {
  for (const [unit, name] of Object.entries(names) as [LossUnit, LossName][]) {
    const bits = entry[name];
    if (bits !== undefined) return { bits, unit };
  }
  throw new TypeError("an entry without a loss");
}
