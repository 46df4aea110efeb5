/** What the atlas says about a paper beyond what source and tests show: the files `atlas/<paper>.yaml`, keyed by id. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { everythingIn, paperEntries } from "./tags.mjs";

/**
 * @typedef {"implemented" | "identity tested" | "definition" | "motivation" | "empty"} Status what became of an entry: a symbol computes it,
 * a test proves it, a named symbol uses it, it motivates something, or there is nothing in print
 *
 * @typedef {object} AtlasData
 * @property {string} title one plain sentence
 * @property {string} section of the paper
 * @property {string} formula LaTeX, errata mended
 * @property {Status} status
 * @property {string | null} reason why no symbol computes it, where none does
 * @property {string | null} erratum what is wrong in print, and what is right
 */

/** @type {readonly Status[]} */
export const statuses = ["implemented", "identity tested", "definition", "motivation", "empty"];
const fields = ["title", "section", "formula", "status", "reason", "erratum"];

/**
 * @param {string} root a project
 * @returns {{ data: Map<string, AtlasData>, problems: string[] }} by `<paper> <id>`; what is left out is an empty text
 */
export function readAtlasData(root) {
  /** @type {Map<string, AtlasData>} */
  const data = new Map();
  /** @type {string[]} */
  const problems = [];
  for (const [paper] of paperEntries()) {
    const file = `scripts/equations/atlas/${paper}.yaml`;
    if (!existsSync(join(root, file))) continue;
    const known = new Set(everythingIn(paper).map(({ id }) => id));
    /** @type {Record<string, Record<string, unknown>>} */
    const entries = parse(readFileSync(join(root, file), "utf8")) ?? {};
    for (const [id, entry] of Object.entries(entries)) {
      if (!known.has(id)) problems.push(`${file}: the paper has no "${id}"`);
      for (const [field, value] of Object.entries(entry))
        if (!fields.includes(field) || typeof value !== "string")
          problems.push(`${file}: ${id}: "${field}" is not a text among ${fields.join(", ")}`);
      const text = (/** @type {string} */ field) => String(entry[field] ?? "").trim();
      const status = /** @type {Status} */ (text("status"));
      if (!statuses.includes(status))
        problems.push(`${file}: ${id}: the status "${status}" is not one of ${statuses.join(", ")}`);
      data.set(`${paper} ${id}`, {
        title: text("title"),
        section: text("section"),
        formula: text("formula"),
        status,
        reason: text("reason") || null,
        erratum: text("erratum") || null,
      });
    }
  }
  return { data, problems };
}
