/** Whether the atlas's formulas can be read by what typesets them. */
import katex from "katex";
import { spelled } from "./tags.mjs";

/**
 * @param {import("./registry.mjs").AtlasEntry[]} entries
 * @returns {string[]} a sentence for each formula, of the atlas or of a docstring, that KaTeX cannot read
 */
export function unreadable(entries) {
  /** @type {Set<string>} */
  const problems = new Set();
  for (const entry of entries) {
    if (entry.formula !== "") check(entry.formula, spelled(entry, "source"));
    for (const { symbol, file, line, formula } of entry.symbols)
      if (formula !== null) check(formula, `${file}:${line}: ${symbol}`);
  }
  return [...problems];

  /**
   * @param {string} formula
   * @param {string} where
   */
  function check(formula, where) {
    try {
      katex.renderToString(formula, { displayMode: true, throwOnError: true, strict: "error" });
    } catch (error) {
      problems.add(`${where}: the formula cannot be typeset: ${error instanceof Error ? error.message : error}`);
    }
  }
}
