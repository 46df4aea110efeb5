/** The equations of a paper as Markdown: formula, erratum, code and tests of every number, by section. */
import { sourceAddress } from "./links.mjs";

/**
 * @typedef {{ symbol: string, title: string, formula: string | null, file: string, line: number, entryPoint: string | null }} AtlasSymbol
 * @typedef {{ paper: "titans" | "miras" | "nl", id: string, kind: "equation" | "algorithm" | "row", number: number | null, title: string, section: string,
 *   formula: string, status: string, reason: string | null, erratum: string | null, symbols: AtlasSymbol[], tests: { file: string, title: string }[] }} AtlasEntry
 */

/** Files of the pages, by the name that the atlas has for a paper. */
export const paperPages = { titans: "titans", miras: "miras", nl: "nested-learning" };

const badges = /** @type {Record<string, string>} */ ({
  implemented: "tip",
  "identity tested": "info",
  definition: "info",
  motivation: "warning",
  empty: "warning",
});

/**
 * All entries of a paper, each with an anchor, by section.
 *
 * @param {readonly AtlasEntry[]} entries of the paper
 * @param {(symbol: AtlasSymbol) => string | undefined} apiAddress the page of a symbol in the API reference
 */
export function paperMarkdown(entries, apiAddress) {
  const bySection = grouped(entries);
  const sections = [...bySection].sort(([a], [b]) => compareSections(a, b));
  return sections
    .map(([section, some]) => {
      const heading = /^\d|^[A-Z](\.|$)/.test(section) ? `Section ${section}` : section;
      return [
        `## ${text(heading)} {#section-${slug(section)}}`,
        ...some.map((entry) => entryMarkdown(entry, apiAddress)),
      ].join("\n\n");
    })
    .join("\n\n");
}

/**
 * The anchor of an entry: `eq-14`, `algorithm-1`, `table-1-gated-deltanet`.
 *
 * @param {AtlasEntry} entry
 */
export function anchorOf({ kind, id }) {
  return kind === "equation" ? `eq-${id}` : id;
}

/** @param {AtlasEntry} entry */
function nameOf({ kind, id, number }) {
  if (kind === "equation") return `Eq. ${id}`;
  return kind === "algorithm" ? `Algorithm ${number}` : `Table 1, ${id.replace("table-1-", "")}`;
}

/**
 * @param {AtlasEntry} entry
 * @param {(symbol: AtlasSymbol) => string | undefined} apiAddress
 */
function entryMarkdown(entry, apiAddress) {
  const { title, formula, status, reason, erratum, symbols, tests } = entry;
  const parts = [
    `### ${nameOf(entry)} <Badge type="${badges[status] ?? "info"}" text="${status}" /> {#${anchorOf(entry)}}`,
    text(title),
  ];
  if (formula !== "") parts.push(`$$\n${formula.trim()}\n$$`);
  if (erratum !== null) parts.push(`::: warning In print\n${text(erratum)}\n:::`);
  if (reason !== null) parts.push(`*${text(reason)}*`);
  if (symbols.length > 0)
    parts.push(symbols.map((symbol) => `- ${symbolMarkdown(symbol, apiAddress(symbol))}`).join("\n"));
  if (tests.length > 0) parts.push(testsMarkdown(tests));
  return parts.join("\n\n");
}

/**
 * @param {AtlasSymbol} symbol
 * @param {string | undefined} api
 */
function symbolMarkdown({ symbol, title, file, line, entryPoint }, api) {
  const name = api === undefined ? `\`${symbol}\`` : `[\`${symbol}\`](${api}){target="_self"}`;
  const source = `[${file.replace(/^src\//, "")}:${line}](${sourceAddress(file, line)}){target="_self"}`;
  const from = entryPoint === null ? "" : ` from \`${entryPoint}\``;
  return `${name}${from}: ${text(title)} Source: ${source}`;
}

/** @param {AtlasEntry["tests"]} tests */
function testsMarkdown(tests) {
  const items = tests.map(
    ({ file, title }) =>
      `<li>${html(title)} <a href="${sourceAddress(file)}" target="_self">${file.replace(/^tests\//, "")}</a></li>`,
  );
  const count = tests.length === 1 ? "1 test" : `${tests.length} tests`;
  return `<details class="tests"><summary>${count}</summary><ul>${items.join("")}</ul></details>`;
}

/**
 * Prose as Markdown: formulas and code stay, what Vue or HTML would read is written out.
 *
 * @param {string} prose
 */
function text(prose) {
  return prose.replaceAll("<", "&lt;").replaceAll("{{", "{&#8203;{");
}

/** @param {string} plain */
function html(plain) {
  return plain.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("{{", "{&#8203;{").replaceAll("$", "&#36;");
}

/** @param {string} section */
function slug(section) {
  return section.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/**
 * Sections in the order of a paper: numbers by value, then appendices by letter.
 *
 * @param {string} a
 * @param {string} b
 */
function compareSections(a, b) {
  const isNumber = (/** @type {string} */ section) => /^\d/.test(section);
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

/**
 * Node 20 lacks `Map.groupBy`.
 *
 * @param {readonly AtlasEntry[]} entries
 */
function grouped(entries) {
  /** @type {Map<string, AtlasEntry[]>} */
  const groups = new Map();
  for (const entry of entries) groups.set(entry.section, [...(groups.get(entry.section) ?? []), entry]);
  return groups;
}
