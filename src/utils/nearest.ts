/** Suggests the name somebody probably meant. */
import { closest, distance } from "fastest-levenshtein";

/**
 * The valid name nearest to a mistyped one, by edit distance. Of a name in parts, such as `miras:gla`, the last may be all that was written.
 *
 * @param name what was written
 * @param valid the names that exist
 * @returns the nearest valid name, or `undefined` if none is within half of the name's length and has a letter of it
 */
export function nearestName(name: string, valid: readonly string[]): string | undefined {
  if (valid.length === 0) return undefined;
  const byForm = new Map(valid.map((whole) => [whole.slice(whole.lastIndexOf(":") + 1), whole]));
  for (const whole of valid) byForm.set(whole, whole);
  const candidate = closest(name, [...valid, ...byForm.keys()]);
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 2)));
  return distance(name, candidate) <= most ? byForm.get(candidate) : undefined;
}

/**
 * One sentence for an unknown name: what was written, the nearest valid name, and all valid names.
 *
 * @param kind what the name stands for, such as `preset`
 * @param name what was written
 * @param valid the names that exist
 * @param listed what stands for all of them where they are too many
 */
export function unknownName(kind: string, name: string, valid: readonly string[], listed = valid): string {
  const suggestion = nearestName(name, valid);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  return `unknown ${kind} "${name}"${hint} (valid: ${listed.join(", ")})`;
}
