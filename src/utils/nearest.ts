/** Suggests the name somebody probably meant. */
import { closest, distance } from "fastest-levenshtein";

/**
 * The valid name nearest to a mistyped one, by edit distance.
 *
 * @param name what was written
 * @param valid the names that exist
 * @returns the nearest valid name, or `undefined` if none is within half of the name's length
 */
export function nearestName(name: string, valid: readonly string[]): string | undefined {
  if (valid.length === 0) return undefined;
  const candidate = closest(name, valid);
  return distance(name, candidate) <= Math.max(2, Math.floor(name.length / 2)) ? candidate : undefined;
}

/**
 * One sentence for an unknown name: what was written, the nearest valid name, and all valid names.
 *
 * @param kind what the name stands for, such as `preset`
 * @param name what was written
 * @param valid the names that exist
 */
export function unknownName(kind: string, name: string, valid: readonly string[]): string {
  const suggestion = nearestName(name, valid);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  return `unknown ${kind} "${name}"${hint} (valid: ${valid.join(", ")})`;
}
