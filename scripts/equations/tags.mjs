/** The papers, and the one spelling in which docstrings and test titles name what is in them. */

/**
 * What there is in each paper: the only facts about it that are neither read from the source nor from the atlas's data. MIRAS does not
 * number its three chunk algorithms; they are counted in the order of its section 5.3.
 *
 * @type {Record<Paper, { source: string, tag: string, equations: number, algorithms: number, rows: string[] }>}
 */
export const papers = {
  titans: { source: "Titans (arXiv:2501.00663)", tag: "Titans", equations: 35, algorithms: 0, rows: [] },
  miras: {
    source: "MIRAS (arXiv:2504.13173)",
    tag: "MIRAS",
    equations: 32,
    algorithms: 3,
    rows: [
      ...["linear-attention", "retnet", "lightning", "dfw", "gla", "mamba2", "hgrn2", "deltanet", "longhorn"],
      ...["ttt-linear", "gated-deltanet", "rwkv7", "deltaproduct", "ttt-mlp", "titans-lmm", "moneta", "yaad"],
      ...["memora", "softmax-attention", "mesa"],
    ],
  },
  nl: { source: "Nested Learning (arXiv:2512.24695)", tag: "NL", equations: 121, algorithms: 1, rows: [] },
};

/**
 * @typedef {"titans" | "miras" | "nl"} Paper
 * @typedef {{ paper: Paper, id: string }} Reference an equation ("14"), an algorithm ("algorithm-1") or a row ("table-1-gla")
 * @typedef {{ references: Reference[], problems: string[] }} Tag what is named, and what is wrong with the way it is named
 */

