/** What an attention layer lets each token see, as plain data: for people to look at. */
import { np, readSync, scope, type Tensor } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";

/** Rows or columns that belong together. */
export interface PatternGroup {
  /** Such as `persistent` or `segment`. */
  readonly name: string;
  /** How many rows or columns. */
  readonly size: number;
}

/** Who sees whom in an attention layer, as its own mask says. */
export interface AttentionPattern {
  /** One sentence: what a token sees. */
  readonly summary: string;
  /** What looks, from the first row on. */
  readonly queries: readonly PatternGroup[];
  /** What is looked at, from the first column on. */
  readonly keys: readonly PatternGroup[];
  /** [queries, keys] */
  readonly visible: readonly (readonly boolean[])[];
}

/**
 * A pattern from the mask that a layer computes with.
 *
 * ```ts
 * attentionPattern({ summary: "a token sees itself and what precedes it", queries: tokens, keys: tokens }, () => causalMask(positions, positions));
 * ```
 *
 * @param about the sentence, and the groups in order
 * @param mask makes the mask: booleans [queries, keys]
 * @throws ShapeError if the groups do not cover the mask
 */
export function attentionPattern(
  about: Pick<AttentionPattern, "summary" | "queries" | "keys">,
  mask: () => Tensor,
): AttentionPattern {
  const { shape, cells } = scope(() => {
    const made = mask();
    return { shape: made.shape, cells: readSync(np.astype(made, "int32")) };
  });
  const expected = [sizeOf(about.queries), sizeOf(about.keys)] as const;
  const [rows, columns] = expected;
  if (shape.length !== 2 || shape[0] !== rows || shape[1] !== columns) {
    throw new ShapeError(`the mask has shape [${shape}], and the groups are of [${expected}] queries and keys`);
  }
  const row = (query: number) => Array.from({ length: columns }, (_, key) => cells[query * columns + key] !== 0);
  return { ...about, visible: Array.from({ length: rows }, (_, query) => row(query)) };
}

function sizeOf(groups: readonly PatternGroup[]): number {
  return groups.reduce((total, { size }) => total + size, 0);
}