const numbers = String.raw`\d+(?:-\d+)?(?:, \d+(?:-\d+)?)*`;
/** A row's name, or a star for a value that a title's template puts there. */
const row = String.raw`[a-z0-9-]+|\*`;
const titleTag = new RegExp(
  String.raw`\b(Titans|MIRAS|NL) (?:(Eq\.|Algorithm) (${numbers})|Table 1 row (${row}))(?=:|;| and |$)`,
  "g",
);
const looseTitleTag = /\b(?:Titans|MIRAS|NL|Nested Learning),? \(?(?:Eq|Algorithm|Table)/gi;

/** @returns {[Paper, typeof papers[Paper]][]} */
export function paperEntries() {
  return /** @type {[Paper, typeof papers[Paper]][]} */ (Object.entries(papers));
}

/**
 * Everything that a paper numbers, in its order: equations, algorithms, rows.
 *
 * @param {Paper} paper
 * @returns {Reference[]}
 */
export function everythingIn(paper) {
  const { equations, algorithms, rows } = papers[paper];
  const ids = [
    ...Array.from({ length: equations }, (_, i) => String(i + 1)),
    ...Array.from({ length: algorithms }, (_, i) => `algorithm-${i + 1}`),
    ...rows.map((name) => `table-1-${name}`),
  ];
  return ids.map((id) => ({ paper, id }));
}

/**
 * What an id is of, and its number.
 *
 * @param {string} id
 * @returns {{ kind: "equation" | "algorithm" | "row", number: number | null, row: string | null }}
 */
export function kindOf(id) {
  if (id.startsWith("table-1-")) return { kind: "row", number: null, row: id.slice("table-1-".length) };
  if (id.startsWith("algorithm-"))
    return { kind: "algorithm", number: Number(id.slice("algorithm-".length)), row: null };
  return { kind: "equation", number: Number(id), row: null };
}

/**
 * How a docstring or, with the paper's short name, a test title names it.
 *
 * @param {Reference} reference
 * @param {"source" | "tag"} form
 */
export function spelled({ paper, id }, form) {
  const { kind, number, row: name } = kindOf(id);
  const what =
    kind === "equation" ? `Eq. ${number}` : kind === "algorithm" ? `Algorithm ${number}` : `Table 1 row ${name}`;
  return `${papers[paper][form]} ${what}`;
}

/**
 * What the text after `@see` names in a paper; nothing if it refers to something else.
 *
 * @param {string} text such as `Titans (arXiv:2501.00663) Eq. 13-14`, `Nested Learning (arXiv:2512.24695) Algorithm 1` or
 * `MIRAS (arXiv:2504.13173) Table 1`, which is all of its rows
 * @returns {Tag}
 */
export function parseSee(text) {
  if (!/\b(?:Eqs?|Algorithms?|Table 1)\b/i.test(text)) return { references: [], problems: [] };
  for (const [paper, { source }] of paperEntries()) {
    const what = text.startsWith(`${source} `) ? text.slice(source.length + 1) : "";
    const [, kind = "", list = ""] = what.match(new RegExp(`^(Eq\\.|Algorithm) (${numbers})$`)) ?? [];
    if (kind !== "") return expand(paper, list, kind === "Eq." ? "equation" : "algorithm");
    if (what === "Table 1") return rowsOf(paper, "*");
  }
  return { references: [], problems: [`"@see ${text}" is not of the form "@see ${papers.titans.source} Eq. 13-14"`] };
}

/**
 * What a test title names in the papers.
 *
 * @param {string} title such as `Titans Eq. 13-14: memoryUpdate equals the scalar recurrence`
 * @returns {Tag}
 */
export function parseTitle(title) {
  const tags = [...title.matchAll(titleTag)];
  const found = tags.map(([, tag, kind, list, name]) => {
    const entry = paperEntries().find(([, paper]) => paper.tag === tag);
    const paper = /** @type {Paper} */ (entry?.[0]);
    return name === undefined
      ? expand(paper, list ?? "", kind === "Eq." ? "equation" : "algorithm")
      : rowsOf(paper, name);
  });
  const problems = found.flatMap((tag) => tag.problems);
  if ((title.match(looseTitleTag)?.length ?? 0) !== tags.length)
    problems.push(`the title "${title}" names an equation in another form than "Titans Eq. 13-14: symbol ..."`);
  return { references: found.flatMap((tag) => tag.references), problems };
}

/**
 * @param {Paper} paper
 * @param {string} list such as `1-2, 5`
 * @param {"equation" | "algorithm"} kind
 * @returns {Tag}
 */
function expand(paper, list, kind) {
  /** @type {Tag} */
  const tag = { references: [], problems: [] };
  const { source, equations, algorithms } = papers[paper];
  const last = kind === "equation" ? equations : algorithms;
  for (const range of list.split(", ")) {
    const [from = 0, to = from] = range.split("-").map(Number);
    if (from < 1 || to > last || to < from || (range.includes("-") && to === from))
      tag.problems.push(
        `${source} ${kind === "equation" ? "Eq." : "Algorithm"} ${range} does not exist: the paper has ${last} ${kind}s`,
      );
    else
      for (let number = from; number <= to; number++)
        tag.references.push({ paper, id: kind === "equation" ? String(number) : `algorithm-${number}` });
  }
  return tag;
}

/**
 * @param {Paper} paper
 * @param {string} name of a row, or a star for all of them
 * @returns {Tag}
 */
function rowsOf(paper, name) {
  const { source, rows } = papers[paper];
  const named = name === "*" ? rows : rows.filter((known) => known === name);
  return {
    references: named.map((known) => ({ paper, id: `table-1-${known}` })),
    problems: named.length > 0 ? [] : [`${source} Table 1 row ${name} does not exist`],
  };
}

/**
 * Those symbols that a tagged title is about: each occurs in it as a word and implements something that it names.
 *
 * @template {{ symbol: string, references: Reference[] }} T
 * @param {string} title
 * @param {T[]} symbols
 * @returns {T[]}
 */
export function namedSymbols(title, symbols) {
  const { references } = parseTitle(title);
  return symbols.filter(
    ({ symbol, references: implemented }) =>
      new RegExp(String.raw`(?<![\w$])${symbol.replaceAll("$", String.raw`\$`)}(?![\w$])`).test(title) &&
      implemented.some((one) => references.some((other) => sameReference(one, other))),
  );
}

/**
 * @param {Reference} one
 * @param {Reference} other
 */
export function sameReference(one, other) {
  return one.paper === other.paper && one.id === other.id;
}
